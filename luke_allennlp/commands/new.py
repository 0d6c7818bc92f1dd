"""From one's own data to a config."""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any, Dict

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from luke_allennlp.commands.base import Command, add_force

DEFAULT_MODEL = "studio-ousia/luke-base"


@Subcommand.register("new")
class New(Command):
    """
    Registered as a `Subcommand` with name "new".

    Reads data as training would, says what it found, and writes a config that suits it.
    """

    help = "Make a config for your own data."
    description = (
        "Read data as training would, say what was found in it, and write a config with the settings that "
        "suit it and the checkpoint. It trains as it stands."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "task", help="ner, entity_typing, relation_classification, cloze_qa or reading_comprehension"
        )
        parser.add_argument("--train", required=True, metavar="FILE", help="training data")
        parser.add_argument("--dev", metavar="FILE", help="validation data, by which the best epoch is kept")
        parser.add_argument("--test", metavar="FILE", help="test data, on which the training ends")
        parser.add_argument(
            "--model",
            default=DEFAULT_MODEL,
            metavar="NAME",
            help="a checkpoint of LUKE, RoBERTa, XLM-R or BERT: directory or hub id (default: %(default)s)",
        )
        parser.add_argument(
            "-o", "--output", default="my.jsonnet", metavar="FILE", help="the config (default: %(default)s)"
        )
        parser.add_argument(
            "--reader-options",
            type=json.loads,
            default={},
            metavar="JSON",
            help="options of the task's reader that files need, such as "
            '\'{"encoding": "latin-1"}\' (others are found by trying)',
        )
        add_force(parser, "replace the config if it is there")

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.experiments.tasks import find_task

        task, output = find_task(args.task), Path(args.output)
        files = {
            split: getattr(args, split)
            for split in ("train", "dev", "test")
            if getattr(args, split) is not None
        }
        if not isinstance(args.reader_options, dict):
            raise ConfigurationError(f"--reader-options is {args.reader_options!r}; expected a JSON object.")
        if output.is_dir():
            raise ConfigurationError(f"{output} is a directory; expected the name of a config in it.")
        if output.exists() and not args.force:
            raise ConfigurationError(f"{output} exists; give another --output, or --force to replace it.")
        for path in files.values():
            if "://" not in path and not Path(path).exists():
                raise ConfigurationError(f"{path}: there is no such file (looked from {str(Path.cwd())!r}).")
            if Path(path).is_fifo():
                raise ConfigurationError(
                    f"{path}: is a pipe, and data is read more than once; write it to a file first."
                )

        import torch

        from luke_allennlp.exchange.exportability import why_not_exportable
        from luke_allennlp.experiments.messages import quiet
        from luke_allennlp.experiments.new_config import NewConfig

        with quiet():
            new = NewConfig(task, files, args.model, args.reader_options)
            new.read()
            print(new.describe())
            text, config = new.write(output, torch.cuda.is_available())
        print(f"\n{output}:\n")
        print(text)
        for reason in why_not_exportable(config):
            print(f"export-checkpoint will refuse the model, as it {reason}.")
        if "dev" not in files:
            print("Without --dev no score is measured, and the last epoch is kept, be it the best or not.")
        print(self._next_steps(task, files, output, args))

    def _next_steps(self, task: str, files: Dict[str, str], output: Path, args: Any) -> str:
        from allennlp.common.plugins import discover_plugins

        package = "" if "luke_allennlp" in set(discover_plugins()) else " --include-package luke_allennlp"
        run = f"runs/{output.stem}"
        tested = shlex.quote(files.get("test") or files.get("dev") or files["train"])
        config = shlex.quote(str(output))
        return "\n".join(
            [
                "Next:",
                f"  allennlp train {config} -s {run}{package}",
                f"  allennlp evaluate {run} {tested}{package}",
                f"  allennlp predict {run} {tested} --use-dataset-reader --output-file predictions.jsonl"
                + package,
            ]
        )
