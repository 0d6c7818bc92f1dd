"""
The `import-checkpoint` subcommand makes an archive of a published fine-tuned LUKE, which `allennlp evaluate`
and `allennlp predict` then take.
"""

import argparse

from allennlp.commands.subcommand import Subcommand
from overrides import overrides


@Subcommand.register("import-checkpoint")
class ImportCheckpoint(Subcommand):
    """
    Registered as a `Subcommand` with name "import-checkpoint".

    A fine-tuned model of Hugging Face's classes, or of the original release, as an AllenNLP archive.
    """

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = "Make an archive of a published fine-tuned LUKE, for `allennlp evaluate` and `predict`."
        subparser = parser.add_parser(
            self.name, description=description, help="Make an archive of a fine-tuned LUKE."
        )
        subparser.add_argument(
            "source",
            type=str,
            help="a fine-tuned LUKE: directory or hub id in Hugging Face's layout, directory or tarball "
            "in the original release's",
        )
        subparser.add_argument(
            "-s", "--serialization-dir", required=True, type=str, help="directory to write the archive to"
        )
        subparser.add_argument(
            "--task",
            type=str,
            help="such as ner or entity_typing; by default found by the checkpoint's class or head",
        )
        subparser.add_argument(
            "--labels",
            type=str,
            metavar="FILE",
            help="the labels, one a line, in the order of the head's rows; by default the config's",
        )
        subparser.add_argument(
            "--lite",
            action="store_true",
            help="do not keep along what only a later export would need, such as the whole entity table",
        )
        subparser.add_argument(
            "-f", "--force", action="store_true", help="replace the directory if it is there already"
        )
        subparser.set_defaults(func=import_checkpoint_from_args)
        return subparser


def import_checkpoint_from_args(args: argparse.Namespace) -> None:
    """Runs the subcommand."""
    # Imported here, as it imports all of torch and the tasks.
    from luke_allennlp.exchange import import_checkpoint

    archive = import_checkpoint(
        args.source,
        args.serialization_dir,
        task=args.task,
        labels=args.labels,
        lite=args.lite,
        force=args.force,
    )
    print(archive)
