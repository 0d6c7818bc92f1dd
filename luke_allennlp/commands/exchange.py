"""Published checkpoints as archives, and archives in Hugging Face's layout."""

import argparse

from allennlp.commands.subcommand import Subcommand

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
            "--task", help="such as ner or entity_typing (default: detected by class or head)"
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

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.exchange import import_checkpoint

        options = {name: getattr(args, name) for name in ("task", "labels", "lite", "force")}
        print(import_checkpoint(args.source, args.serialization_dir, **options))


@Subcommand.register("export-checkpoint")
class ExportCheckpoint(Command):
    """
    Registered as a `Subcommand` with name "export-checkpoint".

    Writes an archive as a directory that Hugging Face's classes load.
    """

    requires_plugins = True

    help = "Write an archive in Hugging Face's layout."
    description = "Write the model of an archive as a directory that Hugging Face's LUKE classes load."

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

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.exchange import export_checkpoint

        options = {name: getattr(args, name) for name in ("lite", "dtype", "force")}
        exported = export_checkpoint(args.archive, args.directory, **options)
        print(f"{args.directory}: load it by transformers.{exported.architecture}.from_pretrained")
        for note in exported.notes:
            print(note)
