"""Texts with masked words and mentions, from JSON records."""

import re
from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, Span, get_integer, get_list, get_span, get_string, get_text
from luke_allennlp.entity_vocabulary import MASK

_MASKED_WORD = re.compile(r"<mask>|\[MASK\]")


@dataclass(frozen=True)
class Mention:
    """Characters of a text, the end exclusive, and the entity's title; without one, the mention is masked."""

    span: Span
    entity: Optional[str] = None


@dataclass(frozen=True)
class MaskedText:
    """A text with masks."""

    where: str  # its name in errors
    text: str
    masked_words: List[Span]  # places of masks: characters, the end exclusive
    mentions: List[Mention]
    language: Optional[str] = None  # of the titles, for a vocabulary of several languages
    top_k: Optional[int] = None  # the number of answers for each mask


def masked_text_from_record(record: Record, where: str) -> MaskedText:
    """
    Reads `{"text": "...", "mentions": [...], "language": "en", "top_k": 5}`, all but the text optional. A
    masked word is written `<mask>` or `[MASK]`. A mention is `[start, end]`, which is masked, or
    `{"span": [start, end], "entity": "Title"}`; without an entity, with `null` or `[MASK]` it is masked too.

    # Raises

    `ConfigurationError`
        The record has another form, a mention is outside of the text or cuts a mask, or nothing is masked.
    """
    text = get_text(record, "text", where, "a masked word or a mention")
    masks = [match.span() for match in _MASKED_WORD.finditer(text)]
    given = {key: value for key, value in record.items() if value is not None}
    values = get_list(given, "mentions", where) if "mentions" in given else []
    mentions = [_mention(value, len(text), f"{where}, mentions[{i}]") for i, value in enumerate(values)]
    for index, mention in enumerate(mentions):
        for start, end in masks:
            if any(start < side < end for side in mention.span):
                raise ConfigurationError(
                    f"{where}, mentions[{index}]: {list(mention.span)} cuts through the mask at {start}; "
                    "expected all of it or nothing."
                )
    if not masks and all(mention.entity is not None for mention in mentions):
        raise ConfigurationError(
            f"{where}: nothing is masked, so there is nothing to predict; write <mask> or [MASK] for a "
            "word, or give a mention without an entity."
        )
    language = get_string(given, "language", where) if "language" in given else None
    top_k = get_integer(given, "top_k", where) if "top_k" in given else None
    if top_k is not None and top_k < 1:
        raise ConfigurationError(f"{where}: 'top_k' is {top_k}; expected at least 1.")
    return MaskedText(where, text, masks, mentions, language, top_k)


def _mention(value: Any, length: int, where: str) -> Mention:
    if not isinstance(value, dict):
        return Mention(get_span({"span": value}, "span", length, where))
    span = get_span(value, "span", length, where)
    entity = get_string(value, "entity", where) if value.get("entity") is not None else None
    return Mention(span, None if entity == MASK else entity)


def pieces(example: MaskedText) -> Iterator[Tuple[int, int, bool]]:
    """
    Splits a text at the ends of its masks and mentions, as pretraining datasets are tokenized: start and end
    of each piece, and whether it is a mask.
    """
    masks = set(example.masked_words)
    ends = {side for span in masks for side in span}
    ends |= {side for mention in example.mentions for side in mention.span} | {0, len(example.text)}
    inside = {at for start, end in masks for at in range(start + 1, end)}
    bounds = sorted(ends - inside)
    for start, end in zip(bounds, bounds[1:], strict=False):
        yield start, end, (start, end) in masks
