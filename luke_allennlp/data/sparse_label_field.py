"""One label an item of a sequence, where most items have the same."""

import logging
from typing import Any, Dict, List, Mapping, Optional, Set

import torch
from allennlp.data import Vocabulary
from allennlp.data.fields.field import Field
from overrides import overrides

from luke_allennlp.common.text_lines import listed

logger = logging.getLogger(__name__)

IGNORED_LABEL = -100
"""What padding and unknown labels become: the index that torch's cross-entropy leaves out."""


class SparseLabelField(Field[torch.Tensor]):
    """
    The labels of a sequence of which all but a few items are "none".

    Unlike `SequenceLabelField` it keeps only the labels that say something, pads with `IGNORED_LABEL`, and
    lets a label that the vocabulary lacks pass as ignored, with a warning: such an item counts in no loss,
    and the metrics, which see the gold labels themselves, count it as missed.

    # Parameters

    labels : `Mapping[int, str]`
        Item -> label, for the items that have one.
    length : `int`
        How many items there are.
    none_label : `str`
        The label of all others.
    label_namespace : `str`, optional (default = `"labels"`)
    warned : `Set[str]`, optional (default = `None`)
        The labels of which a warning has been given. Fields that share it warn once of each. It is not
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
        # At least once: the model needs the label even where every item has another one.
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
