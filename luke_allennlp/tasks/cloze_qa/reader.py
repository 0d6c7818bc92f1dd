"""Cloze QA: the reader."""

import logging
from functools import partial
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField, TensorField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.options import check_at_least
from luke_allennlp.common.records import read_records
from luke_allennlp.data.fields import EntityField, SubwordField
from luke_allennlp.data.marked_text import MarkedSpan, MarkedText, mark_spans
from luke_allennlp.data.windows import keep_nearest, sliding_windows
from luke_allennlp.data.word_tokenizer import EncodedPair
from luke_allennlp.tasks.base.mention_reader import check_markers
from luke_allennlp.tasks.base.reader import MASK_ENTITY, TaskReader
from luke_allennlp.tasks.cloze_qa.examples import PLACEHOLDER, ClozeExample, Passage, questions_of

logger = logging.getLogger(__name__)

HIGHLIGHT = "@highlight"
"""Precedes each sentence of the summary in a passage of ReCoRD."""

MARKERS = ("[HIGHLIGHT]", "[PLACEHOLDER]", "[ENTITY]")
"""Marker tokens that the tokenizer needs."""


class ClozeWindow(NamedTuple):
    """A query with a part of its passage."""

    example: ClozeExample
    number: int  # its place among the windows of the question
    total: int  # the number of these
    input: EncodedPair  # query and window
    placeholder: int  # position of its marker
    candidates: List[int]  # indices of the passage's candidates in the window
    # Positions of their entities, markers included. Shape: (candidates, 2)
    spans: np.ndarray


@DatasetReader.register("luke_cloze_qa")
class ClozeQaReader(TaskReader[ClozeExample, ClozeWindow]):
    """
    Registered as a `DatasetReader` with name "luke_cloze_qa".

    Reads ReCoRD's JSON, SuperGLUE's JSON lines or this project's own (see `questions_of`), detected
    automatically, and builds the original system's instances: the query and a window of the passage, with
    markers around every candidate; the placeholder and the candidates of the window are `[MASK]` entities
    (Yamada et al., EMNLP 2020, section 4.4).

    Candidates may overlap; their markers are then nested. Windows without a whole candidate are omitted; if a
    question has no other, the first is kept, so that the question counts.

    # Parameters

    tokenizer : `Tokenizer`
        "luke", with the embedder's checkpoint and the marker tokens `[HIGHLIGHT]`, `[PLACEHOLDER]` and
        `[ENTITY]`.
    max_length : `int`, optional (default = `512`)
        Maximum number of tokens of a window, special tokens included.
    stride : `int`, optional (default = `128`)
        Number of passage tokens from the start of a window to that of the next.
    max_query_length : `int`, optional (default = `90`)
        Maximum number of tokens of a query. Of a longer one the first are kept, or those nearest to the
        placeholder if it is not among the first.
    max_mention_length : `int`, optional (default = `30`)
        Maximum number of positions of an entity, from its first marker on, as in the original system; `null`
        for no limit.
    duplicate_highlight_text : `bool`, optional (default = `False`)
        If true, duplicate text as the original system does: in a piece of the passage (between two mentions,
        or a mention) that contains an `@highlight` and does not follow a space, the text after the
        `@highlight` comes twice.
    cut_placeholder : `bool`, optional (default = `False`)
        If true, truncate long queries as the original system does: the first tokens are kept, even without
        the placeholder, whose entity then has the position where it would have been.
    encoding : `str`, optional (default = `"utf-8"`)
        Of the files.
    max_instances : `int`, optional (default = `None`)
        Maximum number of windows to read.

    # Raises

    `ConfigurationError`
        An option, a file or a record is invalid.
    """

    example_name = "questions"
    record_keys = (("passage", "qas"), ("passage", "query"))

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int = 512,
        stride: int = 128,
        max_query_length: int = 90,
        max_mention_length: Optional[int] = 30,
        duplicate_highlight_text: bool = False,
        cut_placeholder: bool = False,
        encoding: str = "utf-8",
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(tokenizer, encoding, max_instances, serialization_dir)
        check_markers(self.tokenizer, MARKERS)
        check_at_least(
            1, stride=stride, max_query_length=max_query_length, max_mention_length=max_mention_length
        )
        # Special tokens around and between the query and the passage.
        self._num_special = 2 + self.tokenizer.separators
        # At least one token of the passage.
        check_at_least(max_query_length + self._num_special + 1, max_length=max_length)
        self._max_length = max_length
        self._stride = stride
        self._max_query_length = max_query_length
        self._max_mention_length = max_mention_length
        self._duplicate_highlight_text = duplicate_highlight_text
        self._cut_placeholder = cut_placeholder
        # The passage tokenized last: its questions are consecutive.
        self._passage: Optional[Tuple[Passage, np.ndarray, np.ndarray]] = None

    @overrides
    def read_examples(self, file_path: str) -> Iterator[ClozeExample]:
        questions = unmarked = 0
        try:
            for where, record in read_records(file_path, self.encoding):
                for example in questions_of(record, where):
                    unmarked += example.answers is not None and not example.answer_spans & set(
                        example.passage.candidates
                    )
                    questions += 1
                    yield example._replace(key=questions - 1)
            if not questions:
                raise ConfigurationError(f"{file_path}: contains no question; expected one or more.")
        finally:  # also if max_instances stops it
            if unmarked:
                logger.warning(
                    "%s: no candidate is an answer to %d of %d questions", file_path, unmarked, questions
                )

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[ClozeExample]:
        return list(questions_of(record, where))

    @overrides
    def source(self, example: ClozeExample) -> Passage:
        return example.passage

    @overrides
    def is_labeled(self, example: ClozeExample) -> bool:
        return example.answers is not None

    @overrides
    def items(self, example: ClozeExample) -> List[ClozeWindow]:
        query_ids, placeholder = self._tokenized_query(example.query)
        passage_ids, spans = self._tokenized_passage(example.passage)
        windows: List[Tuple[int, int, np.ndarray]] = []
        size = self._max_length - len(query_ids) - self._num_special
        for start, end in sliding_windows(len(passage_ids), size, self._stride):
            candidates = np.flatnonzero((spans[:, 0] >= start) & (spans[:, 1] < end))
            if len(candidates) or not windows:
                windows.append((start, end, candidates))
        if len(windows) > 1 and not len(windows[0][2]):
            del windows[0]

        items = []
        for number, (start, end, candidates) in enumerate(windows):
            pair = self.tokenizer.encode_pair(query_ids, passage_ids[start:end])
            positions = spans[candidates] - start + pair.second_start
            if self._max_mention_length is not None:
                positions[:, 1] = np.minimum(positions[:, 1], positions[:, 0] + self._max_mention_length - 1)
            items.append(
                ClozeWindow(
                    example, number, len(windows), pair, placeholder + 1, candidates.tolist(), positions
                )
            )
        return items

    @overrides(check_signature=False)
    def text_to_instance(self, window: ClozeWindow, labeled: bool = False) -> Instance:
        """
        `words` (`SubwordField`), `entities` (`EntityField`: the placeholder, then the candidates),
        `metadata`, and if labeled `labels` (`TensorField`, 1 where a candidate is an answer, else 0).
        """
        example = window.example
        candidates = [example.passage.candidates[index] for index in window.candidates]
        placeholder = [(window.placeholder, window.placeholder)]
        metadata = {
            "key": example.key,
            "id": example.id,
            "window": window.number,
            "num_windows": window.total,
            "candidates": candidates,
            "texts": [example.passage.mention(span) for span in candidates],
            # The answer if there is nothing to choose from.
            "fallback": next(map(example.passage.mention, example.passage.candidates), ""),
            "answers": example.answers,
        }
        fields: Dict[str, Field] = {
            "words": SubwordField(window.input.ids, window.input.type_ids, self.tokenizer.pad_id),
            "entities": EntityField(
                [MASK_ENTITY] * (1 + len(candidates)), np.concatenate([placeholder, window.spans])
            ),
            "metadata": MetadataField(metadata),
        }
        if labeled:
            answers = [float(span in example.answer_spans) for span in candidates]
            fields["labels"] = TensorField(torch.tensor(answers))
        return Instance(fields)

    @overrides
    def labeled_items(self, file_path: str) -> Iterator[Tuple[ClozeWindow, bool]]:
        windows = questions = unanswerable = 0
        try:
            for window, labeled in super().labeled_items(file_path):
                windows += 1
                questions += window.number == 0
                unanswerable += not window.candidates
                yield window, labeled
        finally:  # also if max_instances stops it
            if windows:
                logger.info("%s: %d windows of %d questions", file_path, windows, questions)
            if unanswerable:
                logger.warning(
                    "%s: %d of %d questions have no candidate that fits into a window of %d tokens; their "
                    "answer is the first candidate, or empty if there is none",
                    file_path,
                    unanswerable,
                    questions,
                    self._max_length,
                )

    @overrides
    def num_targets(self, instance: Instance) -> int:
        """The candidates, which come after the placeholder."""
        return len(instance["entities"]) - 1

    def _tokenized_query(self, query: str) -> Tuple[List[int], int]:
        """Token ids, and the position of the placeholder's marker."""
        text = query.replace("\n", " ")
        start = text.index(PLACEHOLDER)
        end = start + len(PLACEHOLDER)
        marked = MarkedText(self.tokenizer)
        marked.add(text, 0, start)
        placeholder = len(marked)
        marked.add_marker("[PLACEHOLDER]", start)
        marked.add(text, end, len(text), add_prefix_space=text.startswith(" ", end))
        kept = range(self._max_query_length)
        if len(marked) <= self._max_query_length or self._cut_placeholder or placeholder in kept:
            return marked.ids[: self._max_query_length], placeholder
        nearest = keep_nearest(len(marked), [(placeholder, placeholder + 1)], self._max_query_length).tolist()
        return [marked.ids[position] for position in nearest], nearest.index(placeholder)

    def _tokenized_passage(self, passage: Passage) -> Tuple[np.ndarray, np.ndarray]:
        """Token ids, and the positions of each candidate's markers. Shapes: (tokens,), (candidates, 2)."""
        if self._passage is None or self._passage[0] != passage:
            text = passage.text.replace("\n", " ")
            spans = [MarkedSpan(start, end, "[ENTITY]") for start, end in passage.candidates]
            marked, positions = mark_spans(self.tokenizer, text, spans, partial(self._add_piece, text))
            ids, places = (np.asarray(values, dtype=np.int32) for values in (marked.ids, positions))
            self._passage = (passage, ids, places.reshape(-1, 2))
        return self._passage[1:]

    def _add_piece(self, text: str, marked: MarkedText, start: int, end: int) -> None:
        follows_space = start == 0 or text[start - 1] == " " or text.startswith(" ", start, end)
        found = text.find(HIGHLIGHT, start, end)
        if found >= 0 and self._duplicate_highlight_text and not follows_space:
            marked.add(text, start, end, follows_space)
        else:
            marked.add(text, start, end if found < 0 else found, follows_space)
        while found >= 0:
            marked.add_marker("[HIGHLIGHT]", found)
            start = found + len(HIGHLIGHT)
            found = text.find(HIGHLIGHT, start, end)
            marked.add(text, start, end if found < 0 else found, text.startswith(" ", start, end))
