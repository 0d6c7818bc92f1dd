"""Examples of relation classification, and the JSON records they are read from."""

import itertools
from dataclasses import dataclass
from typing import List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import (
    Record,
    Span,
    check_text,
    get_integer,
    get_span,
    get_string,
    get_strings,
    get_text,
)
from luke_allennlp.common.text_lines import key_names
from luke_allennlp.tasks.base.task_forms import check_task

_HELD = "head and tail"


@dataclass(frozen=True)
class RelationExample:
    """A text with two entities and the relation between them."""

    where: str  # names it in errors
    index: int  # its place in the file, from 0
    text: str
    # Characters of the entities, end exclusive. They may overlap, come in any order, and be empty.
    head: Span
    tail: Span
    label: Optional[str] = None  # the relation, as the file writes it; `None` if unknown

    @property
    def empty_mentions(self) -> List[str]:
        """Which of `"head"` and `"tail"` are empty or whitespace only."""
        return [name for name in ("head", "tail") if not self.text[slice(*getattr(self, name))].strip()]


def example_from_record(record: Record, where: str, index: int = 0) -> RelationExample:
    """
    Reads a record of TACRED (`token`, `subj_start`, `subj_end`, `obj_start`, `obj_end`, the ends inclusive,
    `relation`; tokens are joined by spaces) or of this project's form (`text`, `head`, `tail`, `label`; a
    span is `[start, end]` or `{"start": .., "end": ..}`, characters with the end exclusive). The relation may
    be missing or `null`; other keys are ignored. `where` names the record in errors.
    """
    check_task(record, "luke_relation_classification", where)
    if "token" in record:
        return _from_tokens(record, where, index)
    if "text" not in record:
        raise ConfigurationError(
            f"{where}: has neither 'token' (TACRED's form) nor 'text'; found only "
            f"{key_names(record) or 'an empty object'}."
        )
    text = get_text(record, "text", where, _HELD)
    head, tail = (get_span(record, key, len(text), where, allow_empty=True) for key in ("head", "tail"))
    return RelationExample(where, index, text, head, tail, _label(record, "label", where))


def joined_tokens(tokens: List[str]) -> Tuple[str, List[Span]]:
    """The text of tokens joined by spaces, and the characters of each, end exclusive."""
    ends = list(itertools.accumulate(tokens, lambda end, token: end + 1 + len(token), initial=-1))[1:]
    return " ".join(tokens), [(end - len(token), end) for token, end in zip(tokens, ends, strict=True)]


def _from_tokens(record: Record, where: str, index: int) -> RelationExample:
    tokens = get_strings(record, "token", where)
    text, offsets = joined_tokens(tokens)
    check_text(text, "token", where, _HELD)
    spans = []
    for name in ("subj", "obj"):
        first, last = (get_integer(record, f"{name}_{side}", where) for side in ("start", "end"))
        if not 0 <= first <= last < len(tokens):
            raise ConfigurationError(
                f"{where}: '{name}_start' is {first} and '{name}_end' is {last}, no part of {len(tokens)} "
                f"tokens; expected 0 <= start <= end < {len(tokens)}, with the end inclusive."
            )
        spans.append((offsets[first][0], offsets[last][1]))
    head, tail = spans
    return RelationExample(where, index, text, head, tail, _label(record, "relation", where))


def _label(record: Record, key: str, where: str) -> Optional[str]:
    if record.get(key) is None:
        return None
    label = get_string(record, key, where)
    if not label.strip():
        raise ConfigurationError(f"{where}: {key!r} is empty; expected the name of a relation.")
    return label
