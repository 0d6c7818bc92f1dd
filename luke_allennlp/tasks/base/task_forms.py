"""The records of all tasks by their keys, to say of a file that it is another task's."""

from typing import Any, Dict, Optional, Tuple

from allennlp.common.checks import ConfigurationError

_FORMS: Dict[str, Tuple[Tuple[str, ...], ...]] = {
    "luke_relation_classification": (("token", "subj_start", "obj_start"), ("text", "head", "tail")),
    "luke_entity_typing": (("sent", "start", "end"), ("mention_span",), ("text", "span")),
    "luke_cloze_qa": (("passage", "qas"), ("passage", "query")),
    "luke_reading_comprehension": (("question", "context"), ("context", "qas"), ("paragraphs",)),
    "luke_ner": (("text", "entities"), ("text", "spans"), ("tokens",), ("sentences",)),
}


def check_task(record: Dict[str, Any], task: str, where: str) -> None:
    """
    # Parameters

    record : `Dict[str, Any]`
    task : `str`
        The name of the reader: "luke_ner".
    where : `str`
        What to call the record in an error.

    # Raises

    `ConfigurationError`
        The record has the keys of another task and not of this one. Of what is in no known form nothing is
        said.
    """
    other = other_task(record, task)
    if other is not None:
        expected = ", or ".join(_listed(form) for form in _FORMS[task])
        raise ConfigurationError(
            f"{where}: is {other}; this is the reader {task!r}, which expects {expected}."
        )


def other_task(record: Dict[str, Any], task: str) -> Optional[str]:
    """
    # Returns

    `Optional[str]`
        Whose data the record is, and why, as `check_task` says it; `None` if it is this task's, or nobody's.
    """
    articles = record.get("data")
    if isinstance(articles, list) and articles and isinstance(articles[0], dict):
        record = articles[0]
    if _form(record, task) is not None:
        return None
    for other in _FORMS:
        keys = _form(record, other)
        if keys is not None:
            return f"data for the reader {other!r}, as it has {_listed(keys)}"
    return None


def _form(record: Dict[str, Any], task: str) -> Optional[Tuple[str, ...]]:
    return next((keys for keys in _FORMS[task] if all(key in record for key in keys)), None)


def _listed(keys: Tuple[str, ...]) -> str:
    *first, last = map(repr, keys)
    return f"{', '.join(first)} and {last}" if first else last
