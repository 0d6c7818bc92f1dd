"""What is wrong with a config, in words: the errors of `config_check` and how they show types and values."""

import collections.abc
import inspect
import json
import logging
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Iterable, Optional, Set, Tuple, Union

from allennlp.common import Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.common.from_params import remove_optional

logger = logging.getLogger(__name__)

NAMES_OF_SCALARS = {int: "an integer", bool: "true or false", float: "a number", str: "a string"}


class Mistake(ConfigurationError):
    """
    Something wrong in a config.

    # Parameters

    path : `str`
        Where it stands, its keys joined by dots; empty for the config itself.
    message : `str`
        What was found and what was expected.
    depth : `Tuple[int, int]`, optional (default = `(len(path), 0)`)
        Of the errors for the members of a `Union`, the one with the greatest knows most about what was meant:
        how deep in the config, then whether the kind of value (0), the `type` (1) or an option (2) is wrong.
    """

    def __init__(self, path: str, message: str, depth: Optional[Tuple[int, int]] = None) -> None:
        super().__init__(f"{path or 'config'}: {message}")
        self.depth = depth or (len(path), 0)


def check_unknown_option(path: str, key: str, owner: str, options: Iterable[str], ignored: bool) -> None:
    """
    Raises for an unknown option. One that AllenNLP ignores, as configs of its older releases have, is an
    error only if it looks misspelt, and otherwise told in the log.
    """
    names = list(options)
    close = get_close_matches(key, names, n=1, cutoff=0.75 if ignored else 0.6)
    if ignored and not close:
        logger.warning('%s: %s has no option "%s"; AllenNLP ignores it.', path or "config", owner, key)
        return
    hint = f'; did you mean "{close[0]}"?' if close else "."
    listed = f" Its options are: {', '.join(names)}." if names else " It has no options."
    raise Mistake(path, f'no option "{key}" for {owner}{hint}{listed}', depth=(len(path), 2))


def check_scalar(path: str, value: Any, annotation: Any) -> None:
    """Raises if `value` is none that `construct_arg` takes for this type: strings are not converted."""
    accepted: Set[type] = {int, bool}
    if annotation is str:
        if isinstance(value, (str, Path)):
            return
        accepted = set()
    elif annotation is float:
        accepted = {int, float}
    if type(value) in accepted:
        return
    hint = ""
    if isinstance(value, str):
        with suppress(ValueError):
            hint = "; write it without quotes" if type(json.loads(value)) in accepted else ""
    raise Mistake(path, f"expected {NAMES_OF_SCALARS[annotation]}, found {shown(value)}{hint}.")


def quoted(names: Iterable[str], separator: str = ", ") -> str:
    """Names as they stand in a config."""
    return separator.join(f'"{name}"' for name in names)


def described(annotation: Any) -> str:
    """What is expected for an annotation, with an article."""
    annotation = remove_optional(annotation)
    if annotation in NAMES_OF_SCALARS:
        return NAMES_OF_SCALARS[annotation]
    origin = getattr(annotation, "__origin__", None)
    if origin == Union:
        return " or ".join(described(member) for member in annotation.__args__)
    if origin == Lazy:
        return described(annotation.__args__[0])
    if origin in (list, set, tuple, collections.abc.Iterable):
        return "a list"
    if origin in (dict, collections.abc.Mapping):
        return "an object"
    if hasattr(annotation, "from_params") and inspect.isclass(annotation):
        name = annotation.__name__
        return f"{'an' if name[0] in 'AEIOU' else 'a'} {name} object"
    return "a value"


def shown(value: Any) -> str:
    """A value found in a config, cut short."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    text = text if len(text) <= 60 else text[:57] + "..."
    if isinstance(value, str):
        return f"the string {text}"
    if isinstance(value, collections.abc.Mapping):
        return f"the object {text}"
    return f"the list {text}" if isinstance(value, list) else text
