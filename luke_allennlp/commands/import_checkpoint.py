"""An archive of a published fine-tuned LUKE."""

import argparse

from allennlp.commands.subcommand import Subcommand
from overrides import overrides

from luke_allennlp.commands.base import Command, add_force


@Subcommand.register("import-checkpoint")
class ImportCheckpoint(Command):
    """
    Registered as a `Subcommand` with name "import-checkpoint".

    Makes an AllenNLP archive of a fine-tuned model of Hugging Face's classes, or of the original release.
    """

    requires_plugins = True

    help = "Make an archive of a fine-tuned LUKE."
    description = "Make an archive of a published fine-tuned LUKE, for `allennlp evaluate` and `predict`."

    @overrides
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "source",
            help="a fine-tuned LUKE: directory or hub id in Hugging Face's layout, directory or tarball "
            "in the original release's",
        )
        parser.add_argument(
            "-s", "--serialization-dir", required=True, help="directory to write the archive to"
        )
        parser.add_argument(
            "--task",
            help="such as ner or entity_typing (default: detected by class or head)",
        )
        parser.add_argument(
            "--labels",
            metavar="FILE",
            help="the labels, one per line, in the order of the head's rows (default: the config's)",
        )
        parser.add_argument(
            "--lite",
            action="store_true",
            help="drop what only a later export would need, such as the whole entity table",
        )
        add_force(parser, "replace the directory if it exists")

    @overrides
    def run(self, args: argparse.Namespace) -> None:
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
