"""Relation classification: the reader."""

import logging
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.data.fields import Field
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.options import check_choice
from luke_allennlp.common.records import read_records
from luke_allennlp.common.text_lines import listed, read_lines
from luke_allennlp.data.fields import KnownLabelField
from luke_allennlp.data.marked_text import MarkedSpan
from luke_allennlp.tasks.base.mention_reader import MentionReader
from luke_allennlp.tasks.relation_classification.examples import RelationExample, example_from_record
from luke_allennlp.tasks.relation_classification.fewrel import is_fewrel, read_fewrel
from luke_allennlp.tasks.relation_classification.tagged_text import read_tagged_text

logger = logging.getLogger(__name__)

EMPTY_MENTIONS = {"keep": "kept, with adjacent markers", "skip": "skipped", "error": "refused"}
"""Handling of records whose head or tail is empty."""


@DatasetReader.register("luke_relation_classification")
class RelationReader(MentionReader[RelationExample]):
    """
    Registered as a `DatasetReader` with name "luke_relation_classification".

    Reads TACRED's JSON, SemEval-2010 Task 8 or KBP37, FewRel, or this project's JSON lines, detected
    automatically, and builds the original system's instances: `[HEAD]` markers around the head, `[TAIL]`
    markers around the tail, and two entities over them, markers included (Yamada et al., EMNLP 2020, section
    4.2). `example_from_record`, `read_tagged_text` and `read_fewrel` document the files.

    # Parameters

    tokenizer : `Tokenizer`
        "luke", with the embedder's checkpoint and `marker_tokens: ["[HEAD]", "[TAIL]"]`.
    max_length : `int`, optional (default = `512`)
        Maximum number of tokens of a text, start and end token included. Longer texts lose what is farthest
        from head and tail.
    max_mention_length : `int`, optional (default = `30`)
        Maximum number of positions of an entity, from its first marker on, as in the original system. The
        text is not changed. `null` for no limit.
    head_marker, tail_marker : `str`, optional (default = `"[HEAD]"` and `"[TAIL]"`)
        Placed on both sides of head and tail: two of the tokenizer's `marker_tokens`, or tokens of the
        checkpoint, such as `<ent>` and `<ent2>`.
    empty_mentions : `str`, optional (default = `"keep"`)
        Handling of records whose head or tail is empty, as in KBP37: `"keep"` places adjacent markers and the
        entity over them; `"skip"` skips the records of a file; `"error"` refuses them. The first two are
        counted in the log.
    label_map : `Dict[str, Optional[str]]`, optional (default = `None`)
        New names of the file's labels; `null` skips the records of a file with that label. Other labels are
        unchanged.
    encoding : `str`, optional (default = `"utf-8"`)
        Of the files.
    label_namespace : `str`, optional (default = `"labels"`)
        As in the model.
    max_instances : `int`, optional (default = `None`)
        Maximum number of instances to read.

    # Raises

    `ConfigurationError`
        An option, a file or a record is invalid, or head and tail alone are longer than `max_length`.
    """

    record_keys = (("token", "subj_start", "obj_start"), ("text", "head", "tail"))

    # The embedder keeps the rows `[PAD]`, `[MASK]` and `[MASK]`: head and tail start equal and are trained
    # separately.
    entity_ids = (1, 2)

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int = 512,
        max_mention_length: Optional[int] = 30,
        head_marker: str = "[HEAD]",
        tail_marker: str = "[TAIL]",
        empty_mentions: str = "keep",
        label_map: Optional[Dict[str, Optional[str]]] = None,
        encoding: str = "utf-8",
        label_namespace: str = "labels",
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(
            tokenizer,
            [head_marker, tail_marker],
            max_length,
            max_mention_length,
            label_map,
            encoding,
            label_namespace,
            max_instances,
            serialization_dir,
        )
        check_choice(EMPTY_MENTIONS, empty_mentions=empty_mentions)
        self._markers = (head_marker, tail_marker)
        self._empty_mentions = empty_mentions

    @overrides
    def read_examples(self, file_path: str) -> Iterator[RelationExample]:
        number = 0
        relations = set()
        empty: List[str] = []
        try:
            for example in self._parse(file_path):
                label = None if example.label is None else self._label_map(example.label)
                if label is None and example.label is not None:
                    continue
                if example.empty_mentions:
                    self._described_empty(example)
                    place = example.where.removeprefix(f"{file_path}, ")
                    empty.append(f"{place} ({' and '.join(example.empty_mentions)})")
                    if self._empty_mentions == "skip":
                        continue
                number += 1
                relations.add(label)
                yield replace(example, label=label)
        finally:  # also if max_instances stops it
            self._label_map.log(file_path)
            if empty:
                logger.warning(
                    "%s: %d records with an empty head or tail are %s: %s",
                    file_path,
                    len(empty),
                    EMPTY_MENTIONS[self._empty_mentions],
                    listed(empty),
                )
            if number:
                relations.discard(None)
                logger.info("%s: %s examples, %d relations", file_path, f"{number:,}", len(relations))

    def _parse(self, file_path: str) -> Iterator[RelationExample]:
        lines = read_lines(file_path, self.encoding)
        first = next((line.lstrip() for _, line in lines if line.strip()), "")
        if not first.startswith(("{", "[")):
            logger.info("%s: is read as sentences with <e1> and <e2> (SemEval-2010 Task 8, KBP37)", file_path)
            yield from read_tagged_text(file_path, self.encoding)
            return
        for index, (where, record) in enumerate(read_records(file_path, self.encoding)):
            if index == 0 and is_fewrel(record):
                logger.info("%s: is read as FewRel's JSON", file_path)
                yield from read_fewrel(record, file_path)
                return
            if index == 0:
                form = (
                    "TACRED's JSON" if "token" in record else "JSON with 'text', 'head', 'tail' and 'label'"
                )
                logger.info("%s: is read as %s", file_path, form)
            yield example_from_record(record, where, index)

    def _described_empty(self, example: RelationExample) -> str:
        """What to log of an example with an empty mention. Raises an error if these are refused."""
        found = f"{example.where}: there is no text in {' and '.join(example.empty_mentions)}"
        if self._empty_mentions == "error":
            raise ConfigurationError(
                f"{found}; expected some text, as empty_mentions is 'error' ('keep' places adjacent markers, "
                "'skip' skips such records)."
            )
        return found

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[RelationExample]:
        example = example_from_record(record, where)
        if example.empty_mentions:
            logger.warning("%s: its markers are adjacent", self._described_empty(example))
        return [example]

    @overrides
    def is_labeled(self, example: RelationExample) -> bool:
        return example.label is not None

    @overrides
    def gold_labels(self, example: RelationExample) -> List[str]:
        return [] if example.label is None else [example.label]

    @overrides
    def marked_spans(self, example: RelationExample) -> Tuple[str, List[MarkedSpan]]:
        head_marker, tail_marker = self._markers
        return example.text, [MarkedSpan(*example.head, head_marker), MarkedSpan(*example.tail, tail_marker)]

    @overrides
    def label_fields(self, example: RelationExample) -> Dict[str, Field]:
        return {"label": KnownLabelField(str(example.label), example.where, self._label_namespace)}
