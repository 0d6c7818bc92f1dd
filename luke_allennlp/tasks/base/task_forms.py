"""Whose data a JSON record is, by the keys that the readers of the tasks declare."""

from typing import Any, Dict, Optional, Tuple

from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader


def check_task(record: Dict[str, Any], task: str, where: str) -> None:
    """
    Raises a `ConfigurationError` if the record has the keys of another task and not those of this one, given
    as the registered name of its reader. Records of no known format pass. `where` names the record.
    """
    other = other_task(record, task)
    if other is not None:
        expected = ", or ".join(map(_listed, _record_keys(task)))
        raise ConfigurationError(
            f"{where}: is {other}; this is the reader {task!r}, which expects {expected}."
        )


def other_task(record: Dict[str, Any], task: str) -> Optional[str]:
    """Whose data the record is and why, as `check_task` says it; `None` if it is this task's, or unknown."""
    articles = record.get("data")
    if isinstance(articles, list) and articles and isinstance(articles[0], dict):
        record = articles[0]
    if any(record.keys() >= set(keys) for keys in _record_keys(task)):
        return None
    found = [
        (len(keys), name, keys)
        # Not `list_available()`, which would import all of AllenNLP.
        for name in list(Registrable._registry[DatasetReader])
        for keys in _record_keys(name)
        if record.keys() >= set(keys)
    ]
    if not found:
        return None
    _, name, keys = max(found)
    return f"data for the reader {name!r}, as it has {_listed(keys)}"


def _record_keys(task: str) -> Tuple[Tuple[str, ...], ...]:
    return getattr(DatasetReader.by_name(task), "record_keys", ())


def _listed(keys: Tuple[str, ...]) -> str:
    *first, last = map(repr, keys)
    return f"{', '.join(first)} and {last}" if first else last
