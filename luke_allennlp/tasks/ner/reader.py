"""Named entity recognition as the classification of spans: files to instances."""

import itertools
import logging
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.text_lines import listed, shown
from luke_allennlp.data.entity_field import EntityField
from luke_allennlp.data.label_map import LabelMap
from luke_allennlp.data.segmentation import TextSegmenter
from luke_allennlp.data.sparse_label_field import SparseLabelField
from luke_allennlp.data.subword_field import SubwordField
from luke_allennlp.tasks.base.reader import MASK_ENTITY, TaskReader
from luke_allennlp.tasks.ner.chunks import CandidateSpans, Chunk, Chunker, DocumentSubwords
from luke_allennlp.tasks.ner.examples import NIL, Document, LabeledSpan, Sentence, count_documents
from luke_allennlp.tasks.ner.forms import ColumnOptions, Reading, document_from_record, read_documents
from luke_allennlp.tasks.ner.gold import DUPLICATE_SPANS, settle_gold
from luke_allennlp.tasks.ner.tag_schemes import check_scheme

logger = logging.getLogger(__name__)

_DOCUMENTS_A_WORKER = 8  # fewer can differ much in size


class SentenceChunk(NamedTuple):
    """One chunk with its sentence and document, not yet an instance."""

    document: Document
    document_index: int
    sentence_index: int
    chunk: Chunk
    number: int
    total: int

    @property
    def sentence(self) -> Sentence:
        return self.document.sentences[self.sentence_index]


@DatasetReader.register("luke_ner")
class NerReader(TaskReader[Document, SentenceChunk]):
    """
    Registered as a `DatasetReader` with name "luke_ner".

    Reads NER data in all forms of `luke_allennlp.tasks.ner.forms`, which it recognises by their structure,
    and makes the original system's instances: a sentence in a window of its document, with its candidate
    spans as `[MASK]` entities, 128 at a time (Yamada et al., EMNLP 2020, section 4.3).

    # Parameters

    tokenizer : `Tokenizer`
        The one of type "luke", with the embedder's checkpoint.
    max_length : `int`, optional (default = `512`)
        Sub-words of a window, start and end token included. A sentence that is longer is split between words.
    context : `str`, optional (default = `"document"`)
        What surrounds the sentence in its window: its "document", or nothing ("sentence").
    max_span_length : `int`, optional (default = `16`)
        Sub-words of a candidate at the most. Longer gold entities are counted in the log and as missed.
    max_entities : `int`, optional (default = `128`)
        Candidates of an instance at the most; a sentence with more gives several instances.
    word_column, tag_column : `int`, optional (default = `0` and `-1`)
        Of column files, from 0, negative from the end. `tag_column: null` reads files without tags, for
        prediction.
    separator : `str`, optional (default = `None`)
        Of columns: found in the file by default.
    encoding : `str`, optional (default = `"utf-8"`)
    tag_scheme : `str`, optional (default = `"auto"`)
        IOB1, IOB2, BIOES, BILOU or IO: found in the file by default. Of columns, and of tokens with tags.
    comment_prefix : `str`, optional (default = `"#"`)
        How comment lines of columns start; `null` if there are none.
    undivided : `str`, optional (default = `"sentences"`)
        What a column file without `-DOCSTART-` is: each sentence a document ("sentences"), or all one
        ("document").
    label_names : `List[str]`, optional (default = `None`)
        The names of tags that are numbers, in their order, as of Hugging Face's datasets.
    label_map : `Dict[str, Optional[str]]`, optional (default = `None`)
        New names of labels; `null` drops the entities that have the label.
    duplicate_spans : `str`, optional (default = `"error"`)
        Whether a span with two labels is an error, or keeps the label that comes first in the file ("first").
    segmenter : `TextSegmenter`, optional (default = `None`)
        Splits raw text into sentences and words; by rules of spaCy by default.
    label_namespace : `str`, optional (default = `"labels"`)
        That of the model.
    max_instances : `int`, optional (default = `None`)
        Reads no more than this many; in `predict --use-dataset-reader`, this many sentences.

    # Raises

    `ConfigurationError`
        An option, a file or a line of it is not as expected.
    """

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
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(tokenizer, encoding, max_instances, serialization_dir)
        if context not in ("document", "sentence"):
            raise ConfigurationError(f"context is {context!r}; expected 'document' or 'sentence'.")
        self.segmenter = segmenter or TextSegmenter.by_name(TextSegmenter.default_implementation)()
        self.chunker = Chunker(
            start_id=self.tokenizer.start_id,
            end_id=self.tokenizer.end_id,
            max_length=max_length,
            use_document=context == "document",
            max_span_length=max_span_length,
            max_entities=max_entities,
        )
        if undivided not in ("sentences", "document"):
            raise ConfigurationError(f"undivided is {undivided!r}; expected 'sentences' or 'document'.")
        if separator == "":
            raise ConfigurationError("separator is empty; give a character, or null to have it found.")
        if duplicate_spans not in DUPLICATE_SPANS:
            raise ConfigurationError(f"duplicate_spans is {duplicate_spans!r}; expected 'error' or 'first'.")
        self._columns = ColumnOptions(word_column, tag_column, separator, comment_prefix, undivided)
        self._tag_scheme = check_scheme(tag_scheme, allow_auto=True)
        self._label_names = label_names
        self._label_map = LabelMap(label_map)
        self._duplicate_spans = duplicate_spans
        self._label_namespace = label_namespace
        # The labels outside of the vocabulary of which the log has told.
        self._warned: Set[str] = set()

    def read_documents(self, file_path: str) -> List[Document]:
        """
        # Parameters

        file_path : `str`
            A file, or a URL that AllenNLP can fetch.

        # Returns

        `List[Document]`
        """
        path = str(cached_path(file_path)) if "://" in file_path else file_path
        reading = self._reading()
        documents = read_documents(path, reading)
        settle_gold(documents, self._label_map, self._duplicate_spans, reading.findings, path)
        reading.findings.log(path)
        self._label_map.log(path)
        logger.info("%s: %s", path, count_documents(documents))
        return documents

    def _reading(self) -> Reading:
        return Reading(
            self.segmenter, self.encoding, self._tag_scheme, self._label_names, columns=self._columns
        )

    @overrides
    def read_examples(self, file_path: str) -> Iterator[Document]:
        return iter(self.read_documents(file_path))

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[Document]:
        if not isinstance(record, dict):
            raise ConfigurationError(f"{where}: found {shown(record)}; expected a JSON object.")
        return [document_from_record(record, where, self._reading())]

    @overrides
    def items(self, example: Document) -> List[SentenceChunk]:
        return [chunk for chunks in self.chunk_document(example) for chunk in chunks]

    @overrides
    def is_labeled(self, example: Document) -> bool:
        return example.unlabeled is None

    @overrides
    def describe(self, example: Document) -> str:
        return example.where

    @overrides
    def check_labels(self, example: Document) -> None:
        if example.unlabeled is not None:
            raise ConfigurationError(
                f"{example.where}: is without labels, which training and evaluation need: "
                f"{example.unlabeled}."
            )

    @overrides
    def check_file(self, file_path: str, training: bool = False) -> None:
        documents = self.read_documents(file_path)
        for document in documents:
            self.check_labels(document)
        if training:
            _check_any_entity(documents, file_path)

    @overrides
    def labeled_items(self, file_path: str) -> Iterator[Tuple[SentenceChunk, bool]]:
        too_long: List[str] = []
        num_chunks = 0
        try:
            for index, document, sentences in self._share(list(self.local_examples(file_path))):
                labeled = self.is_labeled(document)
                for chunks in self.chunk_document(document, index, sentences):
                    too_long.extend(self._beyond_candidates(chunks, file_path))
                    for chunk in chunks:
                        num_chunks += 1
                        yield chunk, labeled
        finally:  # also where max_instances ends it
            self._log_read(file_path, num_chunks, too_long)

    def _share(self, documents: List[Document]) -> Iterator[Tuple[int, Document, Optional[Iterator[int]]]]:
        """What this data worker makes chunks of: documents or, where these are few, sentences of each."""
        numbered = enumerate(documents)
        if self._worker_info is None or len(documents) >= _DOCUMENTS_A_WORKER * self._worker_info.num_workers:
            for index, document in self.worker_share(numbered):
                yield index, document, None
        else:
            for index, document in numbered:
                yield index, document, self.worker_share(range(len(document.sentences)))

    def _log_read(self, file_path: str, num_chunks: int, too_long: List[str]) -> None:
        if num_chunks:
            logger.info("%s: %d instances", file_path, num_chunks)
        if too_long:
            logger.warning(
                "%s: %d gold entities are longer than %d sub-words; they cannot be predicted and count as "
                "missed (max_span_length sets the limit): %s",
                file_path,
                len(too_long),
                self.chunker.max_span_length,
                listed(too_long),
            )

    def chunk_document(
        self, document: Document, document_index: int = 0, sentences: Optional[Iterable[int]] = None
    ) -> Iterator[List[SentenceChunk]]:
        """
        # Parameters

        document : `Document`
        document_index : `int`, optional (default = `0`)
            Its place in the file.
        sentences : `Iterable[int]`, optional (default = `None`)
            Which of its sentences; all by default.

        # Returns

        `Iterator[List[SentenceChunk]]`
            For each of the sentences, its chunks.
        """
        words = [word for sentence in document.sentences for word in sentence.words]
        subwords = DocumentSubwords(self.tokenizer.encode_words(words))
        # Where each sentence starts among the words, and where the last one ends.
        starts = [0, *itertools.accumulate(len(sentence.words) for sentence in document.sentences)]
        for sentence_index in range(len(document.sentences)) if sentences is None else sentences:
            chunks = self.chunker.chunks(subwords, starts[sentence_index], starts[sentence_index + 1])
            yield [
                SentenceChunk(document, document_index, sentence_index, chunk, number, len(chunks))
                for number, chunk in enumerate(chunks)
            ]

    @overrides(check_signature=False)
    def text_to_instance(self, chunk: SentenceChunk, labeled: bool = False) -> Instance:
        """
        # Parameters

        chunk : `SentenceChunk`
            One of those that `chunk_document` makes.
        labeled : `bool`, optional (default = `False`)
            Whether the instance has labels and is scored.

        # Returns

        `Instance`
            `words` (`SubwordField`), `entities` (`EntityField`), `metadata`, and if labeled `labels`
            (`SparseLabelField`).
        """
        sentence = chunk.sentence
        candidates = chunk.chunk.candidates
        fields: Dict[str, Field] = {
            "words": SubwordField(chunk.chunk.word_ids, padding_id=self.tokenizer.pad_id),
            "entities": EntityField([MASK_ENTITY] * len(candidates), chunk.chunk.spans),
            "metadata": MetadataField(
                {
                    "document": chunk.document.id,
                    "document_index": chunk.document_index,
                    "sentence": chunk.sentence_index,
                    "chunk": chunk.number,
                    "num_chunks": chunk.total,
                    "words": sentence.words,
                    "candidates": candidates.view(CandidateSpans),
                    "gold": sentence.spans,
                    "unaligned": [label for _, _, label in sentence.unaligned],
                }
            ),
        }
        if labeled:
            places = {}
            if sentence.spans:
                places = {(start, end): place for place, (start, end) in enumerate(candidates.tolist())}
            labels = {
                places[start, end]: label for start, end, label in sentence.spans if (start, end) in places
            }
            fields["labels"] = SparseLabelField(
                labels, len(candidates), NIL, self._label_namespace, self._warned
            )
        return Instance(fields)

    @overrides
    def apply_token_indexers(self, instance: Instance) -> None:
        # What comes from a data worker has left behind what fields share.
        labels = instance.fields.get("labels")
        if isinstance(labels, SparseLabelField):
            labels.warned = self._warned

    def _beyond_candidates(self, chunks: List[SentenceChunk], file_path: str) -> Iterator[str]:
        sentence = chunks[0].sentence
        if not sentence.spans:
            return
        candidates = {tuple(candidate) for chunk in chunks for candidate in chunk.chunk.candidates.tolist()}
        for span in sentence.spans:
            if (span.start, span.end) not in candidates:
                yield _describe(span, sentence)


def _check_any_entity(documents: List[Document], file_path: str) -> None:
    """
    # Raises

    `ConfigurationError`
        There is no entity that a model could learn from.
    """
    counts = count_documents(documents)
    if sum(counts.entities.values()) > counts.unaligned:
        return
    if counts.unaligned:
        raise ConfigurationError(
            f"{file_path}: none of its {counts.unaligned} entities starts and ends with words, so that there "
            "is "
            "nothing to train on; set `segmenter` to divide its texts otherwise, for example to "
            '{"type": "whitespace"}, or to another `language`.'
        )
    raise ConfigurationError(
        f"{file_path}: has no entity in its {counts.sentences} sentences, so that a model that is trained on "
        "it "
        "would predict none; check the file, and `label_map` and `tag_column` if they are set."
    )


def _describe(span: LabeledSpan, sentence: Sentence) -> str:
    where = f"{sentence.where}: " if sentence.where is not None else ""
    return f"{where}{span.label} {' '.join(sentence.words[span.start : span.end])!r}"
