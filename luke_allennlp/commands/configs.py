"""The configs of the experiments that come with this package."""

import argparse
from pathlib import Path
from typing import List

from allennlp.commands.subcommand import Subcommand

from luke_allennlp.commands.base import Command, add_force


@Subcommand.register("configs")
class Configs(Command):
    """
    Registered as a `Subcommand` with name "configs".

    Lists the experiments that come with this package, and copies their configs.
    """

    help = "List the experiments that come with this package, or copy one's config."
    description = """List the experiments that come with this package, with the row of the paper and its
    score; or, with `cp`, copy the config of one to a directory, with the libraries that it imports, to train
    or to change."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(
            dest="action", metavar="[cp]", help="without it, the experiments are listed"
        )
        help = "copy the config of an experiment"
        copy = actions.add_parser("cp", help=help, description=f"{help.capitalize()}, and what it imports.")
        copy.add_argument("config", help="its name, such as ner/conll")
        copy.add_argument("directory", help="where to copy it to; made if it is missing")
        add_force(copy, "replace files that are there with another content")
        # Read already, and to be allowed behind `cp` too.
        copy.add_argument("--include-package", action="append", help=argparse.SUPPRESS)

    def run(self, args: argparse.Namespace) -> None:
        if args.action is None:
            print("\n".join(_listing()))
        else:
            _copy(args.config, args.directory, args.force)


def _listing() -> List[str]:
    from luke_allennlp.experiments.shipped import shipped_experiments

    experiments = list(shipped_experiments().values())
    widths = [max(len(row[column]) for row in experiments) for column in range(3)]
    lines = []
    for previous, row in zip([None, *experiments], experiments, strict=False):
        if previous and previous.name.split("/")[0] != row.name.split("/")[0]:
            lines.append("")
        cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
        lines.append("  ".join([*cells, row.score]).rstrip())
    return [*lines, "", "Copy one: allennlp configs cp ner/conll my_configs"]


def _copy(name: str, directory: str, force: bool) -> None:
    from luke_allennlp.experiments.shipped import copy_experiment, find_experiment

    config, *libraries = copy_experiment(find_experiment(name), Path(directory), force)
    print(f"Copied {config}, and what it imports: {', '.join(map(str, libraries))}.")
    print(f"Train it: allennlp train {config}")
