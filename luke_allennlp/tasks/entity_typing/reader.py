"""Entity typing: the reader."""

import logging
import re
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.data.fields import Field
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.records import Span, read_records
from luke_allennlp.data.fields import KnownMultiLabelField
from luke_allennlp.data.marked_text import MarkedSpan
from luke_allennlp.tasks.base.mention_reader import MentionReader
from luke_allennlp.tasks.base.reader import MASK_ENTITY
from luke_allennlp.tasks.entity_typing.examples import GENERAL_TYPES, TypingExample, example_from_json

logger = logging.getLogger(__name__)

# The Penn Treebank's names of brackets. Curly and square ones become round ones too.
_BRACKET = re.compile("-([LR])[RCS]B-")


@DatasetReader.register("luke_entity_typing")
class EntityTypingReader(MentionReader[TypingExample]):
    """
    Registered as a `DatasetReader` with name "luke_entity_typing".

    Reads mentions in their texts and builds the original system's instances: the mention between two markers,
    and one `[MASK]` entity that spans both and the text between them (Yamada et al., EMNLP 2020, section
    4.1). Files are JSON arrays or JSON lines; `example_from_json` documents their records.

    A text that is too long is truncated around the mention. (The original does not truncate.)

    # Parameters

    tokenizer : `Tokenizer`
        "luke", with the embedder's checkpoint and the marker among its `marker_tokens`.
    max_length : `int`, optional (default = `512`)
        Maximum number of tokens of a text, start and end token included.
    max_mention_length : `int`, optional (default = `30`)
        The entity's position is the mean over at most this many positions, from the first marker on: the
        paper's value, as the original system truncates its lists of positions. `null` for no limit.
    normalize_brackets : `bool`, optional (default = `True`)
        Whether to read the treebank's `-LRB-`, `-RRB-`, `-LCB-`, `-LSB-` and so on as round brackets, as the
        original does.
    types : `Union[str, List[str]]`, optional (default = `"general"`)
        Labels to keep of Ultra-Fine's `y_str`: `"general"` for the nine of Open Entity, or a list; `null` for
        all. Labels of the other forms are all kept.
    label_map : `Dict[str, Optional[str]]`, optional (default = `None`)
        New names of the file's types, applied before `types`; `null` removes a type. Other types are
        unchanged.
    marker : `str`, optional (default = `"[ENTITY]"`)
        Placed on both sides of the mention: one of the tokenizer's `marker_tokens`, or a token of the
        checkpoint, such as `<ent>`.
    encoding : `str`, optional (default = `"utf-8"`)
        Of the files.
    label_namespace : `str`, optional (default = `"labels"`)
        As in the model.
    max_instances : `int`, optional (default = `None`)
        Maximum number of instances to read.

    # Raises

    `ConfigurationError`
        An option, a file or a record is invalid, or a mention alone is longer than `max_length`.
    """

    example_name = "mentions"
    record_keys = (("sent", "start", "end"), ("mention_span",), ("text", "span"))
    entity_ids = (MASK_ENTITY,)

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int = 512,
        max_mention_length: Optional[int] = 30,
        normalize_brackets: bool = True,
        types: Optional[Union[str, List[str]]] = "general",
        label_map: Optional[Dict[str, Optional[str]]] = None,
        marker: str = "[ENTITY]",
        encoding: str = "utf-8",
        label_namespace: str = "labels",
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(
            tokenizer,
            [marker],
            max_length,
            max_mention_length,
            label_map,
            encoding,
            label_namespace,
            max_instances,
            serialization_dir,
        )
        if types == "general":
            types = list(GENERAL_TYPES)
        if types is not None and (isinstance(types, str) or not types):
            raise ConfigurationError(f"types is {types!r}; expected 'general', a list of types, or null.")
        self.types = None if types is None else frozenset(types)
        self._marker = marker
        self._normalize_brackets = normalize_brackets

    @overrides
    def read_examples(self, file_path: str) -> Iterator[TypingExample]:
        number = without = 0
        try:
            for index, (where, record) in enumerate(read_records(file_path, self.encoding)):
                example = example_from_json(record, where, index, self.types, self._label_map)
                number += 1
                without += example.labels == []
                yield example
        finally:  # also if max_instances stops it
            self._label_map.log(file_path)
            if number:
                logger.info("%s: %d mentions, %d of them without a type", file_path, number, without)

    @overrides
    def check_file(self, file_path: str, training: bool = False) -> None:
        number = typed = 0
        for example in self.local_examples(file_path):
            self.check_labels(example)
            number += 1
            typed += bool(example.labels)
        if training and not typed:
            raise ConfigurationError(
                f"{file_path}: none of its {number} mentions has a type, so there is nothing to train on; "
                "expected types in 'labels' or 'y_str'. Check the reader's options 'types' and 'label_map'."
            )

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[TypingExample]:
        return [example_from_json(record, where, types=self.types)]

    @overrides
    def is_labeled(self, example: TypingExample) -> bool:
        return example.labels is not None

    @overrides
    def gold_labels(self, example: TypingExample) -> List[str]:
        return list(example.labels or [])

    @overrides
    def marked_spans(self, example: TypingExample) -> Tuple[str, List[MarkedSpan]]:
        text, span = example.text, example.span
        if self._normalize_brackets:
            text, span = with_round_brackets(text, span)
        return text, [MarkedSpan(*span, self._marker)]

    @overrides
    def label_fields(self, example: TypingExample) -> Dict[str, Field]:
        labels = KnownMultiLabelField(example.labels or [], example.where, self._label_namespace)
        return {"labels": labels}


def with_round_brackets(text: str, span: Span) -> Tuple[str, Span]:
    """
    Replaces the treebank's names of brackets before, in and after a mention separately, so that a name which
    the mention's end cuts stays as it is. Returns the text and the mention's new place in it.
    """
    start, end = span
    left, mention, right = (
        _BRACKET.sub(lambda match: "(" if match[1] == "L" else ")", part)
        for part in (text[:start], text[start:end], text[end:])
    )
    return left + mention + right, (len(left), len(left) + len(mention))
