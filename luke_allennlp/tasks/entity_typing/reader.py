"""Entity typing: files to instances."""

import logging
import re
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.records import Span, read_records
from luke_allennlp.data.fields import EntityField, KnownMultiLabelField, SubwordField
from luke_allennlp.data.label_map import LabelMap
from luke_allennlp.data.marked_text import MarkedSpan, mark_spans
from luke_allennlp.data.truncation import keep_nearest
from luke_allennlp.tasks.base.reader import MASK_ENTITY, TaskReader
from luke_allennlp.tasks.entity_typing.examples import GENERAL_TYPES, TypingExample, example_from_json

logger = logging.getLogger(__name__)

# The Penn Treebank's names of brackets. Curly and square ones become round ones too.
_BRACKET = re.compile("-([LR])[RCS]B-")


class TypingItem(NamedTuple):
    """
    An example as the model sees it.

    # Parameters

    example : `TypingExample`
    word_ids : `np.ndarray`
        Start token, text with the marked mention, end token. Shape: (sub-words,).
    span : `Tuple[int, int]`
        First and last position of the entity in `word_ids`, inclusive.
    """

    example: TypingExample
    word_ids: np.ndarray
    span: Tuple[int, int]


@DatasetReader.register("luke_entity_typing")
class EntityTypingReader(TaskReader[TypingExample, TypingItem]):
    """
    Registered as a `DatasetReader` with name "luke_entity_typing".

    Reads mentions in their texts and makes the original system's instances: the mention between two markers,
    and one `[MASK]` entity that spans both and what is between them (Yamada et al., EMNLP 2020, section 4.1).
    Files are arrays or lines of JSON; what their records may look like is said at `example_from_json`.

    A text that is too long loses what is farthest from the mention, which is never cut itself. (The original
    does not shorten texts.)

    # Parameters

    tokenizer : `Tokenizer`
        The one of type "luke", with the embedder's checkpoint and the marker among its `marker_tokens`.
    max_length : `int`, optional (default = `512`)
        Sub-words of a text at the most, start and end token included.
    max_mention_length : `int`, optional (default = `30`)
        The entity's position is the mean over so many positions at the most, from the first marker on: the
        paper's value, as the original system cuts its lists of positions. `None` for all of them.
    normalize_brackets : `bool`, optional (default = `True`)
        Whether the treebank's `-LRB-`, `-RRB-`, and also `-LCB-`, `-LSB-` and so on, are read as round
        brackets, as in the original.
    types : `Union[str, List[str]]`, optional (default = `"general"`)
        Which labels of Ultra-Fine's `y_str` are kept: `"general"` for the nine of Open Entity, or a list of
        them; all if `None`. Labels of the other forms are all kept.
    label_map : `Dict[str, Optional[str]]`, optional (default = `None`)
        New names of the file's types, also of those that `types` chooses from; `null` takes a type away from
        the mentions that have it. Other types stay as they are.
    marker : `str`, optional (default = `"[ENTITY]"`)
        What stands on both sides of the mention: one of the tokenizer's `marker_tokens`, or a token that the
        checkpoint has, such as `<ent>`.
    encoding : `str`, optional (default = `"utf-8"`)
    label_namespace : `str`, optional (default = `"labels"`)
        That of the model.
    max_instances : `int`, optional (default = `None`)
        Reads no more than this many.

    # Raises

    `ConfigurationError`
        An option, a file or a record of it is not as expected.
    """

    record_keys = (("sent", "start", "end"), ("mention_span",), ("text", "span"))

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
        super().__init__(tokenizer, encoding, max_instances, serialization_dir)
        if max_length < 5:
            raise ConfigurationError(
                f"max_length is {max_length}; expected at least 5, for start and end, markers and mention."
            )
        if max_mention_length is not None and max_mention_length < 1:
            raise ConfigurationError(
                f"max_mention_length is {max_mention_length}; expected at least 1, or null."
            )
        if types == "general":
            types = list(GENERAL_TYPES)
        if types is not None and (isinstance(types, str) or not types):
            raise ConfigurationError(f"types is {types!r}; expected 'general', a list of types, or null.")
        try:
            self.tokenizer.token_id(marker)
        except ConfigurationError:
            raise ConfigurationError(
                f"The tokenizer has no marker {marker!r}; give {marker!r} to its marker_tokens, and the "
                f"embedder marker_tokens {{{marker!r}: '@'}}."
            ) from None
        self.types = None if types is None else frozenset(types)
        self._label_map = LabelMap(label_map)
        self._marker = marker
        self._max_length = max_length
        self._max_mention_length = max_mention_length
        self._normalize_brackets = normalize_brackets
        self._label_namespace = label_namespace

    @overrides
    def read_examples(self, file_path: str) -> Iterator[TypingExample]:
        number = without = 0
        try:
            for index, (where, record) in enumerate(read_records(file_path, self.encoding)):
                example = example_from_json(record, where, index, self.types, self._label_map)
                number += 1
                without += example.labels == []
                yield example
        finally:  # also where max_instances ends it
            self._label_map.log(file_path)
            if number:
                logger.info("%s: %d mentions, %d of them of no type", file_path, number, without)

    @overrides
    def check_file(self, file_path: str, training: bool = False) -> None:
        number = typed = 0
        for example in self.local_examples(file_path):
            self.check_labels(example)
            number += 1
            typed += bool(example.labels)
        if training and not typed:
            raise ConfigurationError(
                f"{file_path}: none of its {number} mentions has a type, so that there is nothing to train "
                "on; expected types in 'labels' or 'y_str'. See what the reader's options 'types' and "
                "'label_map' leave of them."
            )

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[TypingExample]:
        return [example_from_json(record, where, types=self.types)]

    @overrides
    def is_labeled(self, example: TypingExample) -> bool:
        return example.labels is not None

    @overrides
    def items(self, example: TypingExample) -> Sequence[TypingItem]:
        """
        # Returns

        `Sequence[TypingItem]`
            One.

        # Raises

        `ConfigurationError`
            The mention alone does not fit.
        """
        text, span = example.text, example.span
        if self._normalize_brackets:
            text, span = with_round_brackets(text, span)
        marked, [(first, last)] = mark_spans(self.tokenizer, text, [MarkedSpan(*span, self._marker)])
        try:
            kept = keep_nearest(len(marked), [(first, last + 1)], self._max_length - 2)
        except ValueError:
            raise ConfigurationError(
                f"{example.where}: the mention has {last - first - 1} sub-words, and max_length "
                f"{self._max_length} has room for {self._max_length - 4}; set a larger max_length, or leave "
                "the record out."
            ) from None
        # What is kept around one span is in one piece. Shape: (sub-words,)
        ids = np.array(marked.ids, dtype=np.int32)[kept]
        word_ids = np.concatenate([[self.tokenizer.start_id], ids, [self.tokenizer.end_id]]).astype(np.int32)
        shift = 1 - int(kept[0])
        first, last = first + shift, last + shift
        if self._max_mention_length is not None:
            last = min(last, first + self._max_mention_length - 1)
        return [TypingItem(example, word_ids, (first, last))]

    @overrides(check_signature=False)
    def text_to_instance(self, item: TypingItem, labeled: bool = False) -> Instance:
        """
        # Parameters

        item : `TypingItem`
            One of `items`.
        labeled : `bool`, optional (default = `False`)
            Whether the instance has labels and is scored.

        # Returns

        `Instance`
            `words` (`SubwordField`), `entities` (`EntityField`), `metadata`, and if labeled `labels`
            (`KnownMultiLabelField`).
        """
        example = item.example
        metadata = {
            "where": example.where,
            "index": example.index,
            "text": example.text,
            "span": example.span,
            "gold": example.labels,
        }
        fields: Dict[str, Field] = {
            "words": SubwordField(item.word_ids, padding_id=self.tokenizer.pad_id),
            "entities": EntityField([MASK_ENTITY], [item.span]),
            "metadata": MetadataField(metadata),
        }
        if labeled:
            fields["labels"] = KnownMultiLabelField(
                example.labels or [], example.where, self._label_namespace
            )
        return Instance(fields)


def with_round_brackets(text: str, span: Span) -> Tuple[str, Span]:
    """
    Writes brackets for the treebank's names of them, before, in and after a mention separately: a name that a
    mention's end cuts through stays as it is.

    # Parameters

    text : `str`
    span : `Span`
        Of the mention.

    # Returns

    `Tuple[str, Span]`
        The text, and where the mention is in it now.
    """
    start, end = span
    left, mention, right = (
        _BRACKET.sub(lambda match: "(" if match[1] == "L" else ")", part)
        for part in (text[:start], text[start:end], text[end:])
    )
    return left + mention + right, (len(left), len(left) + len(mention))
