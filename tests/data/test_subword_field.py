import numpy as np
import pytest
import torch
from allennlp.data import Batch, Instance, Vocabulary
from allennlp.data.fields import ListField
from allennlp.nn import util

from luke_allennlp.data.subword_field import SubwordField


def batch_tensors(*fields: SubwordField) -> dict:
    batch = Batch([Instance({"words": field}) for field in fields])
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()["words"]["tokens"]


class TestSubwordField:
    def test_pads_what_is_shorter(self) -> None:
        tensors = batch_tensors(SubwordField([0, 7, 9, 2]), SubwordField([0, 2], type_ids=[1, 1]))
        assert tensors["token_ids"].tolist() == [[0, 7, 9, 2], [0, 2, 1, 1]]
        assert tensors["mask"].tolist() == [[True] * 4, [True, True, False, False]]
        assert tensors["type_ids"].tolist() == [[0] * 4, [1, 1, 0, 0]]
        assert {name: tensor.dtype for name, tensor in tensors.items()} == {
            "token_ids": torch.long,
            "mask": torch.bool,
            "type_ids": torch.long,
        }

    def test_pads_with_the_id_that_it_is_given(self) -> None:
        tensors = batch_tensors(SubwordField([5], padding_id=0), SubwordField([5, 6], padding_id=0))
        assert tensors["token_ids"].tolist() == [[5, 0], [5, 6]]

    def test_a_mask_is_true_where_a_word_is_whatever_its_id(self) -> None:
        assert batch_tensors(SubwordField([1, 1]))["mask"].tolist() == [[True, True]]

    def test_gives_text_field_tensors(self) -> None:
        batch = Batch(
            [Instance({"words": SubwordField([0, 7, 2])}), Instance({"words": SubwordField([0, 2])})]
        )
        batch.index_instances(Vocabulary())
        mask = util.get_text_field_mask(batch.as_tensor_dict()["words"])
        assert mask.tolist() == [[True, True, True], [True, True, False]]

    def test_takes_arrays(self) -> None:
        field = SubwordField(np.array([0, 7, 2]), np.array([0, 1, 1]))
        assert list(field) == [0, 7, 2]
        assert batch_tensors(field)["type_ids"].tolist() == [[0, 1, 1]]

    def test_is_a_sequence(self) -> None:
        field = SubwordField([0, 7, 2])
        assert len(field) == field.sequence_length() == 3
        assert field.human_readable_repr() == [0, 7, 2]
        assert str(field) == "SubwordField of length 3: [0, 7, 2]"
        assert field == SubwordField([0, 7, 2])
        assert field != SubwordField([0, 7, 3])
        assert field != SubwordField([0, 7, 2], type_ids=[0, 0, 1])
        assert SubwordField([7], [1]) == SubwordField([7], [1]) != SubwordField([7], [0])
        assert field != SubwordField([0, 7, 2], padding_id=0)

    def test_in_a_list_is_padded_by_empty_ones(self) -> None:
        batch = Batch(
            [
                Instance({"texts": ListField([SubwordField([0, 7, 2], padding_id=4)])}),
                Instance(
                    {
                        "texts": ListField(
                            [SubwordField([0, 2], padding_id=4), SubwordField([3], padding_id=4)]
                        )
                    }
                ),
            ]
        )
        batch.index_instances(Vocabulary())
        tensors = batch.as_tensor_dict()["texts"]["tokens"]
        assert tensors["token_ids"].tolist() == [[[0, 7, 2], [4, 4, 4]], [[0, 2, 4], [3, 4, 4]]]
        assert tensors["mask"].long().tolist() == [[[1, 1, 1], [0, 0, 0]], [[1, 1, 0], [1, 0, 0]]]

    def test_may_be_empty(self) -> None:
        tensors = batch_tensors(SubwordField([]), SubwordField([]))
        assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
            "token_ids": (2, 0),
            "mask": (2, 0),
            "type_ids": (2, 0),
        }

    def test_needs_a_segment_for_each(self) -> None:
        with pytest.raises(ValueError, match="3 sub-words came with 2 segment ids"):
            SubwordField([0, 7, 2], type_ids=[0, 0])
