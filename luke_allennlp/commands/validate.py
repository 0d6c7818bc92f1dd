"""The mistakes of configs, without their data and models."""

import argparse
import sys

from allennlp.commands.subcommand import Subcommand

from luke_allennlp.commands.base import Command


@Subcommand.register("validate")
class Validate(Command):
    """
    Registered as a `Subcommand` with name "validate".

    Says all that is wrong in configs.
    """

    requires_plugins = True

    help = "Say all mistakes of configs, without data and weights."
    description = """Say all mistakes of configs of `allennlp train`: keys that nothing reads, with the
    nearest names, missing ones, unknown types, values of the wrong kind or out of range, each with its path
    and, where it is written in one place, the file and line. Neither data nor weights nor a GPU are needed;
    what depends on these, `allennlp train` checks before it starts. The exit status is 1 if there are
    mistakes."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("configs", nargs="+", metavar="CONFIG", help="Jsonnet or JSON")
        parser.add_argument(
            "-o",
            "--overrides",
            default="",
            help="a json(net) structure used to override the config, as of `allennlp train`",
        )

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.training.validation_report import mistakes_of

        count = 0
        for config in args.configs:
            lines = mistakes_of(config, args.overrides)
            count += len(lines)
            for line in lines:
                print(f"{config}: {line}")
        print(f"{count or 'no'} mistake{'' if count == 1 else 's'}")
        if count:
            sys.stdout.flush()
            sys.exit(1)
