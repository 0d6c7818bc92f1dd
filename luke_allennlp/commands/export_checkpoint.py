"""The model of an archive in Hugging Face's layout."""

import argparse

from allennlp.commands.subcommand import Subcommand
from overrides import overrides

from luke_allennlp.commands.base import Command, add_force


@Subcommand.register("export-checkpoint")
class ExportCheckpoint(Command):
    """
    Registered as a `Subcommand` with name "export-checkpoint".

    Writes an archive as a directory that Hugging Face's classes load.
    """

    requires_plugins = True

    help = "Write an archive in Hugging Face's layout."
    description = "Write the model of an archive as a directory that Hugging Face's LUKE classes load."

    @overrides
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("archive", help="model.tar.gz, or the directory of a run that has one")
        parser.add_argument("directory", help="directory to write to")
        parser.add_argument(
            "--lite", action="store_true", help="of the entity table, write only the special rows"
        )
        parser.add_argument(
            "--dtype",
            choices=("float32", "float16", "bfloat16"),
            default="float32",
            help="type of the weights (default: float32)",
        )
        add_force(parser, "replace the directory if it exists")

    @overrides
    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.exchange import export_checkpoint

        exported = export_checkpoint(
            args.archive, args.directory, lite=args.lite, dtype=args.dtype, force=args.force
        )
        print(f"{args.directory}: load it by transformers.{exported.architecture}.from_pretrained")
        for note in exported.notes:
            print(note)
