"""What the subcommands share."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, ClassVar, Optional

from allennlp.commands.subcommand import Subcommand

from luke_allennlp.wikipedia.executors import Executor, add_executor_arguments, executor_from_args


class Command(Subcommand):
    """
    A subcommand. `run` imports what it needs, since all subcommands are imported whenever `allennlp` starts.
    `allennlp` reports a `ConfigurationError` in one sentence.
    """

    requires_plugins = False

    help: ClassVar[str]
    description: ClassVar[str]
    usage: ClassVar[Optional[str]] = None

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name, description=self.description, help=self.help, usage=self.usage
        )
        self.add_arguments(subparser)
        # Read by `allennlp` itself, before it imports anything.
        subparser.add_argument("--verbose", action="store_true", help="show all logging on the console")
        subparser.set_defaults(func=self._run)
        return subparser

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        raise NotImplementedError

    def run(self, args: argparse.Namespace) -> None:
        raise NotImplementedError

    def _run(self, args: argparse.Namespace) -> None:
        try:
            self.run(args)
        except BrokenPipeError:
            # The reader, such as `head`, has seen enough. Python would complain when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class JobCommand(Command):
    """A subcommand that makes `args.output` in tasks, which may run on a cluster."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_executor_arguments(parser)

    def build(self, args: argparse.Namespace, executor: Executor) -> bool:
        """Whether the output is there; if not, the tasks are submitted."""
        raise NotImplementedError

    def summary(self, args: argparse.Namespace) -> str:
        """What is in the output."""
        raise NotImplementedError

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.wikipedia.jobs import submitted

        is_built = self.build(args, executor_from_args(args))
        print(self.summary(args) if is_built else submitted(Path(args.output)))


def add_force(parser: Any, help: str = "replace the output if it is there and of the same kind") -> None:
    parser.add_argument("-f", "--force", action="store_true", help=help)


def add_number(parser: Any, name: str, default: Any, help: str) -> None:
    """An option that takes a number, of the type of its default."""
    parser.add_argument(
        name, type=type(default), default=default, metavar="N", help=f"{help} (default: {default})"
    )


def add_switch(parser: Any, name: str, default: Optional[bool], help: str) -> None:
    """An option with a `--no-` form."""
    parser.add_argument(name, action=argparse.BooleanOptionalAction, default=default, help=help)
