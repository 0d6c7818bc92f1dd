"""The fields of the tasks' instances."""

import logging
import pickle
from collections import defaultdict
from typing import Dict, Optional, Set

import numpy as np
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance, Vocabulary
from allennlp.data.fields import ListField
from allennlp.nn import util

from luke_allennlp.data.fields import (
    IGNORED_LABEL,
    EntityField,
    KnownLabelField,
    KnownMultiLabelField,
    SparseLabelField,
    SubwordField,
)


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


def tensors_of(*fields: EntityField) -> dict:
    batch = Batch([Instance({"entities": field}) for field in fields])
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()["entities"]


class TestEntityField:
    def test_pads_what_is_shorter(self) -> None:
        tensors = tensors_of(EntityField([1, 1], [(1, 1), (2, 5)]), EntityField([3], [(4, 4)]))
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
        assert tensors_of(EntityField([0], [(1, 2)]))["entity_mask"].tolist() == [[True]]

    def test_may_be_empty(self) -> None:
        tensors = tensors_of(EntityField([], []), EntityField([2], [(0, 3)]))
        assert tensors["entity_ids"].tolist() == [[0], [2]]
        assert tensors["entity_spans"].tolist() == [[[-1, -1]], [[0, 3]]]
        assert tensors["entity_mask"].tolist() == [[False], [True]]
        assert {name: tuple(tensor.shape) for name, tensor in tensors_of(EntityField([], [])).items()} == {
            "entity_ids": (1, 0),
            "entity_spans": (1, 0, 2),
            "entity_mask": (1, 0),
        }

    def test_takes_arrays(self) -> None:
        tensors = tensors_of(EntityField(np.array([4, 5]), np.array([[1, 2], [3, 3]])))
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


def test_known_labels_become_what_allennlp_makes_of_them() -> None:
    instances = [
        Instance(
            {
                "label": KnownLabelField(label, "dev.json, record 1"),
                "types": KnownMultiLabelField(types, "dev.json, record 1", "type_labels"),
            }
        )
        for label, types in [("a", ["x", "y"]), ("b", []), ("a", ["y"])]
    ]
    vocab = Vocabulary.from_instances(instances)
    batch = Batch(instances)
    batch.index_instances(vocab)
    tensors = batch.as_tensor_dict()
    assert [vocab.get_token_from_index(i, "labels") for i in tensors["label"].tolist()] == ["a", "b", "a"]
    x, y = (vocab.get_token_index(name, "type_labels") for name in "xy")
    assert tensors["types"][:, [x, y]].tolist() == [[1, 1], [0, 0], [0, 1]]  # type: ignore[index]


@pytest.mark.parametrize(
    "field",
    [KnownLabelField("c", "dev.json, record 9"), KnownMultiLabelField(["a", "c"], "dev.json, record 9")],
)
def test_unknown_labels(field: KnownLabelField) -> None:
    vocab = Vocabulary({"labels": {"a": 1, "b": 1}})
    with pytest.raises(
        ConfigurationError, match="dev.json, record 9: the label 'c' is not among the 2 .*'a', 'b'"
    ):
        field.index(vocab)


def test_many_known_labels_are_not_all_listed() -> None:
    vocab = Vocabulary({"labels": {f"label{i}": 1 for i in range(40)}})
    with pytest.raises(ConfigurationError) as error:
        KnownLabelField("c", "x").index(vocab)
    assert "among the 40" in str(error.value) and "label39" not in str(error.value)


def test_empty_fields() -> None:
    empty = KnownLabelField("a", "x").empty_field()
    assert torch.equal(empty.as_tensor({}), torch.tensor(-1))


NONE = "NIL"


def labels(items: Dict[int, str], length: int, warned: Optional[Set[str]] = None) -> SparseLabelField:
    return SparseLabelField(items, length, NONE, warned=warned)


def instances(*fields: SparseLabelField) -> Batch:
    return Batch([Instance({"labels": field}) for field in fields])


class TestSparseLabelField:
    def test_none_is_the_most_frequent_label(self) -> None:
        counter: Dict[str, Dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for field in (labels({0: "PER", 4: "LOC"}, 6), labels({1: "PER"}, 3), labels({}, 2)):
            field.count_vocab_items(counter)
        assert {name: dict(counts) for name, counts in counter.items()} == {
            "labels": {NONE: 8, "PER": 2, "LOC": 1}
        }

    def test_none_has_the_first_index(self) -> None:
        batch = instances(labels({0: "PER", 4: "LOC"}, 6), labels({1: "PER"}, 3))
        vocabulary = Vocabulary.from_instances(batch)
        assert vocabulary.get_token_to_index_vocabulary("labels") == {NONE: 0, "PER": 1, "LOC": 2}

    def test_pads_with_what_the_loss_ignores(self) -> None:
        batch = instances(labels({0: "PER", 2: "LOC"}, 4), labels({1: "PER"}, 2), labels({}, 0))
        batch.index_instances(Vocabulary.from_instances(batch))
        tensor = batch.as_tensor_dict()["labels"]
        assert tensor.dtype == torch.long
        assert tensor.tolist() == [[1, 0, 2, 0], [0, 1, IGNORED_LABEL, IGNORED_LABEL], [IGNORED_LABEL] * 4]
        assert IGNORED_LABEL == torch.nn.CrossEntropyLoss().ignore_index

    def test_a_label_that_the_vocabulary_lacks_is_ignored_with_one_warning(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        vocabulary = Vocabulary.from_instances(instances(labels({0: "PER"}, 3)))
        warned: Set[str] = set()
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                batch = instances(labels({0: "GPE", 1: "PER"}, 3, warned), labels({2: "GPE"}, 3, warned))
                batch.index_instances(vocabulary)
        assert batch.as_tensor_dict()["labels"].tolist() == [[IGNORED_LABEL, 1, 0], [0, 0, IGNORED_LABEL]]
        messages = [record.getMessage() for record in caplog.records if "label" in record.getMessage()]
        assert messages == [
            "The label 'GPE' is not among the 2 that the model was trained with (NIL; PER): it cannot be "
            "predicted and counts as missed."
        ]
        assert warned == {"GPE"}

    def test_the_warning_comes_for_each_label(self, caplog: pytest.LogCaptureFixture) -> None:
        vocabulary = Vocabulary({"labels": {name: 1 for name in [NONE, *"ABCDEF"]}})
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                # Fields that share nothing know nothing of each other.
                labels({0: "GPE", 1: "LAW", 2: "GPE"}, 3).index(vocabulary)
        assert [record.args[0] for record in caplog.records] == ["GPE", "LAW"] * 2
        assert "among the 7 that the model was trained with (NIL; A; B; C; D; ...)" in caplog.text

    def test_what_fields_share_is_not_pickled(self) -> None:
        field = labels({0: "GPE"}, 1, {"LAW"})
        again = pickle.loads(pickle.dumps(field))
        assert again.warned == set() and again.labels == field.labels

    def test_other_namespace(self) -> None:
        field = SparseLabelField({1: "cat"}, 2, "none", label_namespace="animal_labels")
        batch = instances(field)
        vocabulary = Vocabulary.from_instances(batch)
        assert vocabulary.get_token_to_index_vocabulary("animal_labels") == {"none": 0, "cat": 1}
        batch.index_instances(vocabulary)
        assert batch.as_tensor_dict()["labels"].tolist() == [[0, 1]]

    def test_in_a_list_is_padded_by_empty_ones(self) -> None:
        batch = Batch(
            [
                Instance({"labels": ListField([labels({0: "PER"}, 2)])}),
                Instance({"labels": ListField([labels({}, 1), labels({0: "PER"}, 1)])}),
            ]
        )
        batch.index_instances(Vocabulary.from_instances(batch))
        ignored = IGNORED_LABEL
        tensor = batch.as_tensor_dict()["labels"]
        assert tensor.tolist() == [[[1, 0], [ignored, ignored]], [[0, ignored], [1, ignored]]]

    def test_for_people(self) -> None:
        field = labels({1: "PER"}, 3)
        assert len(field) == 3
        assert field.human_readable_repr() == [NONE, "PER", NONE]
        assert str(field) == "SparseLabelField of length 3, 'NIL' but for {1: 'PER'}"
