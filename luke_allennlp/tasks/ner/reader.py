"""Named entity recognition as the classification of spans: files to instances."""

import itertools
import logging
import math
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.text_lines import listed
from luke_allennlp.data.fields import EntityField, SparseLabelField, SubwordField
from luke_allennlp.data.label_map import LabelMap
from luke_allennlp.data.segmentation import TextSegmenter
from luke_allennlp.tasks.base.reader import MASK_ENTITY, TaskReader
from luke_allennlp.tasks.ner.examples import (
    NIL,
    CandidateSpans,
    Chunk,
    Document,
    SentenceChunk,
    SentenceExample,
)
from luke_allennlp.tasks.ner.forms import Reading, document_from_record, read_documents
from luke_allennlp.tasks.ner.tag_schemes import check_scheme

logger = logging.getLogger(__name__)

_DOCUMENTS_A_WORKER = 8  # fewer can differ much in size


@DatasetReader.register("luke_ner")
class NerReader(TaskReader[SentenceExample, SentenceChunk]):
    """
    Registered as a `DatasetReader` with name "luke_ner".

    Reads NER data in all formats of `luke_allennlp.tasks.ner.forms`, which it detects by their structure, and
    makes the original system's instances: a sentence in a window of its document, with its candidate spans as
    `[MASK]` entities, 128 at a time (Yamada et al., EMNLP 2020, section 4.3).

    # Parameters

    tokenizer : `Tokenizer`
        Of type "luke", with the embedder's checkpoint.
    max_length : `int`, optional (default = `512`)
        The maximum number of tokens of a window, including start and end token. Longer sentences are split
        between words.
    context : `str`, optional (default = `"document"`)
        What surrounds the sentence in its window: its "document", or nothing ("sentence").
    max_span_length : `int`, optional (default = `16`)
        The maximum number of tokens of a candidate. Longer gold entities are logged, and count as missed.
    max_entities : `int`, optional (default = `128`)
        The maximum number of candidates of an instance. A sentence with more becomes several instances.
    word_column, tag_column : `int`, optional (default = `0` and `-1`)
        Of column files, from 0, negative from the end. `tag_column: null` reads files without tags, for
        prediction.
    separator : `str`, optional (default = `None`)
        What separates columns; detected by default.
    encoding : `str`, optional (default = `"utf-8"`)
        Of the files.
    tag_scheme : `str`, optional (default = `"auto"`)
        Of tags in columns and in JSON: IOB1, IOB2, BIOES, BILOU or IO; detected by default.
    comment_prefix : `str`, optional (default = `"#"`)
        How comment lines of columns start; `null` if there are none.
    undivided : `str`, optional (default = `"sentences"`)
        What a column file without `-DOCSTART-` is: a document for each sentence ("sentences"), or one
        "document".
    label_names : `List[str]`, optional (default = `None`)
        What tags that are numbers stand for, in order, as in Hugging Face's datasets.
    label_map : `Dict[str, Optional[str]]`, optional (default = `None`)
        New names of labels; `null` drops the entities with the label.
    duplicate_spans : `str`, optional (default = `"error"`)
        Whether two labels of one span are an "error", or the "first" in the file is kept.
    segmenter : `TextSegmenter`, optional (default = `None`)
        Splits raw text into sentences and words; by default with spaCy's rules.
    label_namespace : `str`, optional (default = `"labels"`)
        The model's namespace of labels.
    shared_windows : `bool`, optional (default = `False`)
        For an embedder with `span_attention` "independent", or a model without entities: sentences share a
        window as far as possible, which is then encoded once for those of a batch. A document that fits a
        window is one; of a longer one, successive sentences of at most half a window have one, with the
        document around them. By default each sentence is in the middle of its own, as in the original system.
    max_instances : `int`, optional (default = `None`)
        Reads no more than this many; in `predict --use-dataset-reader`, this many sentences.

    # Raises

    `ConfigurationError`
        An option, a file or a line of it is malformed.
    """

    example_name = "sentences"
    record_keys = (("text", "entities"), ("text", "spans"), ("tokens",), ("sentences",))

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int = 512,
        context: str = "document",
        max_span_length: int = 16,
        max_entities: int = 128,
        word_column: int = 0,
        tag_column: Optional[int] = -1,
        separator: Optional[str] = None,
        encoding: str = "utf-8",
        tag_scheme: str = "auto",
        comment_prefix: Optional[str] = "#",
        undivided: str = "sentences",
        label_names: Optional[List[str]] = None,
        label_map: Optional[Dict[str, Optional[str]]] = None,
        duplicate_spans: str = "error",
        segmenter: Optional[TextSegmenter] = None,
        label_namespace: str = "labels",
        shared_windows: bool = False,
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(tokenizer, encoding, max_instances, serialization_dir)
        for name, value, choices in (
            ("context", context, ("document", "sentence")),
            ("undivided", undivided, ("sentences", "document")),
            ("duplicate_spans", duplicate_spans, ("error", "first")),
        ):
            if value not in choices:
                raise ConfigurationError(f"{name} is {value!r}; expected {choices[0]!r} or {choices[1]!r}.")
        if separator == "":
            raise ConfigurationError("separator is empty; give a character, or null to detect it.")
        self.chunker = Chunker(
            start_id=self.tokenizer.start_id,
            end_id=self.tokenizer.end_id,
            max_length=max_length,
            use_document=context == "document",
            max_span_length=max_span_length,
            max_entities=max_entities,
        )
        self._shared_windows = shared_windows
        self._reading = Reading(
            segmenter=segmenter or TextSegmenter.by_name(TextSegmenter.default_implementation)(),
            encoding=encoding,
            tag_scheme=check_scheme(tag_scheme),
            label_names=label_names,
            label_map=LabelMap(label_map) if label_map else None,
            duplicate_spans=duplicate_spans,
            word_column=word_column,
            tag_column=tag_column,
            separator=separator,
            comment_prefix=comment_prefix,
            undivided=undivided,
        )
        self._label_namespace = label_namespace
        # The labels outside the vocabulary that the log has warned about.
        self._warned: Set[str] = set()
        self._few_documents = False
        self._encoded: Optional[_EncodedDocument] = None  # the last one

    def read_documents(self, file_path: str) -> List[Document]:
        """The documents of a local file."""
        return read_documents(file_path, self._reading)

    def document_from_json(self, record: Dict[str, Any], where: str) -> Document:
        """As `examples_from_json`; the document may have no sentence."""
        return document_from_record(record, where, self._reading)

    @overrides
    def read_examples(self, file_path: str) -> Iterator[SentenceExample]:
        documents = self.read_documents(file_path)
        workers = 1 if self._worker_info is None else self._worker_info.num_workers
        self._few_documents = len(documents) < _DOCUMENTS_A_WORKER * workers
        for document in documents:
            yield from sentences_of(document)

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[SentenceExample]:
        return sentences_of(self.document_from_json(record, where))

    @overrides
    def source(self, example: SentenceExample) -> object:
        # Data workers share the documents, or the sentences if there are few documents.
        return example.document.index, example.number if self._few_documents else None

    @overrides
    def is_labeled(self, example: SentenceExample) -> bool:
        return example.document.unlabeled is None

    @overrides
    def gold_labels(self, example: SentenceExample) -> List[str]:
        """Of the entities that are spans of words, not of those in `Sentence.unaligned`."""
        return [label for _, _, label in example.sentence.spans]

    @overrides
    def describe(self, example: SentenceExample) -> str:
        return example.document.where

    @overrides
    def labels_hint(self, example: SentenceExample) -> str:
        return f" ({example.document.unlabeled})"

    @overrides
    def check_file(self, file_path: str, training: bool = False) -> None:
        sentences = []
        for example in self.local_examples(file_path):
            self.check_labels(example)
            sentences.append(example.sentence)
        if not training or any(sentence.spans for sentence in sentences):
            return
        unaligned = sum(len(sentence.unaligned) for sentence in sentences)
        if unaligned:
            raise ConfigurationError(
                f"{file_path}: none of its {unaligned} entities starts and ends with words, so there is "
                "nothing to train on; split its texts differently with `segmenter`, for example "
                '{"type": "whitespace"} or another `language`.'
            )
        raise ConfigurationError(
            f"{file_path}: has no entity in its {len(sentences)} sentences, so a model trained on it would "
            "predict none; check the file, and `label_map` and `tag_column` if they are set."
        )

    @overrides
    def items(self, example: SentenceExample) -> List[SentenceChunk]:
        document, index, sentence = example
        if self._encoded is None or self._encoded.document is not document:
            self._encoded = self._encode(document)
        _, token_ids, sentences, groups = self._encoded
        bounds = sentences[index]
        chunks = self.chunker.chunks(token_ids, bounds, groups[index] if groups else None)
        too_long = [
            span
            for span in sentence.spans
            if not 0 < bounds[span.end] - bounds[span.start] <= self.chunker.max_span_length
        ]
        return [SentenceChunk(example, chunk, i, len(chunks), too_long) for i, chunk in enumerate(chunks)]

    def _encode(self, document: Document) -> "_EncodedDocument":
        words = self.tokenizer.encode_words([word for s in document.sentences for word in s.words])
        token_ids = np.array([token_id for word in words for token_id in word], dtype=np.int32)
        # Shape: (words + 1,)
        bounds = np.cumsum([0, *map(len, words)], dtype=np.int64)
        starts = [0, *itertools.accumulate(len(sentence.words) for sentence in document.sentences)]
        sentences = [bounds[start : end + 1] for start, end in itertools.pairwise(starts)]
        groups = []
        if self._shared_windows:
            groups = self.chunker.groups([(int(part[0]), int(part[-1])) for part in sentences])
        return _EncodedDocument(document, token_ids, sentences, groups)

    @overrides
    def labeled_items(self, file_path: str) -> Iterator[Tuple[SentenceChunk, bool]]:
        too_long: List[str] = []
        num_chunks = 0
        try:
            for item, labeled in super().labeled_items(file_path):
                num_chunks += 1
                if item.number == 0:
                    sentence = item.example.sentence
                    where = f"{sentence.where}: " if sentence.where is not None else ""
                    for start, end, label in item.too_long:
                        too_long.append(f"{where}{label} {' '.join(sentence.words[start:end])!r}")
                yield item, labeled
        finally:  # also if max_instances ends it
            if num_chunks:
                logger.info("%s: %d instances", file_path, num_chunks)
            if too_long:
                logger.warning(
                    "%s: %d gold entities are longer than %d tokens; they cannot be predicted and count as "
                    "missed (max_span_length sets the limit): %s",
                    file_path,
                    len(too_long),
                    self.chunker.max_span_length,
                    listed(too_long),
                )

    @overrides(check_signature=False)
    def text_to_instance(self, item: SentenceChunk, labeled: bool = False) -> Instance:
        (document, index, sentence), chunk, number, total, _ = item
        candidates = chunk.candidates
        fields: Dict[str, Field] = {
            "words": SubwordField(
                chunk.token_ids, padding_id=self.tokenizer.pad_id, shared=self._shared_windows
            ),
            "entities": EntityField([MASK_ENTITY] * len(candidates), chunk.spans),
            "metadata": MetadataField(
                {
                    "document": document.id,
                    "document_index": document.index,
                    "sentence": index,
                    "chunk": number,
                    "num_chunks": total,
                    "words": sentence.words,
                    "candidates": candidates.view(CandidateSpans),
                    "gold": sentence.spans,
                    "unaligned": [label for _, _, label in sentence.unaligned],
                }
            ),
        }
        if labeled:
            gold = {(start, end): label for start, end, label in sentence.spans}
            spans = map(tuple, candidates.tolist() if gold else [])
            labels = {place: gold[span] for place, span in enumerate(spans) if span in gold}
            fields["labels"] = SparseLabelField(
                labels, len(candidates), NIL, self._label_namespace, self._warned
            )
        return Instance(fields)

    @overrides
    def num_targets(self, instance: Instance) -> int:
        """The candidates."""
        return len(instance["entities"])

    @overrides
    def apply_token_indexers(self, instance: Instance) -> None:
        # Instances of a data worker have lost what fields share.
        labels = instance.fields.get("labels")
        if isinstance(labels, SparseLabelField):
            labels.warned = self._warned


def sentences_of(document: Document) -> List[SentenceExample]:
    return [SentenceExample(document, index, sentence) for index, sentence in enumerate(document.sentences)]


class _EncodedDocument(NamedTuple):
    """
    A document, its token ids, where in them the words of each sentence start and the last one ends, and the
    `Chunker.groups` of its sentences if they share windows.
    """

    document: Document
    token_ids: np.ndarray
    sentences: List[np.ndarray]
    groups: List[Tuple[int, int]]


@dataclass
class Chunker:
    """Makes the chunks of sentences as the original system does. Its options are those of `NerReader`."""

    start_id: int
    end_id: int
    max_length: int = 512
    use_document: bool = True
    max_span_length: int = 16
    max_entities: int = 128

    def __post_init__(self) -> None:
        for name in ("max_span_length", "max_entities"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; expected at least 1.")
        # Without start and end token.
        self.budget = self.max_length - 2
        if self.budget < self.max_span_length:
            raise ConfigurationError(
                f"max_length is {self.max_length}, which leaves {self.budget} tokens beside the start and "
                f"end token; expected room for max_span_length, {self.max_span_length}."
            )

    def groups(self, sentences: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
        """
        The tokens in the middle of each sentence's window, from the tokens of each sentence: all sentences of
        a document if they fit a window, otherwise successive ones of at most half a window.
        """
        if not self.use_document or not sentences:
            return sentences
        start, end = sentences[0][0], sentences[-1][1]
        if end - start <= self.budget:
            return [(start, end)] * len(sentences)
        groups: List[List[Tuple[int, int]]] = []
        for sentence in sentences:
            if groups and sentence[1] - groups[-1][0][0] <= self.budget // 2:
                groups[-1].append(sentence)
            else:
                groups.append([sentence])
        return [(group[0][0], group[-1][1]) for group in groups for _ in group]

    def chunks(
        self, token_ids: np.ndarray, bounds: np.ndarray, group: Optional[Tuple[int, int]] = None
    ) -> List[Chunk]:
        """
        The chunks of a sentence, at least one, even if all words are too long to be candidates. Every span of
        words with at most `max_span_length` tokens is a candidate of exactly one chunk.

        # Parameters

        token_ids : `np.ndarray`
            Of the document. Shape: (tokens,).
        bounds : `np.ndarray`
            Where each word of the sentence starts in it, and where the last one ends. Shape: (words + 1,).
        group : `Tuple[int, int]`, optional (default = `None`)
            The sentence's of `groups`; by default the sentence itself.
        """
        left_edge, right_edge = (0, len(token_ids)) if self.use_document else (bounds[0], bounds[-1])
        chunks: List[Chunk] = []
        for start, end, new_from in self._pieces(bounds):
            first, last = bounds[start], min(bounds[end], bounds[start] + self.budget)
            if group is not None and group[1] - group[0] <= self.budget:
                first, last = group
            left, right = context_window(first - left_edge, last - first, right_edge - last, self.budget)
            text = token_ids[first - left : last + right]
            window = np.concatenate([[self.start_id], text, [self.end_id]]).astype(np.int32)
            candidates = self._candidates(bounds, start, end, new_from)
            ends = np.stack([bounds[candidates[:, 0]], bounds[candidates[:, 1]] - 1], axis=1)
            spans = ends - (first - left) + 1
            number = max(math.ceil(len(candidates) / self.max_entities), 1)
            size = max(math.ceil(len(candidates) / number), 1)
            for at in range(0, len(candidates), size):
                chunks.append(Chunk(window, spans[at : at + size], candidates[at : at + size]))
        # A sentence without a single candidate still counts in the evaluation.
        return chunks or [Chunk(window, spans, candidates)]

    def _pieces(self, bounds: np.ndarray) -> Iterator[Tuple[int, int, int]]:
        """
        The pieces of the sentence that fit a window each, one if it is short enough. They overlap so that
        each candidate fits one of them. Each is its first word, the word after its last, and the word after
        which its candidates end, as others belong to earlier pieces.
        """
        num_words = len(bounds) - 1
        start = new_from = 0
        while True:
            end = int(np.searchsorted(bounds, bounds[start] + self.budget, side="right")) - 1
            end = min(max(end, start + 1), num_words)  # a word longer than the window is cut
            yield start, end, new_from
            if end == num_words:
                return
            new_from = end
            # The first word whose candidates can reach beyond this piece.
            earliest = int(np.searchsorted(bounds, bounds[end + 1] - self.max_span_length, side="left"))
            start = max(min(earliest, end), start + 1)

    def _candidates(self, bounds: np.ndarray, start: int, end: int, new_from: int) -> np.ndarray:
        # Shape: (words, words)
        lengths = bounds[None, start + 1 : end + 1] - bounds[start:end, None]
        allowed = (lengths > 0) & (lengths <= self.max_span_length)
        allowed[:, : max(new_from - start, 0)] = False
        # Shape: (candidates, 2)
        return (np.argwhere(allowed) + (start, start + 1)).astype(np.int32)


def context_window(left: int, length: int, right: int, budget: int) -> Tuple[int, int]:
    """
    How many tokens of context a piece of `length` tokens gets from those on its left and right, by the
    original system's rule: on the shorter side all there are, but at most half of what the budget leaves; on
    the other side the rest.
    """
    free = max(budget - length, 0)
    half = free // 2
    if left < right:
        from_left = min(left, half)
        return from_left, min(right, free - from_left)
    from_right = min(right, half)
    return min(left, free - from_right), from_right
