"""
The `export-checkpoint` subcommand writes the model of an archive in Hugging Face's layout.
"""

import argparse

from allennlp.commands.subcommand import Subcommand
from overrides import overrides


@Subcommand.register("export-checkpoint")
class ExportCheckpoint(Subcommand):
    """
    Registered as a `Subcommand` with name "export-checkpoint".

    An archive as a directory that Hugging Face's classes load.
    """

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = "Write the model of an archive as a directory that Hugging Face's LUKE classes load."
        subparser = parser.add_parser(
            self.name, description=description, help="Write an archive in Hugging Face's layout."
        )
        subparser.add_argument(
            "archive", type=str, help="model.tar.gz, or the directory of a run that has one"
        )
        subparser.add_argument("directory", type=str, help="directory to write to")
        subparser.add_argument(
            "--lite", action="store_true", help="of the entity table write only the special rows"
        )
        subparser.add_argument(
            "-f", "--force", action="store_true", help="replace the directory if it is there already"
        )
        subparser.set_defaults(func=export_checkpoint_from_args)
        return subparser


def export_checkpoint_from_args(args: argparse.Namespace) -> None:
    """Runs the subcommand."""
    from luke_allennlp.exchange import export_checkpoint

    exported = export_checkpoint(args.archive, args.directory, lite=args.lite, force=args.force)
    print(f"{args.directory}: load it by transformers.{exported.architecture}.from_pretrained")
    for note in exported.notes:
        print(note)
