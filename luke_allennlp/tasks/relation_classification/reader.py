"""Relation classification: files to instances."""

import logging
from dataclasses import replace
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.records import read_records
from luke_allennlp.common.text_lines import listed, read_lines
from luke_allennlp.data.fields import EntityField, KnownLabelField, SubwordField
from luke_allennlp.data.label_map import LabelMap
from luke_allennlp.data.marked_text import MarkedSpan, mark_spans
from luke_allennlp.data.truncation import keep_nearest
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.reader import TaskReader
from luke_allennlp.tasks.relation_classification.examples import RelationExample, example_from_record
from luke_allennlp.tasks.relation_classification.tagged_text import read_tagged_text

logger = logging.getLogger(__name__)

HEAD_MARKER = "[HEAD]"
TAIL_MARKER = "[TAIL]"

EMPTY_MENTIONS = {
    "keep": "kept, with markers around nothing",
    "skip": "left out",
    "error": "refused",
}
"""What may become of records whose head or tail has no text."""

ENTITY_IDS = (1, 2)
"""
Those of the head and the tail: the embedder keeps the rows `[PAD]`, `[MASK]` and `[MASK]`, in this order, so
that the two start as the same and are trained apart.
"""


class RelationInput(NamedTuple):
    """An example as sub-words, start and end token included, with the spans of head and tail in them."""

    example: RelationExample
    word_ids: List[int]
    spans: List[Tuple[int, int]]
    shortened: bool = False


@DatasetReader.register("luke_relation_classification")
class RelationReader(TaskReader[RelationExample, RelationInput]):
    """
    Registered as a `DatasetReader` with name "luke_relation_classification".

    Reads TACRED's JSON, SemEval-2010 Task 8 or KBP37, or this project's JSON lines, which it tells apart by
    content, and makes the original system's instances: `[HEAD]` markers around the head, `[TAIL]` markers
    around the tail, and two entities over them, markers included (Yamada et al., EMNLP 2020, section 4.2).

    What the files may look like is said at `example_from_record` and `read_tagged_text`.

    # Parameters

    tokenizer : `Tokenizer`
        The one of type "luke", with the embedder's checkpoint and `marker_tokens: ["[HEAD]", "[TAIL]"]`.
    max_length : `int`, optional (default = `512`)
        Sub-words of a text, start and end token included. Of longer ones those go which are farthest from
        head and tail.
    max_mention_length : `int`, optional (default = `30`)
        Positions of an entity at the most, from its first marker on: the original system's. Its words stay
        where they are. `null` sets no limit.
    head_marker, tail_marker : `str`, optional (default = `"[HEAD]"` and `"[TAIL]"`)
        What stands on both sides of head and tail: two of the tokenizer's `marker_tokens`, or tokens that the
        checkpoint has, such as `<ent>` and `<ent2>`.
    empty_mentions : `str`, optional (default = `"keep"`)
        What becomes of records whose head or tail has no text, as some of KBP37's: `"keep"` puts markers
        around nothing, and the entity on them; `"skip"` leaves the records of a file out; `"error"` refuses
        them. The first two are counted in the log.
    label_map : `Dict[str, Optional[str]]`, optional (default = `None`)
        New names of the file's labels; `null` leaves out the records of a file that have the label. Other
        labels stay as they are.
    encoding : `str`, optional (default = `"utf-8"`)
    label_namespace : `str`, optional (default = `"labels"`)
        That of the model.
    max_instances : `int`, optional (default = `None`)
        Reads no more than this many.

    # Raises

    `ConfigurationError`
        An option, a file or a record of it is not as expected, or head and tail alone are longer than
        `max_length`.
    """

    record_keys = (("token", "subj_start", "obj_start"), ("text", "head", "tail"))

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int = 512,
        max_mention_length: Optional[int] = 30,
        head_marker: str = HEAD_MARKER,
        tail_marker: str = TAIL_MARKER,
        empty_mentions: str = "keep",
        label_map: Optional[Dict[str, Optional[str]]] = None,
        encoding: str = "utf-8",
        label_namespace: str = "labels",
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(tokenizer, encoding, max_instances, serialization_dir)
        for marker in (head_marker, tail_marker):
            try:
                self.tokenizer.token_id(marker)
            except ConfigurationError:
                raise ConfigurationError(
                    f"The tokenizer's marker_tokens are {self.tokenizer.marker_tokens}, without {marker!r}; "
                    f"expected [{head_marker!r}, {tail_marker!r}], in the order of the embedder's."
                ) from None
        if max_length < 8:
            raise ConfigurationError(
                f"max_length is {max_length}; expected 8 or more: start, end, four markers, two mentions."
            )
        if max_mention_length is not None and max_mention_length < 1:
            raise ConfigurationError(
                f"max_mention_length is {max_mention_length}; expected 1 or more, or null for no limit."
            )
        if empty_mentions not in EMPTY_MENTIONS:
            raise ConfigurationError(
                f"empty_mentions is {empty_mentions!r}; expected {', '.join(map(repr, EMPTY_MENTIONS))}."
            )
        self._markers = (head_marker, tail_marker)
        self._empty_mentions = empty_mentions
        self._label_map = LabelMap(label_map)
        self._max_length = max_length
        self._max_mention_length = max_mention_length
        self._label_namespace = label_namespace

    @overrides
    def read_examples(self, file_path: str) -> Iterator[RelationExample]:
        number = 0
        relations = set()
        empty: List[str] = []
        try:
            for example in self._parse(file_path):
                label = example.label if example.label is None else self._label_map(example.label)
                if label is None and example.label is not None:
                    continue
                if example.empty_mentions:
                    self._check_empty(example)
                    place = example.where.removeprefix(f"{file_path}, ")
                    empty.append(f"{place} ({' and '.join(example.empty_mentions)})")
                    if self._empty_mentions == "skip":
                        continue
                number += 1
                relations.add(label)
                yield replace(example, label=label)
        finally:  # also where max_instances ends it
            self._label_map.log(file_path)
            if empty:
                logger.warning(
                    "%s: %d records without text in head or tail are %s: %s",
                    file_path,
                    len(empty),
                    EMPTY_MENTIONS[self._empty_mentions],
                    listed(empty),
                )
            if number:
                logger.info(
                    "%s: %s examples, %d relations", file_path, f"{number:,}", len(relations - {None})
                )

    def _parse(self, file_path: str) -> Iterator[RelationExample]:
        lines = read_lines(file_path, self.encoding)
        first = next((line.lstrip() for _, line in lines if line.strip()), "")
        if not first.startswith(("{", "[")):
            yield from read_tagged_text(file_path, self.encoding)
            return
        for index, (where, record) in enumerate(read_records(file_path, self.encoding)):
            yield example_from_record(record, where, index, allow_empty=True)

    def _check_empty(self, example: RelationExample) -> None:
        if self._empty_mentions == "error":
            raise ConfigurationError(
                f"{_described_empty(example)}; expected some text, as empty_mentions is 'error' ('keep' puts "
                "markers around nothing, 'skip' leaves such records out)."
            )

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[RelationExample]:
        example = example_from_record(record, where, allow_empty=True)
        if example.empty_mentions:
            self._check_empty(example)
            logger.warning("%s, and it has markers around nothing", _described_empty(example))
        return [example]

    @overrides
    def is_labeled(self, example: RelationExample) -> bool:
        return example.label is not None

    @overrides
    def items(self, example: RelationExample) -> List[RelationInput]:
        tokenizer: WordTokenizer = self.tokenizer
        head_marker, tail_marker = self._markers
        spans = [MarkedSpan(*example.head, head_marker), MarkedSpan(*example.tail, tail_marker)]
        marked, places = mark_spans(tokenizer, example.text, spans)
        budget = self._max_length - 2
        try:
            kept = keep_nearest(len(marked), [(first, last + 1) for first, last in places], budget)
        except ValueError:
            raise ConfigurationError(
                f"{example.where}: head and tail with their markers are longer than the {budget} sub-words "
                f"that max_length {self._max_length} leaves; shorten them, or leave the record out."
            ) from None
        word_ids = [tokenizer.start_id, *(marked.ids[position] for position in kept), tokenizer.end_id]
        longest = self._max_mention_length or self._max_length
        # All of each entity is kept: it only moves. One more for the start token.
        moved = [
            (first, min(last, first + longest - 1))
            for first, last in (np.searchsorted(kept, places) + 1).tolist()
        ]
        return [RelationInput(example, word_ids, moved, shortened=len(kept) < len(marked))]

    @overrides(check_signature=False)
    def text_to_instance(self, item: RelationInput, labeled: bool = False) -> Instance:
        """
        # Parameters

        item : `RelationInput`
            One of `items`.
        labeled : `bool`, optional (default = `False`)
            Whether the instance has a label and is scored.

        # Returns

        `Instance`
            `words` (`SubwordField`), `entities` (`EntityField`: head and tail), `metadata`, and if labeled
            `label` (`KnownLabelField`).
        """
        example = item.example
        fields: Dict[str, Field] = {
            "words": SubwordField(item.word_ids, padding_id=self.tokenizer.pad_id),
            "entities": EntityField(ENTITY_IDS, item.spans),
            "metadata": MetadataField(dict(vars(example))),
        }
        if labeled:
            fields["label"] = KnownLabelField(str(example.label), example.where, self._label_namespace)
        return Instance(fields)

    @overrides
    def labeled_items(self, file_path: str) -> Iterator[Tuple[RelationInput, bool]]:
        shortened = 0
        try:
            for item, labeled in super().labeled_items(file_path):
                shortened += item.shortened
                yield item, labeled
        finally:
            if shortened:
                logger.info(
                    "%s: %d texts were cut to max_length %d, around head and tail",
                    file_path,
                    shortened,
                    self._max_length,
                )


def _described_empty(example: RelationExample) -> str:
    return f"{example.where}: there is no text in {' and '.join(example.empty_mentions)}"
