"""Named entity recognition as the classification of spans: files to instances."""

import itertools
import json
import logging
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.data.entity_field import EntityField
from luke_allennlp.data.segmentation import TextSegmenter
from luke_allennlp.data.sparse_label_field import SparseLabelField
from luke_allennlp.data.subword_field import SubwordField
from luke_allennlp.data.task_reader import MASK_ENTITY, TaskReader
from luke_allennlp.data.text_lines import listed, read_lines
from luke_allennlp.ner.chunks import CandidateSpans, Chunk, Chunker, DocumentSubwords
from luke_allennlp.ner.conll import read_conll
from luke_allennlp.ner.documents import Document, LabeledSpan, Sentence
from luke_allennlp.ner.json_lines import document_from_json, read_json_lines

logger = logging.getLogger(__name__)

NIL = "NIL"
"""The label of a candidate that is no entity."""

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

    Reads CoNLL-like columns or JSON lines, which it tells apart by the first line, and makes the original
    system's instances: a sentence in a window of its document, with its candidate spans as `[MASK]` entities,
    128 at a time (Yamada et al., EMNLP 2020, section 4.3).

    What the files may look like is said at `read_conll` and `read_json_lines`.

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
        IOB1, IOB2, BIOES, BILOU or IO: found in the file by default.
    comment_prefix : `str`, optional (default = `"#"`)
    undivided : `str`, optional (default = `"sentences"`)
        What a column file without `-DOCSTART-` is: each sentence a document ("sentences"), or all one
        ("document").
    segmenter : `TextSegmenter`, optional (default = `None`)
        Splits raw text into sentences and words; by rules of spaCy by default.
    label_namespace : `str`, optional (default = `"labels"`)
        That of the model.
    max_instances : `int`, optional (default = `None`)
        Reads no more than this many.

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
        self._has_tags = tag_column is not None
        self._columns: Dict[str, Any] = dict(
            word_column=word_column,
            tag_column=tag_column,
            separator=separator,
            tag_scheme=tag_scheme,
            comment_prefix=comment_prefix,
            undivided=undivided,
        )
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
        first = next((line for _, line in read_lines(path, self.encoding) if line.strip()), "")
        if _is_json(first):
            return read_json_lines(path, self.segmenter, self.encoding)
        return read_conll(path, encoding=self.encoding, **self._columns)

    @overrides
    def read_examples(self, file_path: str) -> Iterator[Document]:
        return iter(self.read_documents(file_path))

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[Document]:
        return [document_from_json(record, self.segmenter, where)]

    @overrides
    def items(self, example: Document) -> List[SentenceChunk]:
        return [chunk for chunks in self.chunk_document(example) for chunk in chunks]

    @overrides
    def is_labeled(self, example: Document) -> bool:
        return self._has_tags

    @overrides
    def check_file(self, file_path: str, training: bool = False) -> None:
        self.read_documents(file_path)
        if not self._has_tags:
            raise ConfigurationError(
                f"{file_path}: is read without its tags, as tag_column is null; training and evaluation need "
                "them."
            )

    @overrides
    def labeled_items(self, file_path: str) -> Iterator[Tuple[SentenceChunk, bool]]:
        too_long: List[str] = []
        num_chunks = 0
        try:
            for index, document, sentences in self._share(self.read_documents(file_path)):
                for chunks in self.chunk_document(document, index, sentences):
                    too_long.extend(self._beyond_candidates(chunks, file_path))
                    for chunk in chunks:
                        num_chunks += 1
                        yield chunk, self._has_tags
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
                places[start, end]: label
                for start, end, label in reversed(sentence.spans)
                if (start, end) in places
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


def _describe(span: LabeledSpan, sentence: Sentence) -> str:
    where = f"line {sentence.line}: " if sentence.line is not None else ""
    return f"{where}{span.label} {' '.join(sentence.words[span.start : span.end])!r}"


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        # A damaged object is still no line of columns: the JSON reader says what is wrong with it.
        return line.lstrip().startswith('{"')
