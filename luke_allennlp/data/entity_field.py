"""The entities of a text: which, and where."""

from typing import Dict, List, Sequence, Tuple, Union

import numpy as np
import torch
from allennlp.data.fields.sequence_field import SequenceField
from allennlp.nn import util
from overrides import overrides


class EntityField(SequenceField[Dict[str, torch.Tensor]]):
    """
    Entities and their spans, as the tensors `entity_ids`, `entity_spans` and `entity_mask`.

    Padding has id 0, span (-1, -1) and mask False.

    # Parameters

    ids : `Sequence[int]`
        Rows of the embedder's entity table.
    spans : `Sequence[Tuple[int, int]]`
        First and last position of each in the sub-word sequence, inclusive, counted from 0 with `<s>`.

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
