"""Examples of cloze QA, and the three forms of record they are read from."""

import unicodedata
from typing import FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import (
    Record,
    Span,
    get_id,
    get_integer,
    get_list,
    get_object,
    get_objects,
    get_span,
    get_string,
    get_text,
)
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.base.task_forms import check_task

PLACEHOLDER = "@placeholder"
"""Marks the queried mention in a query."""

_HELD = "the answer"


class Passage(NamedTuple):
    """A text and the spans of the mentions in it that may be an answer, sorted, without duplicates."""

    text: str
    candidates: Tuple[Span, ...]

    def mention(self, span: Span) -> str:
        return self.text[span[0] : span[1]]


class ClozeExample(NamedTuple):
    """A question about a passage."""

    where: str  # names it in errors
    key: int  # its place in the file, from 0
    id: str  # as in the data
    passage: Passage  # the same object for all questions about it
    query: str  # with one `@placeholder`
    answers: Optional[Tuple[str, ...]] = None  # the gold texts; `None` if unknown
    answer_spans: FrozenSet[Span] = frozenset()  # their places in the passage


def questions_of(record: Record, where: str) -> Iterator[ClozeExample]:
    """
    The questions of a record, numbered from 0. The record is in one of three forms, detected automatically:

    - ReCoRD's file, `{"data": [...]}`, or one of the objects in it:
      `{"passage": {"text", "entities": [{"start", "end"}]}, "qas": [{"id", "query", "answers": [{"start",
      "end", "text"}]}]}`, spans in characters with the end inclusive.
    - A line of SuperGLUE's ReCoRD: the same with `idx` for `id`.
    - This project's own: `{"passage": "...", "query": "...", "candidates": [...], "answers": [...], "id"}`,
      the last two optional. Candidates and answers are `[start, end]`, characters with the end exclusive, or
      strings. A string stands for all its occurrences in the passage at word boundaries, or if there are
      none, for all its occurrences.

    If `answers` is missing, `null` or empty, the answer is unknown. `where` names the record in errors.
    """
    check_task(record, "luke_cloze_qa", where)
    if "data" in record:
        articles: Iterable[Tuple[str, Record]] = get_objects(record, "data", where)
    elif isinstance(record.get("passage"), dict):
        articles = [(where, record)]
    else:
        yield _question(record, where)
        return
    key = 0
    for inner, article in articles:
        for example in _questions_of_article(article, inner):
            yield example._replace(key=key)
            key += 1


def _questions_of_article(article: Record, where: str) -> Iterator[ClozeExample]:
    record, inside = get_object(article, "passage", where), f"{where}, passage"
    text = get_text(record, "text", inside, _HELD)
    entities = [
        _inclusive_span(entity, text, inner) for inner, entity in get_objects(record, "entities", inside)
    ]
    passage = Passage(text, tuple(sorted(set(entities))))
    for number, (inner, question) in enumerate(get_objects(article, "qas", where)):
        spans: List[Span] = []
        answers: List[str] = []
        if question.get("answers"):
            for at, answer in get_objects(question, "answers", inner):
                spans.append(_inclusive_span(answer, text, at))
                answers.append(get_string(answer, "text", at, default=passage.mention(spans[-1])))
        yield ClozeExample(
            where=inner,
            key=number,
            id=get_id(question, "id" if "id" in question else "idx", inner, default=str(number)),
            passage=passage,
            query=_query(question, inner),
            answers=tuple(answers) or None,
            answer_spans=frozenset(spans),
        )


def _question(record: Record, where: str) -> ClozeExample:
    text = get_text(record, "passage", where, _HELD)
    candidates = {span for _, spans in _own_spans(record, "candidates", text, where) for span in spans}
    passage = Passage(text, tuple(sorted(candidates)))
    answers: List[str] = []
    answer_spans: List[Span] = []
    if record.get("answers"):
        for answer, spans in _own_spans(record, "answers", text, where):
            answers.append(answer)
            answer_spans.extend(spans)
    return ClozeExample(
        where=where,
        key=0,
        id=get_id(record, "id", where, default="0"),
        passage=passage,
        query=_query(record, where),
        answers=tuple(answers) or None,
        answer_spans=frozenset(answer_spans),
    )


def _query(record: Record, where: str) -> str:
    query = get_string(record, "query", where)
    found = query.count(PLACEHOLDER)
    if found != 1:
        raise ConfigurationError(
            f"{where}: the query {shown(query)} has {PLACEHOLDER!r} {found} times; expected it once, where "
            "the answer would stand."
        )
    return query


def _inclusive_span(record: Record, text: str, where: str) -> Span:
    start, last = get_integer(record, "start", where), get_integer(record, "end", where)
    if not 0 <= start <= last < len(text):
        raise ConfigurationError(
            f"{where}: has start {start} and end {last}, no part of {len(text)} characters; expected 0 <= "
            f"start <= end < {len(text)}, with the end inclusive."
        )
    return start, last + 1


def _own_spans(record: Record, key: str, text: str, where: str) -> Iterator[Tuple[str, List[Span]]]:
    """The text of each and its spans."""
    for index, value in enumerate(get_list(record, key, where)):
        name = f"{key}[{index}]"
        if isinstance(value, str):
            mention = get_string({name: value}, name, where)
            spans = occurrences(text, mention)
            # Answers may be spelled differently than in the passage: the metric compares texts.
            if not spans and (key == "candidates" or not mention):
                raise ConfigurationError(
                    f"{where}: {name} is {shown(value)}, which the passage does not contain; expected a part "
                    "of it, or [start, end]."
                )
        else:
            spans = [get_span({name: value}, name, len(text), where)]
            mention = text[spans[0][0] : spans[0][1]]
        yield mention, spans


def occurrences(text: str, mention: str) -> List[Span]:
    """
    The spans of a mention in a text that start and end at word boundaries; if there are none, as in languages
    without spaces between words, all its spans.
    """
    spans = []
    start = text.find(mention) if mention else -1
    while start >= 0:
        spans.append((start, start + len(mention)))
        start = text.find(mention, start + 1)
    whole = [span for span in spans if not any(_inside_word(text, position) for position in span)]
    return whole or spans


def _inside_word(text: str, position: int) -> bool:
    return 0 < position < len(text) and all(map(_is_word, text[position - 1 : position + 1]))


def _is_word(character: str) -> bool:
    # Letters, combining marks and numbers.
    return unicodedata.category(character)[0] in "LMN"
