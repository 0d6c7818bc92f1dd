"""Fields of the tasks' instances: sub-word tokens, entities, labels."""

import logging
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

import numpy as np
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.data.fields import LabelField, MultiLabelField
from allennlp.data.fields.field import Field
from allennlp.data.fields.sequence_field import SequenceField
from allennlp.nn import util
from overrides import overrides

from luke_allennlp.common.text_lines import listed

logger = logging.getLogger(__name__)

TOKENS_KEY = "tokens"

IGNORED_LABEL = -100
"""The index of padding and of unknown labels, which torch's cross-entropy ignores."""


class SubwordField(SequenceField[Dict[str, Dict[str, torch.Tensor]]]):
    """
    The token ids of a text, special tokens included, as the `TextFieldTensors` that AllenNLP's transformer
    embedders take: `{"tokens": {"token_ids", "mask", "type_ids"}}`. Unlike a `TextField` it needs no `Token`
    objects.

    # Parameters

    type_ids : `Sequence[int]`, optional (default = `None`)
        Segments; all 0 by default.
    padding_id : `int`, optional (default = `1`)
        The id of `<pad>`.
    shared : `bool`, optional (default = `False`)
        Whether equal texts of a batch become one row, and `text_indices`, of shape (batch,), tells which.
    """

    def __init__(
        self,
        ids: Union[Sequence[int], np.ndarray],
        type_ids: Optional[Union[Sequence[int], np.ndarray]] = None,
        padding_id: int = 1,
        shared: bool = False,
    ) -> None:
        self.ids = np.asarray(ids, dtype=np.int32)
        self.type_ids = None if type_ids is None else np.asarray(type_ids, dtype=np.int32)
        if self.type_ids is not None and len(self.type_ids) != len(self.ids):
            raise ValueError(f"{len(self.ids)} sub-words came with {len(self.type_ids)} segment ids")
        self.padding_id = padding_id
        self.shared = shared

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SubwordField)
            and (self.padding_id, self.shared) == (other.padding_id, other.shared)
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.type_ids, other.type_ids)  # type: ignore[arg-type]  # or None
        )

    @overrides
    def sequence_length(self) -> int:
        return len(self.ids)

    @overrides
    def get_padding_lengths(self) -> Dict[str, int]:
        return {"num_words": len(self.ids)}

    @overrides
    def as_tensor(self, padding_lengths: Dict[str, int]) -> Dict[str, Dict[str, torch.Tensor]]:
        """Shape of each: (words,)."""
        length = len(self.ids)
        token_ids = torch.full((padding_lengths["num_words"],), self.padding_id, dtype=torch.long)
        token_ids[:length] = torch.from_numpy(self.ids)
        mask = torch.zeros(len(token_ids), dtype=torch.bool)
        mask[:length] = True
        type_ids = torch.zeros_like(token_ids)
        if self.type_ids is not None:
            type_ids[:length] = torch.from_numpy(self.type_ids)
        return {TOKENS_KEY: {"token_ids": token_ids, "mask": mask, "type_ids": type_ids}}

    @overrides
    def batch_tensors(
        self, tensor_list: List[Dict[str, Dict[str, torch.Tensor]]]
    ) -> Dict[str, Dict[str, torch.Tensor]]:
        texts = [tensors[TOKENS_KEY] for tensors in tensor_list]
        if not self.shared:
            return {TOKENS_KEY: util.batch_tensor_dicts(texts)}
        different: Dict[Tuple[bytes, ...], Dict[str, torch.Tensor]] = {}
        keys = [tuple(tensor.numpy().tobytes() for tensor in text.values()) for text in texts]
        for key, text in zip(keys, texts, strict=True):
            different.setdefault(key, text)
        places = {key: place for place, key in enumerate(different)}
        batch = util.batch_tensor_dicts(list(different.values()))
        return {TOKENS_KEY: {**batch, "text_indices": torch.tensor([places[key] for key in keys])}}

    @overrides
    def empty_field(self) -> "SubwordField":
        return SubwordField([], padding_id=self.padding_id, shared=self.shared)

    @overrides
    def human_readable_repr(self) -> Sequence[int]:
        return self.ids.tolist()

    def __str__(self) -> str:
        return f"SubwordField of length {len(self)}: {self.ids.tolist()}"


class EntityField(SequenceField[Dict[str, torch.Tensor]]):
    """
    The entities of a text and their spans, as the tensors `entity_ids`, `entity_spans` and `entity_mask`.

    Padding has id 0, span (-1, -1) and mask False.

    # Parameters

    ids : `Sequence[int]`
        Rows of the embedder's entity table.
    spans : `Sequence[Tuple[int, int]]`
        First and last token of each, inclusive, counted from 0 at `<s>`.

    # Raises

    `ValueError`
        A span ends before it starts, or there are not as many spans as ids.
    """

    def __init__(
        self, ids: Union[Sequence[int], np.ndarray], spans: Union[Sequence[Tuple[int, int]], np.ndarray]
    ) -> None:
        self.ids = np.asarray(ids, dtype=np.int32)
        self.spans = np.asarray(spans, dtype=np.int32).reshape(-1, 2)
        if len(self.ids) != len(self.spans):
            raise ValueError(f"{len(self.ids)} entities came with {len(self.spans)} spans")
        wrong = (self.spans[:, 1] < self.spans[:, 0]) | (self.spans[:, 0] < 0)
        if wrong.any():
            index = int(wrong.argmax())
            raise ValueError(
                f"entity {index} has the span {tuple(self.spans[index].tolist())}; expected 0 <= first <= "
                "last"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, EntityField)
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.spans, other.spans)
        )

    @overrides
    def sequence_length(self) -> int:
        return len(self.ids)

    @overrides
    def get_padding_lengths(self) -> Dict[str, int]:
        return {"num_entities": len(self.ids)}

    @overrides
    def as_tensor(self, padding_lengths: Dict[str, int]) -> Dict[str, torch.Tensor]:
        """Shapes: `entity_ids` and `entity_mask` (entities,), `entity_spans` (entities, 2)."""
        length = len(self.ids)
        entity_ids = torch.zeros(padding_lengths["num_entities"], dtype=torch.long)
        entity_ids[:length] = torch.from_numpy(self.ids)
        entity_spans = torch.full((len(entity_ids), 2), -1, dtype=torch.long)
        entity_spans[:length] = torch.from_numpy(self.spans)
        entity_mask = torch.zeros(len(entity_ids), dtype=torch.bool)
        entity_mask[:length] = True
        return {"entity_ids": entity_ids, "entity_spans": entity_spans, "entity_mask": entity_mask}

    @overrides
    def batch_tensors(self, tensor_list: List[Dict[str, torch.Tensor]]) -> Dict[str, torch.Tensor]:
        return util.batch_tensor_dicts(tensor_list)

    @overrides
    def empty_field(self) -> "EntityField":
        return EntityField([], [])

    @overrides
    def human_readable_repr(self) -> Dict[str, Sequence]:
        return {"ids": self.ids.tolist(), "spans": self.spans.tolist()}

    def __str__(self) -> str:
        return f"EntityField of {len(self)} entities: ids {self.ids.tolist()}, spans {self.spans.tolist()}"


class KnownLabelField(LabelField):
    """
    A label. If the vocabulary lacks it, indexing raises an error that names its record, `where`: `dev.json,
    record 3`.
    """

    __slots__ = ["where"]

    def __init__(self, label: str, where: str, label_namespace: str = "labels") -> None:
        super().__init__(label, label_namespace)
        self.where = where

    @overrides
    def index(self, vocab: Vocabulary) -> None:
        _check_known([str(self.label)], vocab, self._label_namespace, self.where)
        super().index(vocab)

    @overrides
    def empty_field(self) -> LabelField:
        return LabelField(-1, self._label_namespace, skip_indexing=True)


class KnownMultiLabelField(MultiLabelField):
    """Any number of labels, possibly none; otherwise as `KnownLabelField`."""

    __slots__ = ["where"]

    def __init__(self, labels: Sequence[str], where: str, label_namespace: str = "labels") -> None:
        super().__init__(labels, label_namespace)
        self.where = where

    @overrides
    def index(self, vocab: Vocabulary) -> None:
        _check_known([str(label) for label in self.labels], vocab, self._label_namespace, self.where)
        super().index(vocab)


def _check_known(labels: Sequence[str], vocab: Vocabulary, namespace: str, where: str) -> None:
    known = vocab.get_token_to_index_vocabulary(namespace)
    for label in labels:
        if label not in known:
            raise ConfigurationError(
                f"{where}: the label {label!r} is not among the {len(known)} that the model was trained with "
                f"({listed(list(map(repr, known)))}); correct it, or train with data that has it."
            )


class SparseLabelField(Field[torch.Tensor]):
    """
    The labels of a sequence of which all but a few items are "none".

    Unlike `SequenceLabelField` it stores only the other labels, pads with `IGNORED_LABEL`, and ignores a
    label that the vocabulary lacks, with a warning: the item does not count in the loss, and metrics, which
    see the gold labels themselves, count it as missed.

    # Parameters

    labels : `Mapping[int, str]`
        The label of each item that has one, by its index.
    length : `int`
        The number of items.
    none_label : `str`
        The label of the other items.
    label_namespace : `str`, optional (default = `"labels"`)
    warned : `Set[str]`, optional (default = `None`)
        The labels already warned about. Fields that share the set warn about each label once. It is not
        pickled.
    """

    def __init__(
        self,
        labels: Mapping[int, str],
        length: int,
        none_label: str,
        label_namespace: str = "labels",
        warned: Optional[Set[str]] = None,
    ) -> None:
        self.labels = dict(labels)
        self.length = length
        self.none_label = none_label
        self.warned: Set[str] = set() if warned is None else warned
        self._namespace = label_namespace
        self._indices: Dict[int, int] = {}
        self._none_index = IGNORED_LABEL

    def __len__(self) -> int:
        return self.length

    @overrides
    def count_vocab_items(self, counter: Dict[str, Dict[str, int]]) -> None:
        # At least once: the model needs the label even if no item has it.
        counter[self._namespace][self.none_label] += max(self.length - len(self.labels), 1)
        for label in self.labels.values():
            counter[self._namespace][label] += 1

    @overrides
    def index(self, vocab: Vocabulary) -> None:
        known = vocab.get_token_to_index_vocabulary(self._namespace)
        self._none_index = vocab.get_token_index(self.none_label, self._namespace)
        self._indices = {item: known.get(label, IGNORED_LABEL) for item, label in self.labels.items()}
        for label in sorted(set(self.labels.values()).difference(known, self.warned)):
            self.warned.add(label)
            logger.warning(
                "The label %r is not among the %d that the model was trained with (%s): it cannot be "
                "predicted and counts as missed.",
                label,
                len(known),
                listed(list(known)),
            )

    @overrides
    def get_padding_lengths(self) -> Dict[str, int]:
        return {"num_labels": self.length}

    @overrides
    def as_tensor(self, padding_lengths: Dict[str, int]) -> torch.Tensor:
        """Shape: (items,)."""
        indices = torch.full((padding_lengths["num_labels"],), IGNORED_LABEL, dtype=torch.long)
        indices[: self.length] = self._none_index
        if self._indices:
            indices[list(self._indices)] = torch.tensor(list(self._indices.values()))
        return indices

    @overrides
    def empty_field(self) -> "SparseLabelField":
        return SparseLabelField({}, 0, self.none_label, self._namespace)

    @overrides
    def human_readable_repr(self) -> List[str]:
        return [self.labels.get(item, self.none_label) for item in range(self.length)]

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "warned": set()}

    def __str__(self) -> str:
        return f"SparseLabelField of length {self.length}, {self.none_label!r} but for {self.labels}"
