"""Extractive question answering: files to instances."""

import logging
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField, TensorField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

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
from luke_allennlp.tasks.reading_comprehension.windows import (
    PassageSubwords,
    QuestionWindow,
    with_best_ranges,
)

logger = logging.getLogger(__name__)


class Window(NamedTuple):
    """
    A question and a window of its passage.

    # Parameters

    question : `Question`
    question_ids : `List[int]`
        Its sub-words.
    passage : `PassageSubwords`
    window : `QuestionWindow`
    number, total : `int`
        Which of its windows this is, from 0, and of how many.
    answer : `Tuple[int, int]`, optional
        First and last sub-word of the passage that the question's first answer has.
    entities : `List[LinkedEntity]`
        By their positions in the input.
    """

    question: Question
    question_ids: List[int]
    passage: PassageSubwords
    window: QuestionWindow
    number: int
    total: int
    answer: Optional[Tuple[int, int]]
    entities: List[LinkedEntity]


@DatasetReader.register("luke_reading_comprehension")
class ReadingComprehensionReader(TaskReader[Question, Window]):
    """
    Registered as a `DatasetReader` with name "luke_reading_comprehension".

    Reads SQuAD 1.1 and 2.0, or this project's JSON lines, and makes the original system's instances: the
    question and a window of its passage, with the entities of both (Yamada et al., EMNLP 2020, section 4.5
    and appendix C). What the files may look like is said at `questions_from_json`.

    A window that does not hold the whole of a question's first answer is answered by its start token, as is
    every window of a question without an answer.

    # Parameters

    tokenizer : `Tokenizer`
        The one of type "luke", with the embedder's checkpoint.
    linker : `EntityLinker`, optional (default = `None`)
        Where the entities come from: "none" by default, "article_links", "spans".
    training : `bool`, optional (default = `False`)
        Whether the instances are for training: questions whose first answer is not what the passage has at
        its place are then left out. Otherwise they are there, without a loss.
    max_length : `int`, optional (default = `512`)
        Sub-words of an input, special tokens included.
    stride : `int`, optional (default = `128`)
        How many sub-words of the passage lie between the beginnings of two windows.
    max_question_length : `int`, optional (default = `64`)
        Sub-words of a question; the rest is cut off.
    max_entities : `int`, optional (default = `128`)
        Entities of an input: the first ones.
    strip_question : `bool`, optional (default = `False`)
        Whether space at a question's end is dropped, as the tokenizer of the original's first release did.
        With that of its later ones, and so by default, it is a sub-word. (Of SQuAD 2.0's development data
        3.9 % end so.)
    encoding : `str`, optional (default = `"utf-8"`)
    max_instances : `int`, optional (default = `None`)
        Reads no more than this many.

    # Raises

    `ConfigurationError`
        An option, a file or a record of it is not as expected.
    """

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
        for name, number, least in (
            ("stride", stride, 1),
            ("max_question_length", max_question_length, 1),
            ("max_entities", max_entities, 0),
            ("max_length", max_length, max_question_length + self._num_special + 1),
        ):
            if number < least:
                raise ConfigurationError(f"{name} is {number}; expected at least {least}.")
        self.linker = linker or NoEntityLinker()
        self.training = training
        self.max_length = max_length
        self.stride = stride
        self.max_question_length = max_question_length
        self.max_entities = max_entities
        self.strip_question = strip_question
        # What was made for the last question's passage and article, which the next one mostly has too.
        self._passage: Optional[Tuple[PassageSubwords, Offsets]] = None
        self._article: Optional[Tuple[Optional[str], ArticleLinker]] = None

    @property
    def _num_special(self) -> int:
        return self.tokenizer.separators + 2

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
                raise ConfigurationError(f"{file_path}: there is no question in it; expected one or more.")
        finally:  # also where max_instances ends it
            _log_read(file_path, number, unanswered, wrong)
            if duplicates:
                logger.warning(
                    "%s: %d questions have the id of one before; each counts for itself here, but SQuAD's "
                    "scorers have one prediction for each id: %s",
                    file_path,
                    len(duplicates),
                    listed(duplicates),
                )

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[Question]:
        questions = list(questions_from_json(record, where))
        for index, question in enumerate(questions):
            question.index = index
        return questions

    @overrides
    def source(self, example: Question) -> Passage:
        return example.passage

    @overrides
    def is_labeled(self, example: Question) -> bool:
        return example.answers is not None

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
        passage, offsets = self._passage_subwords(example.passage)
        linker = self._article_linker(example)
        # The start token is before the question, which is linked once for all windows.
        in_question = _moved(
            linker.link(example.text, encoded.offsets, (0, len(question_ids)), part="question"), 1
        )
        size = self.max_length - len(question_ids) - self._num_special
        windows = with_best_ranges(list(sliding_windows(len(passage), size, self.stride)))
        answer = self._answer(example, passage)
        items = []
        for number, window in enumerate(windows):
            found = linker.link(example.passage.context, offsets, (window.start, window.end), part="context")
            entities = in_question + _moved(found, self._first_position(question_ids))
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

    def _passage_subwords(self, passage: Passage) -> Tuple[PassageSubwords, Offsets]:
        if self._passage is None or self._passage[0].passage != passage:
            encoded = self.tokenizer.encode_spaced(passage.context)
            self._passage = (PassageSubwords(passage, encoded), encoded.offsets)
        return self._passage

    def _first_position(self, question_ids: List[int]) -> int:
        return 1 + len(question_ids) + self.tokenizer.separators

    def _answer(self, question: Question, passage: PassageSubwords) -> Optional[Tuple[int, int]]:
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
        # A data worker sees its share alone; `check_file` sees all.
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
        # Parameters

        item : `Window`
            One of those that `items` makes.
        labeled : `bool`, optional (default = `False`)
            Whether the instance has an answer and is scored.

        # Returns

        `Instance`
            `words` (`SubwordField`), `entities` (`EntityField`), `limits` (the positions of the passage and
            of those where an answer may begin), `metadata`, and if labeled `answer` (first and last
            position).
        """
        tokenizer, window = self.tokenizer, item.window
        first_position = self._first_position(item.question_ids)
        separators = [tokenizer.end_id] * tokenizer.separators
        head = [tokenizer.start_id, *item.question_ids, *separators]
        ids = np.concatenate([head, item.passage.ids[window.start : window.end], [tokenizer.end_id]])
        types = None
        if tokenizer.separators == 1:
            types = (np.arange(len(ids)) >= first_position).astype(np.int32)
        limits = np.array(window) + (first_position - window.start)
        question = item.question
        fields: Dict[str, Field] = {
            "words": SubwordField(ids, types, padding_id=tokenizer.pad_id),
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
                    "first_position": first_position,
                    "passage": item.passage,
                    "gold": [answer.text for answer in question.answers or []],
                }
            ),
        }
        if labeled:
            fields["answer"] = TensorField(np.array(self._positions(item, first_position)))
        return Instance(fields)

    def _positions(self, item: Window, first_position: int) -> Tuple[int, int]:
        if item.answer is None:
            return (IGNORED_LABEL, IGNORED_LABEL) if item.question.answers else (0, 0)
        first, last = item.answer
        if not item.window.start <= first <= last < item.window.end:
            return 0, 0
        shift = first_position - item.window.start
        return first + shift, last + shift


def _nothing_to_train_on(file_path: str) -> ConfigurationError:
    return ConfigurationError(
        f"{file_path}: none of its questions has its first answer at its place in the passage, so that there "
        "is nothing to train on; expected answer_start to count characters, from 0."
    )


def _moved(entities: List[LinkedEntity], shift: int) -> List[LinkedEntity]:
    return [LinkedEntity(row, first + shift, last + shift) for row, first, last in entities]


def _log_read(file_path: str, number: int, unanswered: int, wrong: List[Question]) -> None:
    if number:
        logger.info("%s: %d questions, %d of them without an answer", file_path, number, unanswered)
    if not wrong:
        return
    examples = []
    for question in wrong[:5]:
        answer = question.wrong_answers[0]
        there = question.passage.context[answer.start : answer.end]
        examples.append(f"{question.name}: {shown(answer.text)} at {answer.start}, where {shown(there)} is")
    logger.warning(
        "%s: %d answers to %d questions are not what the passage has at their place; questions whose first "
        "answer is one of them are left out of training: %s",
        file_path,
        sum(len(question.wrong_answers) for question in wrong),
        len(wrong),
        listed(examples, len(wrong)),
    )
