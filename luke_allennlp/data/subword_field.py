"""A text that is sub-words already."""

from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from allennlp.data.fields.sequence_field import SequenceField
from allennlp.nn import util
from overrides import overrides

TOKENS_KEY = "tokens"


class SubwordField(SequenceField[Dict[str, Dict[str, torch.Tensor]]]):
    """
    The sub-word ids of a text, special tokens included, as the `TextFieldTensors` that AllenNLP's transformer
    embedders take: `{"tokens": {"token_ids", "mask", "type_ids"}}`. It does without a `Token` a sub-word,
    which a reader of windows of 512 would make by the million.

    # Parameters

    ids : `Sequence[int]`
    type_ids : `Sequence[int]`, optional (default = `None`)
        Segments; 0 everywhere if not given.
    padding_id : `int`, optional (default = `1`)
        The id that fills up the batch: `<pad>`.
    """

    def __init__(
        self,
        ids: Union[Sequence[int], np.ndarray],
        type_ids: Optional[Union[Sequence[int], np.ndarray]] = None,
        padding_id: int = 1,
    ) -> None:
        self.ids = np.asarray(ids, dtype=np.int32)
        self.type_ids = None if type_ids is None else np.asarray(type_ids, dtype=np.int32)
        if self.type_ids is not None and len(self.type_ids) != len(self.ids):
            raise ValueError(f"{len(self.ids)} sub-words came with {len(self.type_ids)} segment ids")
        self.padding_id = padding_id

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SubwordField) and self._content() == other._content()

    def _content(self) -> Tuple[List[int], Optional[List[int]], int]:
        types = None if self.type_ids is None else self.type_ids.tolist()
        return self.ids.tolist(), types, self.padding_id

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
        return {TOKENS_KEY: util.batch_tensor_dicts([tensors[TOKENS_KEY] for tensors in tensor_list])}

    @overrides
    def empty_field(self) -> "SubwordField":
        return SubwordField([], padding_id=self.padding_id)

    @overrides
    def human_readable_repr(self) -> Sequence[int]:
        return self.ids.tolist()

    def __str__(self) -> str:
        return f"SubwordField of length {len(self)}: {self.ids.tolist()}"
