"""
The subcommands, by name. The module of one is imported when it is chosen, so that the others, and `--help`,
do not wait for torch.
"""

import argparse
import difflib
import gc
import importlib
from contextlib import contextmanager
from typing import Dict, Iterator, List, NamedTuple, Optional, Type

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.plugins import (
    import_commands_of_default_plugins,
    import_declared_plugins,
    import_package,
    import_plugins,
    import_registered_on_demand,
)
from allennlp.common.registrable import Registrable


class Known(NamedTuple):
    """A subcommand of AllenNLP itself: its module and class, and what `--help` says of it."""

    module: str
    class_name: str
    help: str


COMMANDS: Dict[str, Known] = {
    "build-vocab": Known("build_vocab", "BuildVocab", "Build a vocabulary from an experiment config file."),
    "cached-path": Known("cached_path", "CachedPath", "Cache remote files to the AllenNLP cache."),
    "checklist": Known("checklist", "CheckList", "Run a trained model through a checklist suite."),
    "count-instances": Known(
        "count_instances", "CountInstances", "Count the number of training instances in a config file."
    ),
    "diff": Known("diff", "Diff", "Display a diff between two model checkpoints."),
    "evaluate": Known("evaluate", "Evaluate", "Evaluate the specified model + dataset(s)."),
    "find-lr": Known("find_learning_rate", "FindLearningRate", "Find a learning rate range."),
    "predict": Known("predict", "Predict", "Use a trained model to make predictions."),
    "print-results": Known(
        "print_results", "PrintResults", "Print results from serialization directories to the console."
    ),
    "push-to-hf": Known("push_to_hf", "PushToHf", "Push a model to the Hugging Face Hub."),
    "test-install": Known("test_install", "TestInstall", "Test AllenNLP installation."),
    "train": Known("train", "Train", "Train a model."),
}

for _known in COMMANDS.values():
    Subcommand.register_on_demand(f"allennlp.commands.{_known.module}")


def command_class(class_name: str) -> Optional[Type[Subcommand]]:
    """The class of this name, if it is one of AllenNLP's subcommands."""
    for known in COMMANDS.values():
        if known.class_name == class_name:
            return getattr(importlib.import_module(f"allennlp.commands.{known.module}"), class_name)
    return None


def parse(parser: argparse.ArgumentParser, argv: List[str]) -> argparse.Namespace:
    """
    Adds the subcommands to the parser, parses the arguments, and imports the plugins that the subcommand
    needs.

    # Parameters

    parser : `argparse.ArgumentParser`
    argv : `List[str]`
        Without the name of the program.
    """
    with _without_collecting_garbage():
        return _parse(parser, argv)


def _parse(parser: argparse.ArgumentParser, argv: List[str]) -> argparse.Namespace:
    subparsers = parser.add_subparsers(title="Commands", metavar="")
    name = argv[0] if argv and not argv[0].startswith("-") else None
    command: Optional[Type[Subcommand]]
    if name is not None and name in COMMANDS:
        command = _add(subparsers, name)
    else:
        if name is None:
            # For the help.
            for known_name, known in COMMANDS.items():
                subparsers.add_parser(known_name, help=known.help, add_help=False)
        commands = {other: _add(subparsers, other) for other in _plugin_commands(name, argv)}
        if name is not None and name not in commands:
            parser.error(_unknown(name, sorted({*COMMANDS, *commands})))
        command = commands.get(name) if name is not None else None
    args = parser.parse_args(argv)
    if command is not None and command.requires_plugins:
        import_plugins()
    args.command_class = command
    return args


@contextmanager
def _without_collecting_garbage() -> Iterator[None]:
    """Imports make many objects that stay: looking through them would take a tenth of the start."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _add(subparsers: argparse._SubParsersAction, name: str) -> Type[Subcommand]:
    if name in COMMANDS:
        importlib.import_module(f"allennlp.commands.{COMMANDS[name].module}")
    command_class: Type[Subcommand] = Registrable._registry[Subcommand][name][0]
    subparser = command_class().add_subparser(subparsers)
    # All that plugins have take the option that may be what made them known.
    if command_class.requires_plugins or name not in COMMANDS:
        subparser.add_argument(
            "--include-package",
            type=str,
            action="append",
            default=[],
            help="additional packages to include",
        )
    return command_class


def _plugin_commands(name: Optional[str], argv: List[str]) -> List[str]:
    """
    The names of the subcommands of plugins and included packages. They are registered when the package is
    imported, or in modules that it names by `Subcommand.register_on_demand`.
    """
    import_declared_plugins()
    included = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    included.add_argument("--include-package", action="append", default=[])
    for package_name in included.parse_known_args(argv)[0].include_package:
        include_package(package_name)
    while Subcommand.import_on_demand(lambda base, module: base is Subcommand and not _is_own(module)):
        pass
    registered = Registrable._registry[Subcommand]
    if name not in registered:
        import_commands_of_default_plugins()
    return sorted(other for other in registered if other not in COMMANDS)


def _is_own(module: str) -> bool:
    return module.startswith("allennlp.")


def _unknown(name: str, names: List[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3)
    suggestion = f"did you mean {' or '.join(repr(other) for other in near)}? " if near else ""
    return f"there is no command {name!r}; {suggestion}`allennlp --help` lists them all"


def include_package(package_name: str) -> None:
    """
    Imports a package that the user names.

    # Raises

    `ConfigurationError`
        There is none of this name.
    """
    try:
        import_package(package_name)
    except ModuleNotFoundError as error:
        # Not what the package itself imports in vain: that is a traceback's matter.
        if error.name is None or not f"{package_name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(
            f"--include-package {package_name}: there is no module {error.name!r} here or among the "
            "installed packages; check the spelling, or install it"
        ) from error


def run(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Runs the subcommand that was chosen, or prints the help."""
    # A subcommand's parser sets its work as `args.func`.
    if not hasattr(args, "func"):
        parser.print_help()
        return
    for package_name in getattr(args, "include_package", None) or []:
        include_package(package_name)
    if args.command_class is not None and args.command_class.requires_plugins:
        # They may have checks of what the command does.
        import_registered_on_demand()
    args.func(args)
