"""A config with some of its knobs set."""

import json
import os
import tempfile
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Dict, Iterator, List

from _jsonnet import evaluate_snippet
from allennlp.common.checks import ConfigurationError
from allennlp.common.jsonnet_imports import import_file
from allennlp.common.params import _environment_variables


@contextmanager
def config_file(path: Path, knobs: Dict[str, Any]) -> Iterator[Path]:
    """
    A file to train from: the given one or, in this context, one that sets its knobs. Errors that name the one
    name the other.

    # Parameters

    path : `Path`
        A Jsonnet file, or JSON if there are no knobs to set.
    knobs : `Dict[str, Any]`
        Values by the names of hidden fields (`learning_rate::`): what JSON can hold, or paths.

    # Raises

    `ConfigurationError`
        There is no such file, or it has no such knob.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path}: there is no such file (looked from {os.getcwd()}).")
    if not knobs:
        yield path
        return
    texts = {name: _text(name, value) for name, value in knobs.items()}
    made = f"(import {json.dumps(os.path.abspath(path))})"
    _check_names(path, made, list(knobs))
    with tempfile.TemporaryDirectory(prefix="luke_allennlp-") as directory:
        changed = Path(directory) / f"{path.stem}.jsonnet"
        fields = "".join(f"  {json.dumps(name)}:: {text},\n" for name, text in texts.items())
        changed.write_text(f"{made} + {{\n{fields}}}\n", encoding="utf-8")
        try:
            yield changed
        except ConfigurationError as error:
            raise ConfigurationError(error.message.replace(str(changed), str(path))) from error


def _text(name: str, value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, default=os.fspath)
    except (TypeError, ValueError):
        raise ConfigurationError(f"{name} is {value!r}; expected what JSON can hold, or a path.") from None


def _check_names(path: Path, made: str, names: List[str]) -> None:
    fields = f"local made = {made}; [std.objectFieldsAll(made), std.objectFields(made)]"
    try:
        text = evaluate_snippet(
            "knobs", fields, ext_vars=_environment_variables(), import_callback=import_file
        )
        everything, visible = json.loads(text)
    except RuntimeError as error:
        message = str(error).strip().splitlines()[0]
        raise ConfigurationError(f"{path} cannot be read: {message}") from None
    knobs = sorted({*everything} - {*visible})
    for name in names:
        if name in visible:
            raise ConfigurationError(
                f"{name!r} is a field of the config that {path} makes, not a knob; change it with "
                f"overrides={{{name!r}: ...}}."
            )
        if name not in knobs:
            close = get_close_matches(name, knobs, n=3, cutoff=0.6)
            hint = (
                f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {', '.join(knobs)}."
            )
            if not knobs:
                hint = "it has none, as JSON files have not; change what it holds with overrides={...}."
            raise ConfigurationError(f"{path} has no knob {name!r}; {hint}")
