"""Shared by readers that classify marked mentions: entity typing and relation classification."""

import logging
from typing import Any, ClassVar, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance
from allennlp.data.fields import Field, MetadataField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.common.options import check_at_least
from luke_allennlp.data.fields import EntityField, SubwordField
from luke_allennlp.data.label_map import LabelMap
from luke_allennlp.data.marked_text import MarkedSpan, mark_spans
from luke_allennlp.data.windows import keep_nearest
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.reader import TaskReader

logger = logging.getLogger(__name__)

Example = TypeVar("Example")


class MarkedInput(NamedTuple):
    """An example as the model sees it."""

    example: Any
    # Start token, text with the marked mentions, end token. Shape: (tokens,)
    token_ids: np.ndarray
    # First and last position of each mention's entity, markers included.
    spans: List[Tuple[int, int]]
    # Whether the text was truncated.
    shortened: bool


class MentionReader(TaskReader[Example, MarkedInput]):
    """
    Puts markers around an example's mentions, and an entity over each, markers included. Texts longer than
    `max_length` are truncated around the mentions.

    # Parameters

    markers : `Sequence[str]`
        All markers in use.
    max_length : `int`
        Maximum number of tokens of a text, start and end token included.
    max_mention_length : `int`, optional
        Maximum number of positions of an entity, from its first marker on.

    # Raises

    `ConfigurationError`
        The tokenizer lacks a marker, or a length is too small.
    """

    entity_ids: ClassVar[Sequence[int]]
    """Row of each mention in the embedder's entity embeddings."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        markers: Sequence[str],
        max_length: int,
        max_mention_length: Optional[int],
        label_map: Optional[Dict[str, Optional[str]]] = None,
        encoding: str = "utf-8",
        label_namespace: str = "labels",
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(tokenizer, encoding, max_instances, serialization_dir)
        check_markers(self.tokenizer, markers)
        # Start, end, and for each mention two markers and a token.
        check_at_least(2 + 3 * len(self.entity_ids), max_length=max_length)
        check_at_least(1, max_mention_length=max_mention_length)
        self._label_map = LabelMap(label_map)
        self._label_namespace = label_namespace
        self._max_length = max_length
        self._max_mention_length = max_mention_length

    def marked_spans(self, example: Example) -> Tuple[str, List[MarkedSpan]]:
        """The text and the mentions in it, in the order of `entity_ids`."""
        raise NotImplementedError

    def metadata(self, example: Example) -> Dict[str, Any]:
        """The instance's `metadata`."""
        return dict(vars(example))

    def label_fields(self, example: Example) -> Dict[str, Field]:
        """The instance's fields that say what is right."""
        raise NotImplementedError

    @overrides
    def items(self, example: Example) -> List[MarkedInput]:
        text, spans = self.marked_spans(example)
        marked, places = mark_spans(self.tokenizer, text, spans)
        budget = self._max_length - 2
        try:
            kept = keep_nearest(len(marked), [(first, last + 1) for first, last in places], budget)
        except ValueError:
            raise ConfigurationError(
                f"{self.describe(example)}: the mentions and their markers are longer than the {budget} "
                f"tokens that max_length {self._max_length} leaves; raise max_length, shorten the mentions, "
                "or omit the record."
            ) from None
        ids = np.array(marked.ids, dtype=np.int32)[kept]
        token_ids = np.concatenate([[self.tokenizer.start_id], ids, [self.tokenizer.end_id]]).astype(np.int32)
        longest = self._max_mention_length or self._max_length
        # Every mention is kept whole, so it only moves. One more for the start token.
        moved = [
            (first, min(last, first + longest - 1))
            for first, last in (np.searchsorted(kept, places) + 1).tolist()
        ]
        return [MarkedInput(example, token_ids, moved, shortened=len(kept) < len(marked))]

    @overrides(check_signature=False)
    def text_to_instance(self, item: MarkedInput, labeled: bool = False) -> Instance:
        """`words` (`SubwordField`), `entities` (`EntityField`), `metadata`, and if labeled `label_fields`."""
        fields: Dict[str, Field] = {
            "words": SubwordField(item.token_ids, padding_id=self.tokenizer.pad_id),
            "entities": EntityField(list(self.entity_ids), item.spans),
            "metadata": MetadataField(self.metadata(item.example)),
        }
        if labeled:
            fields.update(self.label_fields(item.example))
        return Instance(fields)

    @overrides
    def labeled_items(self, file_path: str) -> Iterator[Tuple[MarkedInput, bool]]:
        shortened = 0
        try:
            for item, labeled in super().labeled_items(file_path):
                shortened += item.shortened
                yield item, labeled
        finally:
            if shortened:
                logger.info(
                    "%s: %d texts were truncated to max_length %d, around their mentions",
                    file_path,
                    shortened,
                    self._max_length,
                )


def check_markers(tokenizer: WordTokenizer, markers: Sequence[str]) -> None:
    """Raises a `ConfigurationError` if the tokenizer lacks a marker."""
    missing = [marker for marker in markers if tokenizer.find(marker) is None]
    if missing:
        raise ConfigurationError(
            f"The tokenizer's marker_tokens {tokenizer.marker_tokens} lack {', '.join(map(repr, missing))}; "
            f"expected {list(markers)}, with the same order in the embedder's marker_tokens."
        )
