"""Extractive QA: the reader."""

import logging
from dataclasses import replace
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField, TensorField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.options import check_at_least
from luke_allennlp.common.records import read_records
from luke_allennlp.common.text_lines import listed, shown
from luke_allennlp.data.fields import IGNORED_LABEL, EntityField, SubwordField
from luke_allennlp.data.windows import sliding_windows
from luke_allennlp.linking.entity_linker import (
    ArticleLinker,
    EntityLinker,
    LinkedEntity,
    NoEntityLinker,
    Offsets,
)
from luke_allennlp.tasks.base.reader import TaskReader
from luke_allennlp.tasks.reading_comprehension.examples import Passage, Question, questions_from_json
from luke_allennlp.tasks.reading_comprehension.windows import PassageTokens, QuestionWindow, with_best_ranges

logger = logging.getLogger(__name__)


class Window(NamedTuple):
    """A question and a window of its passage."""

    question: Question
    question_ids: List[int]
    passage: PassageTokens
    window: QuestionWindow
    number: int  # its place among the windows of the question
    total: int  # the number of these
    answer: Optional[Tuple[int, int]]  # first and last token of the first answer in the passage
    entities: List[LinkedEntity]  # with their positions in the input


@DatasetReader.register("luke_reading_comprehension")
class ReadingComprehensionReader(TaskReader[Question, Window]):
    """
    Registered as a `DatasetReader` with name "luke_reading_comprehension".

    Reads SQuAD 1.1 and 2.0, or this project's JSON lines, and builds the original system's instances: the
    question and a window of its passage, with the entities of both (Yamada et al., EMNLP 2020, section 4.5
    and appendix C). `questions_from_json` documents the files.

    The answer of a window that does not contain the whole of a question's first answer is its start token, as
    it is for a question without an answer.

    # Parameters

    tokenizer : `Tokenizer`
        "luke", with the embedder's checkpoint.
    linker : `EntityLinker`, optional (default = `None`)
        Source of the entities: "none" (the default), "article_links", "spans".
    training : `bool`, optional (default = `False`)
        Whether the instances are for training: skip questions whose first answer differs from the passage at
        its place. Otherwise they are read, without a loss.
    max_length : `int`, optional (default = `512`)
        Maximum number of tokens of an input, special tokens included.
    stride : `int`, optional (default = `128`)
        Number of passage tokens from the start of a window to that of the next.
    max_question_length : `int`, optional (default = `64`)
        Maximum number of tokens of a question; the rest is cut off.
    max_entities : `int`, optional (default = `128`)
        Maximum number of entities of an input: the first ones.
    strip_question : `bool`, optional (default = `False`)
        Whether to strip whitespace at a question's end, as the tokenizer of the original's first release did.
        In its later ones, and by default, it is a token. (3.9 % of SQuAD 2.0's development questions have
        it.)
    encoding : `str`, optional (default = `"utf-8"`)
        Of the files.
    max_instances : `int`, optional (default = `None`)
        Maximum number of instances to read.

    # Raises

    `ConfigurationError`
        An option, a file or a record is invalid.
    """

    example_name = "questions"
    record_keys = (("question", "context"), ("context", "qas"), ("paragraphs",))

    def __init__(
        self,
        tokenizer: Tokenizer,
        linker: Optional[EntityLinker] = None,
        training: bool = False,
        max_length: int = 512,
        stride: int = 128,
        max_question_length: int = 64,
        max_entities: int = 128,
        strip_question: bool = False,
        encoding: str = "utf-8",
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(tokenizer, encoding, max_instances, serialization_dir)
        check_at_least(1, stride=stride, max_question_length=max_question_length)
        check_at_least(0, max_entities=max_entities)
        # Special tokens around and between the question and the passage.
        self._num_special = 2 + self.tokenizer.separators
        # At least one token of the passage.
        check_at_least(max_question_length + self._num_special + 1, max_length=max_length)
        self.linker = linker or NoEntityLinker()
        self.training = training
        self.max_length = max_length
        self.stride = stride
        self.max_question_length = max_question_length
        self.max_entities = max_entities
        self.strip_question = strip_question
        # Of the last question; the next one usually has the same passage and article.
        self._passage: Optional[Tuple[PassageTokens, Offsets]] = None
        self._article: Optional[Tuple[Optional[str], ArticleLinker]] = None

    @overrides
    def read_examples(self, file_path: str) -> Iterator[Question]:
        wrong: List[Question] = []
        duplicates: List[str] = []
        ids: Set[str] = set()
        number = unanswered = 0
        try:
            for where, record in read_records(file_path, self.encoding):
                for question in questions_from_json(record, where):
                    question.index = number
                    number += 1
                    unanswered += question.answers == []
                    if question.wrong_answers:
                        wrong.append(question)
                    if question.id in ids:
                        duplicates.append(question.name)
                    elif question.id is not None:
                        ids.add(question.id)
                    yield question
            if not number:
                raise ConfigurationError(f"{file_path}: contains no question; expected one or more.")
        finally:  # also if max_instances stops it
            _log_read(file_path, number, unanswered, wrong)
            if duplicates:
                logger.warning(
                    "%s: %d questions repeat an id; each counts here, but SQuAD's scorers take one "
                    "prediction per id: %s",
                    file_path,
                    len(duplicates),
                    listed(duplicates),
                )

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[Question]:
        questions = questions_from_json(record, where)
        return [replace(question, index=index) for index, question in enumerate(questions)]

    @overrides
    def source(self, example: Question) -> Passage:
        return example.passage

    @overrides
    def is_labeled(self, example: Question) -> bool:
        return example.answers is not None

    @overrides
    def is_linked(self, item: Window) -> Optional[bool]:
        return None if isinstance(self.linker, NoEntityLinker) else bool(item.entities)

    @overrides
    def describe(self, example: Question) -> str:
        return example.name

    @overrides
    def labels_hint(self, example: Question) -> str:
        return ' (a question that the passage does not answer has "is_impossible": true)'

    @overrides
    def items(self, example: Question) -> List[Window]:
        encoded = self.tokenizer.encode(example.text, strip_end=self.strip_question)
        question_ids = encoded.ids[: self.max_question_length]
        passage, offsets = self._passage_tokens(example.passage)
        linker = self._article_linker(example)
        # Linked once for all windows. The start token comes before the question.
        in_question = _moved(
            linker.link(example.text, encoded.offsets, (0, len(question_ids)), part="question"), 1
        )
        size = self.max_length - len(question_ids) - self._num_special
        windows = with_best_ranges(list(sliding_windows(len(passage), size, self.stride)))
        answer = self._answer(example, passage)
        items = []
        for number, window in enumerate(windows):
            found = linker.link(example.passage.context, offsets, (window.start, window.end), part="context")
            entities = in_question + _moved(found, 1 + len(question_ids) + self.tokenizer.separators)
            items.append(
                Window(
                    question=example,
                    question_ids=question_ids,
                    passage=passage,
                    window=window,
                    number=number,
                    total=len(windows),
                    answer=answer,
                    entities=entities[: self.max_entities],
                )
            )
        return items

    def _passage_tokens(self, passage: Passage) -> Tuple[PassageTokens, Offsets]:
        if self._passage is None or self._passage[0].passage != passage:
            encoded = self.tokenizer.encode_spaced(passage.context)
            self._passage = (PassageTokens(passage, encoded), encoded.offsets)
        return self._passage

    @overrides
    def num_targets(self, instance: Instance) -> int:
        """1, or 0 if the answer is unknown."""
        return int(instance["answer"].tensor[0] != IGNORED_LABEL)  # type: ignore[attr-defined]

    def _answer(self, question: Question, passage: PassageTokens) -> Optional[Tuple[int, int]]:
        if not question.answers or question.answers[0] in question.wrong_answers:
            return None
        return passage.find(question.answers[0])

    def _article_linker(self, question: Question) -> ArticleLinker:
        title = question.passage.title
        if question.entities is not None:
            return self.linker.article(title, question.entities)
        if self._article is None or self._article[0] != title:
            self._article = (title, self.linker.article(title))
        return self._article[1]

    @overrides
    def labeled_items(self, file_path: str) -> Iterator[Tuple[Window, bool]]:
        left_out = kept = 0
        for item, labeled in super().labeled_items(file_path):
            if self.training and item.question.answers and item.answer is None:
                left_out += 1
                continue
            kept += 1
            yield item, labeled
        # A data worker sees only its share; `check_file` sees all.
        if left_out and not kept and self._worker_info is None:
            raise _nothing_to_train_on(file_path)

    @overrides
    def check_file(self, file_path: str, training: bool = False) -> None:
        usable = False
        for example in self.local_examples(file_path):
            self.check_labels(example)
            usable = usable or not example.answers or example.answers[0] not in example.wrong_answers
        if self.training and not usable:
            raise _nothing_to_train_on(file_path)

    @overrides(check_signature=False)
    def text_to_instance(self, item: Window, labeled: bool = False) -> Instance:
        """
        `words` (`SubwordField`), `entities` (`EntityField`), `limits` (as in the model's `forward`),
        `metadata`, and if labeled `answer` (first and last position).
        """
        window, question = item.window, item.question
        pair = self.tokenizer.encode_pair(item.question_ids, item.passage.ids[window.start : window.end])
        limits = np.array(window) + (pair.second_start - window.start)
        fields: Dict[str, Field] = {
            "words": SubwordField(pair.ids, pair.type_ids, padding_id=self.tokenizer.pad_id),
            "entities": EntityField(
                [entity.row for entity in item.entities],
                [(entity.first, entity.last) for entity in item.entities],
            ),
            "limits": TensorField(limits),
            "metadata": MetadataField(
                {
                    "question": question.index,
                    "id": question.id,
                    "window": item.number,
                    "num_windows": item.total,
                    "window_start": window.start,
                    "first_position": pair.second_start,
                    "passage": item.passage,
                    "gold": [answer.text for answer in question.answers or []],
                }
            ),
        }
        if labeled:
            fields["answer"] = TensorField(np.array(_positions(item, pair.second_start)))
        return Instance(fields)


def _positions(item: Window, first_position: int) -> Tuple[int, int]:
    if item.answer is None:
        return (IGNORED_LABEL, IGNORED_LABEL) if item.question.answers else (0, 0)
    first, last = item.answer
    if not item.window.start <= first <= last < item.window.end:
        return 0, 0
    shift = first_position - item.window.start
    return first + shift, last + shift


def _nothing_to_train_on(file_path: str) -> ConfigurationError:
    return ConfigurationError(
        f"{file_path}: no question's first answer is at its place in the passage, so there is nothing to "
        "train on; expected answer_start to count characters, from 0."
    )


def _moved(entities: List[LinkedEntity], shift: int) -> List[LinkedEntity]:
    return [LinkedEntity(row, first + shift, last + shift) for row, first, last in entities]


def _log_read(file_path: str, number: int, unanswered: int, wrong: List[Question]) -> None:
    if number:
        logger.info("%s: %d questions, %d of them unanswerable", file_path, number, unanswered)
    if not wrong:
        return
    examples = []
    for question in wrong[:5]:
        answer = question.wrong_answers[0]
        there = question.passage.context[answer.start : answer.end]
        examples.append(f"{question.name}: {shown(answer.text)} at {answer.start}, found {shown(there)}")
    logger.warning(
        "%s: %d answers to %d questions differ from the passage at their place; questions whose first answer "
        "does are skipped in training: %s",
        file_path,
        sum(len(question.wrong_answers) for question in wrong),
        len(wrong),
        listed(examples, len(wrong)),
    )
