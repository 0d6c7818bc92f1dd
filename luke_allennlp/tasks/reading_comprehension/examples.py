"""Examples of extractive QA, read from SQuAD's JSON or this project's JSON lines."""

from dataclasses import dataclass
from typing import Iterator, List, NamedTuple, Optional

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import (
    Record,
    check_span,
    get_id,
    get_integer,
    get_list,
    get_objects,
    get_span,
    get_string,
    get_text,
    get_value,
)
from luke_allennlp.common.text_lines import shown
from luke_allennlp.linking.entity_linker import EntityMention
from luke_allennlp.tasks.base.task_forms import check_task


@dataclass
class Passage:
    """A text that questions are about, and the title of its article."""

    context: str
    title: Optional[str] = None


class Answer(NamedTuple):
    """The text of an answer and its characters in the passage, end exclusive."""

    text: str
    start: int
    end: int


@dataclass
class Question:
    """A question about a passage."""

    passage: Passage
    text: str
    id: Optional[str]
    answers: Optional[List[Answer]]  # empty if the passage does not answer it, `None` if unknown
    entities: Optional[List[EntityMention]]  # the mentions that the data names
    where: str  # names it in errors
    index: int = 0  # its place in the file

    @property
    def wrong_answers(self) -> List[Answer]:
        """The answers whose text differs from the passage at their place."""
        context = self.passage.context
        return [answer for answer in self.answers or [] if context[answer.start : answer.end] != answer.text]

    @property
    def name(self) -> str:
        """Its place in the file, and its id."""
        return self.where if self.id is None else f"{self.where} (id {self.id!r})"


def questions_from_json(record: Record, where: str) -> Iterator[Question]:
    """
    The questions of a record, which is one of

    - SQuAD 1.1 or 2.0: `{"data": [article, ...]}`;
    - an article of it: `{"title": "...", "paragraphs": [paragraph, ...]}`;
    - a paragraph of it: `{"context": "...", "qas": [{"id": "...", "question": "...", "answers": [{"text":
      "...", "answer_start": 0}, ...], "is_impossible": false}, ...]}`;
    - this project's own: `{"question": "...", "context": "..."}`, optionally with `title`, `id`, and
      `answers`, which may also be `[start, end]`, or `is_impossible`.

    `"is_impossible": true` says that the passage does not answer the question. With neither this nor answers
    (missing, `null` or empty), the answer is unknown. A question may have `entities` for the linker "spans",
    each `{"part": "context", "span": [start, end], "title": "..."}`, where `part` may also be `"question"`.
    `where` names the record in errors.
    """
    check_task(record, "luke_reading_comprehension", where)
    if "data" in record:
        for inner, article in get_objects(record, "data", where):
            yield from _article(article, inner)
    elif "paragraphs" in record:
        yield from _article(record, where)
    elif "qas" in record:
        yield from _paragraph(record, where, _title(record, where))
    elif "question" in record or "context" in record:
        yield _question(record, where, _passage(record, where, _title(record, where)))
    else:
        raise ConfigurationError(
            f"{where}: has only the keys {shown(list(record))}; expected 'data' (all of SQuAD), 'paragraphs' "
            "(an article), 'context' and 'qas' (a paragraph), or 'question' and 'context'."
        )


def _article(record: Record, where: str) -> Iterator[Question]:
    title = _title(record, where)
    for inner, paragraph in get_objects(record, "paragraphs", where):
        yield from _paragraph(paragraph, inner, title)


def _paragraph(record: Record, where: str, title: Optional[str]) -> Iterator[Question]:
    passage = _passage(record, where, title)
    for inner, question in get_objects(record, "qas", where):
        get_value(question, "id", inner)
        yield _question(question, inner, passage)


def _passage(record: Record, where: str, title: Optional[str]) -> Passage:
    return Passage(get_text(record, "context", where, "the answer"), title)


def _title(record: Record, where: str) -> Optional[str]:
    return get_string(record, "title", where, default="") or None


def _question(record: Record, where: str, passage: Passage) -> Question:
    return Question(
        passage=passage,
        text=get_string(record, "question", where),
        id=None if record.get("id") is None else get_id(record, "id", where),
        answers=_answers(record, where, passage.context),
        entities=_entities(record, where, passage.context),
        where=where,
    )


def _answers(record: Record, where: str, context: str) -> Optional[List[Answer]]:
    impossible = record.get("is_impossible")
    if impossible is not None and not isinstance(impossible, bool):
        raise ConfigurationError(f"{where}: 'is_impossible' is {shown(impossible)}; expected true or false.")
    values = [] if record.get("answers") is None else get_list(record, "answers", where)
    if not values:
        if impossible is False and record.get("answers") is not None:
            raise ConfigurationError(
                f"{where}: 'is_impossible' is false, but 'answers' is empty; expected an answer, or true, or "
                "no 'is_impossible' if the answer is unknown."
            )
        return [] if impossible else None
    answers = []
    for index, value in enumerate(values):
        inner = f"{where}, answers[{index}]"
        if isinstance(value, list):
            start, end = get_span({"answer": value}, "answer", len(context), inner)
            answers.append(Answer(context[start:end], start, end))
        elif isinstance(value, dict):
            text, start = get_string(value, "text", inner), get_integer(value, "answer_start", inner)
            if not text.strip():
                raise ConfigurationError(f"{inner}: 'text' is blank; expected a part of the context.")
            check_span(start, max(start, 0) + 1, len(context), inner)
            # The reader reports those that differ from the passage.
            answers.append(Answer(text, start, start + len(text)))
        else:
            raise ConfigurationError(
                f"{inner}: found {shown(value)}; expected {{'text', 'answer_start'}} or [start, end]."
            )
    if impossible:
        raise ConfigurationError(
            f"{where}: 'is_impossible' is true, but there are {len(answers)} answers; expected none."
        )
    return answers


def _entities(record: Record, where: str, context: str) -> Optional[List[EntityMention]]:
    if record.get("entities") is None:
        return None
    texts = {"context": context, "question": get_string(record, "question", where)}
    mentions = []
    for inner, entity in get_objects(record, "entities", where):
        part = get_string(entity, "part", inner, default="context")
        if part not in texts:
            raise ConfigurationError(f"{inner}: 'part' is {shown(part)}; expected 'context' or 'question'.")
        start, end = get_span(entity, "span", len(texts[part]), inner)
        mentions.append(EntityMention(part, start, end, get_string(entity, "title", inner)))
    return mentions
