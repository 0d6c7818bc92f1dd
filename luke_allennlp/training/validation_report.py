"""What `allennlp validate` says of a config."""

import re
from pathlib import Path
from typing import Any, List, Optional

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.jsonnet_sources import Place, find_key
from luke_allennlp.training.mistakes import Mistake
from luke_allennlp.training.preflight import check_settings


def mistakes_of(path: str, overrides: str = "") -> List[str]:
    """
    All mistakes of a config that neither data nor checkpoints are needed to see.

    # Parameters

    path : `str`
        A file of Jsonnet or JSON.
    overrides : `str`, optional (default = `""`)
        As those of `allennlp train`.

    # Returns

    `List[str]`
        A sentence each, with file and line where they are known.
    """
    try:
        params = Params.from_file(path, overrides)
    except (ConfigurationError, FileNotFoundError) as error:
        return [_placed_knob(path, " ".join(str(error).split()).removeprefix(f"{path} "))]
    config = params.as_dict(quiet=True)
    _, mistakes = check_settings(params)
    return [_placed(path, config, mistake) for mistake in mistakes]


def _placed(path: str, config: Any, mistake: Mistake) -> str:
    place = find_key(Path(path), mistake.path, _value_at(config, mistake.path))
    if place is None and mistake.path:
        # What is missing, or unwritten, is missing in the object that is written.
        place = find_key(Path(path), f"{mistake.path}.type", _value_at(config, f"{mistake.path}.type"))
    return _with(place, mistake.message)


def _placed_knob(path: str, message: str) -> str:
    """A library's errors are about knobs, and its own lines say nothing to the user."""
    knob = re.search(r"(?:RUNTIME ERROR: |Object assertion failed\. )?\b(\w+):: is ", message)
    place = find_key(Path(path), knob[1]) if knob and Path(path).is_file() else None
    return _with(place, message)


def _with(place: Optional[Place], message: str) -> str:
    return message if place is None else f"{message.rstrip()} ({place})"


def _value_at(config: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(config, list) and key.isdigit() and int(key) < len(config):
            config = config[int(key)]
        elif isinstance(config, dict):
            config = config.get(key)
        else:
            return None
    return config
