"""SQuAD's JSON and this project's own JSON lines: questions about passages, and their answers."""

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

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

_DATASET_KEYS = ("data", "paragraphs", "qas")


@dataclass
class Passage:
    """
    What questions are about.

    # Parameters

    context : `str`
        Its text.
    title : `str`, optional (default = `None`)
        Of the article it is from.
    """

    context: str
    title: Optional[str] = None


class Answer(NamedTuple):
    """
    # Parameters

    text : `str`
    start, end : `int`
        Characters of the passage, the end exclusive.
    """

    text: str
    start: int
    end: int


@dataclass
class Question:
    """
    # Parameters

    passage : `Passage`
    text : `str`
    id : `str`, optional
    answers : `List[Answer]`, optional
        Those that are right; none if the passage does not answer it, `None` if it is not known.
    entities : `List[EntityMention]`, optional
        The mentions that the data names.
    where : `str`
        What to call it in an error.
    index : `int`, optional (default = `0`)
        Its place in the file.
    """

    passage: Passage
    text: str
    id: Optional[str]
    answers: Optional[List[Answer]]
    entities: Optional[List[EntityMention]]
    where: str
    index: int = 0

    @property
    def wrong_answers(self) -> List[Answer]:
        """The answers that are not what the passage has at their place."""
        context = self.passage.context
        return [answer for answer in self.answers or [] if context[answer.start : answer.end] != answer.text]

    @property
    def name(self) -> str:
        """What to call it in a message: its place in the file, and its id."""
        return self.where if self.id is None else f"{self.where} (id {self.id!r})"


def is_dataset_record(record: Dict[str, Any]) -> bool:
    """Whether a record is all of SQuAD, an article or a paragraph of it, with any number of questions."""
    return any(key in record for key in _DATASET_KEYS)


def questions_from_json(record: Record, where: str) -> Iterator[Question]:
    """
    # Parameters

    record : `Dict[str, Any]`
        One of

        - SQuAD 1.1 or 2.0: `{"data": [article, ...]}`;
        - an article of it: `{"title": "...", "paragraphs": [paragraph, ...]}`;
        - a paragraph of it: `{"context": "...", "qas": [{"id": "...", "question": "...", "answers": [{"text":
          "...", "answer_start": 0}, ...], "is_impossible": false}, ...]}`;
        - a question of ours: `{"question": "...", "context": "..."}`, if wanted with `title`, `id` and
          `answers`, which here may be `[start, end]` too, or `is_impossible`.

        `"is_impossible": true` says that the passage has no answer. Where neither this nor an answer is
        given, be `answers` missing, `null` or empty, it is not known what is right. A question may have
        `entities`, each `{"part": "context", "span": [start, end], "title": "..."}`, where `part` may also be
        `"question"`: they are for the linker "spans".
    where : `str`
        What to call it in an error.

    # Returns

    `Iterator[Question]`

    # Raises

    `ConfigurationError`
        Something is missing or not as described.
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
        yield _question(record, where, Passage(_context(record, where), _title(record, where)))
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
    passage = Passage(_context(record, where), title)
    for inner, question in get_objects(record, "qas", where):
        get_value(question, "id", inner)
        yield _question(question, inner, passage)


def _title(record: Record, where: str) -> Optional[str]:
    return get_string(record, "title", where, default="") or None


def _context(record: Record, where: str) -> str:
    return get_text(record, "context", where, "the answer")


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
                "for a question whose answer is not known no 'is_impossible'."
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
            # Where it is not the passage's, that is for the reader to report.
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
