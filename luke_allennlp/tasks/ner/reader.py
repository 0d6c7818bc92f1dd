"""Named entity recognition as the classification of spans: files to instances."""

import itertools
import logging
from collections import Counter
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.text_lines import Findings, listed
from luke_allennlp.data.fields import EntityField, SparseLabelField, SubwordField
from luke_allennlp.data.label_map import LabelMap
from luke_allennlp.data.segmentation import TextSegmenter
from luke_allennlp.tasks.base.reader import MASK_ENTITY, TaskReader
from luke_allennlp.tasks.ner.chunks import CandidateSpans, Chunk, Chunker, DocumentTokens
from luke_allennlp.tasks.ner.examples import NIL, Document, LabeledSpan, SentenceExample
from luke_allennlp.tasks.ner.forms import ColumnOptions, Reading, document_from_record, read_documents
from luke_allennlp.tasks.ner.tag_schemes import check_scheme

logger = logging.getLogger(__name__)

_DOCUMENTS_A_WORKER = 8  # fewer can differ much in size


class SentenceChunk(NamedTuple):
    """
    A chunk of a sentence, which becomes an instance.

    # Parameters

    example : `SentenceExample`
    chunk : `Chunk`
    number, total : `int`
        Its number among the chunks of the sentence, and how many there are.
    too_long : `List[LabeledSpan]`
        The gold entities of the sentence that are longer than a candidate can be.
    """

    example: SentenceExample
    chunk: Chunk
    number: int
    total: int
    too_long: List[LabeledSpan]


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
    max_instances : `int`, optional (default = `None`)
        Reads no more than this many; in `predict --use-dataset-reader`, this many sentences.

    # Raises

    `ConfigurationError`
        An option, a file or a line of it is malformed.
    """

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
        self.segmenter = segmenter or TextSegmenter.by_name(TextSegmenter.default_implementation)()
        self.chunker = Chunker(
            start_id=self.tokenizer.start_id,
            end_id=self.tokenizer.end_id,
            max_length=max_length,
            use_document=context == "document",
            max_span_length=max_span_length,
            max_entities=max_entities,
        )
        self._columns = ColumnOptions(word_column, tag_column, separator, comment_prefix, undivided)
        self._tag_scheme = check_scheme(tag_scheme)
        self._label_names = label_names
        self._label_map = LabelMap(label_map) if label_map else None
        self._duplicate_spans = duplicate_spans
        self._label_namespace = label_namespace
        # The labels outside of the vocabulary that the log has warned about.
        self._warned: Set[str] = set()
        self._few_documents = False
        # The last document, its tokens, and where its sentences start among its words.
        self._encoded: Optional[Tuple[Document, DocumentTokens, List[int]]] = None

    def read_documents(self, file_path: str) -> List[Document]:
        """The documents of a local file."""
        documents = read_documents(file_path, self._reading())
        findings = Findings()
        for index, document in enumerate(documents):
            document.index = index
            for sentence in document.sentences:
                where = f"{file_path}, {sentence.where}" if sentence.where else file_path
                spans = self._settle(sentence.spans, findings, where)
                sentence.spans = [LabeledSpan(*span) for span in spans]
                sentence.unaligned = self._settle(sentence.unaligned, findings, where)
        findings.log(file_path)
        if self._label_map is not None:
            self._label_map.log(file_path)
        logger.info("%s: %s", file_path, describe_documents(documents))
        return documents

    def document_from_json(self, record: Dict[str, Any], where: str) -> Document:
        """As `examples_from_json`; the document may have no sentence."""
        return document_from_record(record, where, self._reading())

    def _reading(self) -> Reading:
        return Reading(
            self.segmenter, self.encoding, self._tag_scheme, self._label_names, columns=self._columns
        )

    def _settle(
        self, spans: Sequence[Tuple[int, int, str]], findings: Findings, where: str
    ) -> List[Tuple[int, int, str]]:
        """Renames the labels of entities, checks that each span has one label, and sorts them."""
        labels: Dict[Tuple[int, int], str] = {}
        for start, end, given in spans:
            label = given if self._label_map is None else self._label_map(given)
            if label is None:
                continue
            if label == NIL:
                raise ConfigurationError(
                    f"{where}: the entity at {start}-{end} has the label {NIL!r}, which is reserved for "
                    "candidates that are no entities; rename it with `label_map`, or drop it with null."
                )
            first = labels.setdefault((start, end), label)
            if first == label:
                continue
            if self._duplicate_spans == "error":
                raise ConfigurationError(
                    f"{where}: the span {start}-{end} has the labels {first!r} and {label!r}; expected one. "
                    "Correct it, drop one of them with `label_map`, or set `duplicate_spans` to 'first'."
                )
            findings.add(
                "spans have several labels, of which the first is kept",
                f"{where}: {start}-{end} is {first!r}, not {label!r}",
            )
        return [(start, end, label) for (start, end), label in sorted(labels.items())]

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
    def describe(self, example: SentenceExample) -> str:
        return example.document.where

    @overrides
    def labels_hint(self, example: SentenceExample) -> str:
        return f" ({example.document.unlabeled})"

    @overrides
    def check_file(self, file_path: str, training: bool = False) -> None:
        sentences = entities = unaligned = 0
        for example in self.local_examples(file_path):
            self.check_labels(example)
            sentences += 1
            entities += len(example.sentence.spans)
            unaligned += len(example.sentence.unaligned)
        if not training or entities:
            return
        if unaligned:
            raise ConfigurationError(
                f"{file_path}: none of its {unaligned} entities starts and ends with words, so there is "
                "nothing to train on; split its texts differently with `segmenter`, for example "
                '{"type": "whitespace"} or another `language`.'
            )
        raise ConfigurationError(
            f"{file_path}: has no entity in its {sentences} sentences, so a model trained on it would "
            "predict none; check the file, and `label_map` and `tag_column` if they are set."
        )

    @overrides
    def items(self, example: SentenceExample) -> List[SentenceChunk]:
        document, index, sentence = example
        if self._encoded is None or self._encoded[0] is not document:
            words = [word for sentence in document.sentences for word in sentence.words]
            starts = [0, *itertools.accumulate(len(sentence.words) for sentence in document.sentences)]
            self._encoded = document, DocumentTokens(self.tokenizer.encode_words(words)), starts
        _, tokens, starts = self._encoded
        chunks = self.chunker.chunks(tokens, starts[index], starts[index + 1])
        bounds = tokens.bounds[starts[index] :]
        too_long = [
            span
            for span in sentence.spans
            if not 0 < bounds[span.end] - bounds[span.start] <= self.chunker.max_span_length
        ]
        return [
            SentenceChunk(example, chunk, number, len(chunks), too_long)
            for number, chunk in enumerate(chunks)
        ]

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
        """
        # Parameters

        item : `SentenceChunk`
            One of `items`.
        labeled : `bool`, optional (default = `False`)
            Whether the instance has labels and is scored.

        # Returns

        `Instance`
            `words` (`SubwordField`), `entities` (`EntityField`), `metadata`, and if labeled `labels`
            (`SparseLabelField`).
        """
        (document, index, sentence), chunk, number, total, _ = item
        candidates = chunk.candidates
        fields: Dict[str, Field] = {
            "words": SubwordField(chunk.token_ids, padding_id=self.tokenizer.pad_id),
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


def describe_documents(documents: Sequence[Document]) -> str:
    """The numbers of documents, sentences, words, and entities by label, for a log."""
    sentences = [sentence for document in documents for sentence in document.sentences]
    words = sum(len(sentence.words) for sentence in sentences)
    unaligned = sum(len(sentence.unaligned) for sentence in sentences)
    labels = Counter(
        label for sentence in sentences for _, _, label in (*sentence.spans, *sentence.unaligned)
    )
    text = (
        f"{len(documents):,} documents, {len(sentences):,} sentences, {words:,} words, "
        f"{labels.total():,} entities"
    )
    if labels:
        text += f" ({', '.join(f'{label} {number:,}' for label, number in sorted(labels.items()))})"
    return text + (f", {unaligned:,} of them not aligned with words" if unaligned else "")
