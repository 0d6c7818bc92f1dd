import numpy as np
import pytest
import torch
from allennlp.data import Batch, Instance, Vocabulary
from allennlp.data.fields import ListField

from luke_allennlp.data.entity_field import EntityField


def batch_tensors(*fields: EntityField) -> dict:
    batch = Batch([Instance({"entities": field}) for field in fields])
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()["entities"]


class TestEntityField:
    def test_pads_what_is_shorter(self) -> None:
        tensors = batch_tensors(EntityField([1, 1], [(1, 1), (2, 5)]), EntityField([3], [(4, 4)]))
        assert tensors["entity_ids"].tolist() == [[1, 1], [3, 0]]
        assert tensors["entity_spans"].tolist() == [[[1, 1], [2, 5]], [[4, 4], [-1, -1]]]
        assert tensors["entity_mask"].tolist() == [[True, True], [True, False]]
        assert {name: tensor.dtype for name, tensor in tensors.items()} == {
            "entity_ids": torch.long,
            "entity_spans": torch.long,
            "entity_mask": torch.bool,
        }

    def test_a_mask_is_true_where_an_entity_is_whatever_its_id(self) -> None:
        # In multilingual vocabularies 0 is [MASK].
        assert batch_tensors(EntityField([0], [(1, 2)]))["entity_mask"].tolist() == [[True]]

    def test_may_be_empty(self) -> None:
        tensors = batch_tensors(EntityField([], []), EntityField([2], [(0, 3)]))
        assert tensors["entity_ids"].tolist() == [[0], [2]]
        assert tensors["entity_spans"].tolist() == [[[-1, -1]], [[0, 3]]]
        assert tensors["entity_mask"].tolist() == [[False], [True]]
        assert {name: tuple(tensor.shape) for name, tensor in batch_tensors(EntityField([], [])).items()} == {
            "entity_ids": (1, 0),
            "entity_spans": (1, 0, 2),
            "entity_mask": (1, 0),
        }

    def test_takes_arrays(self) -> None:
        tensors = batch_tensors(EntityField(np.array([4, 5]), np.array([[1, 2], [3, 3]])))
        assert tensors["entity_ids"].tolist() == [[4, 5]]
        assert tensors["entity_spans"].tolist() == [[[1, 2], [3, 3]]]

    def test_is_a_sequence(self) -> None:
        field = EntityField([1, 2], [(1, 1), (2, 5)])
        assert len(field) == field.sequence_length() == 2
        assert field.human_readable_repr() == {"ids": [1, 2], "spans": [[1, 1], [2, 5]]}
        assert str(field) == "EntityField of 2 entities: ids [1, 2], spans [[1, 1], [2, 5]]"
        assert field == EntityField([1, 2], [(1, 1), (2, 5)])
        assert field != EntityField([1, 2], [(1, 1), (2, 4)])

    def test_in_a_list_is_padded_by_empty_ones(self) -> None:
        batch = Batch(
            [
                Instance({"entities": ListField([EntityField([1], [(1, 2)])])}),
                Instance({"entities": ListField([EntityField([2], [(3, 4)]), EntityField([], [])])}),
            ]
        )
        batch.index_instances(Vocabulary())
        tensors = batch.as_tensor_dict()["entities"]
        assert tensors["entity_ids"].tolist() == [[[1], [0]], [[2], [0]]]
        assert tensors["entity_mask"].tolist() == [[[True], [False]], [[True], [False]]]
        assert tensors["entity_spans"].tolist() == [[[[1, 2]], [[-1, -1]]], [[[3, 4]], [[-1, -1]]]]

    def test_needs_a_span_for_each(self) -> None:
        with pytest.raises(ValueError, match="2 entities came with 1 spans"):
            EntityField([1, 2], [(1, 1)])

    @pytest.mark.parametrize("span", [(3, 2), (-1, 2), (-1, -1)])
    def test_names_the_span_that_is_none(self, span: tuple) -> None:
        with pytest.raises(ValueError, match=r"entity 1 has the span \(.*\); expected 0 <= first <= last"):
            EntityField([1, 2], [(1, 1), span])
