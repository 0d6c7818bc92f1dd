"""The text of a config: knobs on top of a task's library, each with its reason."""

import json
import re
from typing import Any, Sequence

from luke_allennlp.experiments.proposal import Knob
from luke_allennlp.experiments.tasks import LIBRARY

_WIDTH = 110
_NAME = re.compile(r"[A-Za-z_]\w*")
_RESERVED = frozenset(
    "assert else error false for function if import importstr in local null self super tailstrict then "
    "true".split()
)


def config_text(task: str, knobs: Sequence[Knob], title: str) -> str:
    """
    A Jsonnet file that sets knobs of the task's library.

    # Parameters

    title : `str`
        The comment in the first line.
    """
    lines = [f"// {title}", f"(import '{LIBRARY.format(task)}') + {{"]
    for name, value, reason in knobs:
        line = f"  {name}:: {jsonnet(value)},"
        comment = f"  // {reason}" if reason else ""
        if len(line + comment) > _WIDTH and reason:
            lines += [f"  // {reason}", line]
        else:
            lines.append(line + comment)
    return "\n".join([*lines, "}", ""])


def jsonnet(value: Any) -> str:
    """A value of JSON as people write it in Jsonnet: names without quotes, strings in single ones."""
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
        return f"'{text}'"
    if isinstance(value, dict):
        items = [f"{_key(name)}: {jsonnet(item)}" for name, item in value.items()]
        return f"{{ {', '.join(items)} }}" if items else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(jsonnet, value))}]"
    if isinstance(value, float) and 0 < abs(value) < 1e-2:
        mantissa, _, exponent = f"{value:e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return json.dumps(value)


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) and name not in _RESERVED else jsonnet(name)
