"""
Overrides of knobs. `--overrides` changes the config that a Jsonnet file makes, which is too late for knobs,
the file's hidden fields. The error says which fields of the config to set instead.

Importing this module adds the check to AllenNLP's `override_checks`.
"""

import json
import os
import shlex
from difflib import get_close_matches
from typing import Any, Dict, Iterator, Tuple

from _jsonnet import evaluate_snippet
from allennlp.common import params
from allennlp.common.checks import ConfigurationError
from allennlp.common.jsonnet_imports import import_file

from luke_allennlp.training.hooks import add_hook


def refuse_knobs(
    path: str, config: Dict[str, Any], overrides: Dict[str, Any], variables: Dict[str, str]
) -> None:
    """
    Raises a `ConfigurationError` if an override names a knob, or nearly so. To say what the knob's value is
    turned into, the file is evaluated with it and the configs are compared.

    # Parameters

    path : `str`
        Of the file.
    config : `Dict[str, Any]`
        What it evaluates to.
    overrides : `Dict[str, Any]`
        As given: keys may be joined by dots.
    variables : `Dict[str, str]`
        Jsonnet's external variables.
    """
    unknown = {key: value for key, value in overrides.items() if key.partition(".")[0] not in config}
    if not unknown:
        return
    made = f"(import {json.dumps(os.path.abspath(path))})"
    hidden = f"local made = {made}; std.setDiff(std.objectFieldsAll(made), std.objectFields(made))"
    knobs = _evaluated(hidden, variables)
    names = {}
    for key in unknown:
        name = key.partition(".")[0]
        # No field of AllenNLP's is as close to a knob's name.
        close = [name] if name in knobs else get_close_matches(name, knobs, n=1, cutoff=0.8)
        if close:
            names[name] = close[0]
    if not names:
        return
    for key, value in unknown.items():
        name, _, rest = key.partition(".")
        if name in names:
            made += f" + {_jsonnet_object(names[name], rest, value)}"
    listed = ", ".join(
        f'"{name}"' if name == knob else f'"{name}" (did you mean "{knob}"?)' for name, knob in names.items()
    )
    listed += f", {'a knob' if len(names) == 1 else 'knobs'} of {path}"
    try:
        wanted = _evaluated(made, variables)
    except RuntimeError as error:
        reason = str(error).splitlines()[0].removeprefix("RUNTIME ERROR: ")
        raise ConfigurationError(f"the overrides set {listed}, and that is not possible: {reason}") from None
    changes = dict(_changes(config, wanted))
    if changes:
        remedy = f"set what it is turned into: -o {shlex.quote(json.dumps(changes, ensure_ascii=False))}"
    else:
        remedy = "omit it, the config is the same"
    raise ConfigurationError(
        f"the overrides set {listed}, but they apply to the config that the file makes, which has no knobs "
        f"any more; {remedy}"
    )


def _evaluated(text: str, variables: Dict[str, str]) -> Any:
    return json.loads(evaluate_snippet("knobs", text, ext_vars=variables, import_callback=import_file))


def _jsonnet_object(knob: str, rest: str, value: Any) -> str:
    """An object that sets the knob or, if the key goes on, a part of it."""
    parts = rest.split(".") if rest else []
    text = json.dumps(value)
    for number in range(len(parts), 0, -1):
        text = f"{{ {json.dumps(parts[number - 1])}{'+' if number < len(parts) else ''}: {text} }}"
    return f"{{ {json.dumps(knob)}{'+' if parts else ''}:: {text} }}"


def _changes(before: Dict[str, Any], after: Dict[str, Any], prefix: str = "") -> Iterator[Tuple[str, Any]]:
    """The overrides that make one config of another, with keys joined by dots."""
    for key, value in after.items():
        old = before.get(key)
        if key in before and old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict) and old.keys() <= value.keys():
            yield from _changes(old, value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


add_hook(params, "override_checks", refuse_knobs)
