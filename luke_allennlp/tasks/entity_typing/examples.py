"""Examples of entity typing, and the three forms of record they are read from."""

from dataclasses import dataclass
from typing import AbstractSet, Any, Callable, Dict, List, Optional

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import (
    Record,
    Span,
    check_span,
    get_integer,
    get_span,
    get_string,
    get_strings,
    get_text,
)
from luke_allennlp.tasks.base.task_forms import check_task

GENERAL_TYPES = tuple("entity event group location object organization person place time".split())
"""The nine types of Open Entity, called general in Ultra-Fine Entity Typing."""

LabelMapping = Callable[[str], Optional[str]]

# The key that identifies each form, and all keys it needs.
_FORMS = {
    "sent": "sent, start, end, labels",
    "mention_span": "left_context_token, mention_span, right_context_token, y_str",
    "text": "text, span, labels",
}


@dataclass(frozen=True)
class TypingExample:
    """A mention in a text."""

    where: str  # names it in errors: `dev.json, record 3`
    index: int  # its place in the file, from 0
    text: str
    span: Span  # characters of the mention, end exclusive
    # Its types, without duplicates; may be empty. `None` if the record does not say.
    labels: Optional[List[str]]

    @property
    def mention(self) -> str:
        return self.text[self.span[0] : self.span[1]]


def example_from_json(
    record: Dict[str, Any],
    where: str,
    index: int = 0,
    types: Optional[AbstractSet[str]] = None,
    label_map: Optional[LabelMapping] = None,
) -> TypingExample:
    """
    Reads a record in one of three forms, identified by its keys:

    - `sent`, `start`, `end`, `labels`: Open Entity as released by the authors of ERNIE and LUKE, with
      character offsets;
    - `left_context_token`, `mention_span`, `right_context_token`, `y_str`: Ultra-Fine Entity Typing (Choi et
      al., ACL 2018), a string between lists of tokens, which are joined by single spaces;
    - `text`, `span`, `labels`: this project's own, with `span` either `[start, end]` or `{"start": ..,
      "end": ..}`.

    Other keys are ignored. Ends are exclusive. Types are unknown if `labels` or `y_str` is missing or `null`.

    # Parameters

    types : `AbstractSet[str]`, optional (default = `None`)
        The types to keep of `y_str`, which has thousands; all of them if `None`.
    label_map : `Callable[[str], Optional[str]]`, optional (default = `None`)
        Returns the new name of each type, or `None` to drop it; applied before `types`.
    """
    check_task(record, "luke_entity_typing", where)
    found = [key for key in _FORMS if key in record]
    if len(found) != 1:
        what = f"has both {found[0]!r} and {found[1]!r}" if found else f"has only the keys {list(record)}"
        raise ConfigurationError(f"{where}: {what}; expected one of: {'; '.join(_FORMS.values())}.")
    if found == ["mention_span"]:
        left = get_strings(record, "left_context_token", where)
        mention = get_string(record, "mention_span", where)
        right = get_strings(record, "right_context_token", where)
        if not mention:
            raise ConfigurationError(f"{where}: 'mention_span' is empty; expected the text of the mention.")
        start = len(" ".join([*left, ""]))
        labels = _labels(record, "y_str", where, label_map)
        if labels is not None and types is not None:
            labels = [label for label in labels if label in types]
        text = " ".join([*left, mention, *right])
        return TypingExample(where, index, text, (start, start + len(mention)), labels)
    text = get_text(record, found[0], where, "the mention")
    if found == ["sent"]:
        start, end = get_integer(record, "start", where), get_integer(record, "end", where)
        span = check_span(start, end, len(text), f"{where}: the mention")
    else:
        span = get_span(record, "span", len(text), where)
    return TypingExample(where, index, text, span, _labels(record, "labels", where, label_map))


def _labels(record: Record, key: str, where: str, label_map: Optional[LabelMapping]) -> Optional[List[str]]:
    if record.get(key) is None:
        return None
    labels = get_strings(record, key, where)
    if "" in labels:
        raise ConfigurationError(f"{where}: {key}[{labels.index('')}] is empty; expected the name of a type.")
    names = labels if label_map is None else map(label_map, labels)
    return list(dict.fromkeys(name for name in names if name is not None))
