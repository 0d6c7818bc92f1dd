"""
Overrides of an archive's configuration that would change nothing.
"""

from typing import Any, Dict, Iterator, Optional, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.params import Params, parse_overrides

# Options of the command line that stand for what a command does not read in the configuration.
OPTIONS = {
    "trainer.cuda_device": "--cuda-device",
    "data_loader.batch_size": "--batch-size",
    "validation_data_loader.batch_size": "--batch-size",
    "train_data_path": "the file on the command line",
    "validation_data_path": "the file on the command line",
    "test_data_path": "the file on the command line",
}


def refuse_unused_overrides(
    overrides: Union[str, Dict[str, Any]],
    config: Params,
    command: str,
    uses: Tuple[str, ...],
    instead: Optional[Dict[str, str]] = None,
) -> None:
    """
    Raises a `ConfigurationError` for an override of something that the command does not use.

    # Parameters

    overrides : `Union[str, Dict[str, Any]]`
        As given to the command.
    config : `Params`
        The archive's configuration with the overrides.
    command : `str`
        For the message.
    uses : `Tuple[str, ...]`
        The keys of the configuration that the command uses.
    instead : `Dict[str, str]`, optional (default = `None`)
        Keys that it does not use, each with the one which it uses in its place. What is set in both is no
        error: an archive is loaded with all of its readers.
    """
    if isinstance(overrides, str):
        overrides = parse_overrides(overrides)
    for path in overrides:
        key, dot, rest = path.partition(".")
        if key in uses:
            continue
        counterpart = (instead or {}).get(key)
        if counterpart is not None:
            counterpart += dot + rest
            pairs = [(f"{other}.", f"{counterpart}.") for other in overrides]
            if any(one.startswith(two) or two.startswith(one) for one, two in pairs):
                continue
            hint = f"set {counterpart!r}"
        elif path in OPTIONS:
            hint = f"use {OPTIONS[path]}"
        else:
            used = config.as_dict(quiet=True)
            name = path.rpartition(".")[2]
            same = [found for use in uses for found in _paths(use, used.get(use), name)]
            hint = f"it uses {', '.join(use for use in uses if use in used)}"
            hint = f"did you mean {' or '.join(map(repr, same))}?" if same else hint
        raise ConfigurationError(
            f"the overrides set {path!r}, which `allennlp {command}` does not use with this archive; {hint}"
        )


def _paths(path: str, value: Any, name: str) -> Iterator[str]:
    """
    Where `name` is a key below `path`.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if key == name:
                yield f"{path}.{key}"
            yield from _paths(f"{path}.{key}", item, name)
