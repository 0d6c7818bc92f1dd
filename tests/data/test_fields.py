"""The fields of the tasks' instances."""

import logging
import pickle
from collections import defaultdict
from typing import Any, Dict, List, Optional, Set

import numpy as np
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance, Vocabulary
from allennlp.data.fields import ListField
from allennlp.data.fields.field import Field
from allennlp.nn import util

from luke_allennlp.data.fields import (
    IGNORED_LABEL,
    EntityField,
    KnownLabelField,
    KnownMultiLabelField,
    SparseLabelField,
    SubwordField,
)

NONE = "NIL"


def batch_of(*fields: Field, vocabulary: Optional[Vocabulary] = None) -> Any:
    """The tensors of a batch with one field for each instance."""
    batch = Batch([Instance({"field": field}) for field in fields])
    batch.index_instances(vocabulary or Vocabulary.from_instances(batch))
    return batch.as_tensor_dict()["field"]


def in_lists(*lists: List[Field]) -> Any:
    return batch_of(*(ListField(fields) for fields in lists))


class TestSubwordField:
    def test_pads_what_is_shorter(self) -> None:
        tensors = batch_of(SubwordField([0, 7, 9, 2]), SubwordField(np.array([0, 2]), type_ids=[1, 1]))
        assert util.get_text_field_mask(tensors).tolist() == [[True] * 4, [True, True, False, False]]
        tensors = tensors["tokens"]
        assert tensors["token_ids"].tolist() == [[0, 7, 9, 2], [0, 2, 1, 1]]
        assert tensors["type_ids"].tolist() == [[0] * 4, [1, 1, 0, 0]]
        dtypes = [tensors[name].dtype for name in ("token_ids", "type_ids", "mask")]
        assert dtypes == [torch.long, torch.long, torch.bool]

    def test_is_a_sequence(self) -> None:
        field = SubwordField([0, 7, 2])
        assert len(field) == field.sequence_length() == 3
        assert list(field) == field.human_readable_repr() == [0, 7, 2]
        assert field == SubwordField([0, 7, 2]) != SubwordField([0, 7, 3])
        assert SubwordField([7], [1]) == SubwordField([7], [1]) != SubwordField([7], [0])
        assert field not in (SubwordField([0, 7, 2], [0, 0, 1]), SubwordField([0, 7, 2], padding_id=0))

    def test_in_a_list_is_padded_by_empty_ones(self) -> None:
        fields = [SubwordField(ids, padding_id=4) for ids in ([0, 7, 2], [0, 2], [3])]
        tensors = in_lists(fields[:1], fields[1:])["tokens"]
        assert tensors["token_ids"].tolist() == [[[0, 7, 2], [4, 4, 4]], [[0, 2, 4], [3, 4, 4]]]
        assert tensors["mask"].long().tolist() == [[[1, 1, 1], [0, 0, 0]], [[1, 1, 0], [1, 0, 0]]]

    def test_needs_a_segment_for_each(self) -> None:
        with pytest.raises(ValueError, match="3 sub-words came with 2 segment ids"):
            SubwordField([0, 7, 2], type_ids=[0, 0])


class TestEntityField:
    def test_pads_what_is_shorter(self) -> None:
        # In multilingual vocabularies 0 is [MASK].
        array = EntityField(np.array([0]), np.array([[4, 4]]))
        tensors = batch_of(EntityField([1, 1], [(1, 1), (2, 5)]), array, EntityField([], []))
        assert tensors["entity_ids"].tolist() == [[1, 1], [0, 0], [0, 0]]
        assert tensors["entity_spans"].tolist() == [[[1, 1], [2, 5]], [[4, 4], [-1, -1]], [[-1, -1]] * 2]
        assert tensors["entity_mask"].tolist() == [[True, True], [True, False], [False, False]]
        dtypes = [tensors[f"entity_{name}"].dtype for name in ("ids", "spans", "mask")]
        assert dtypes == [torch.long, torch.long, torch.bool]
        assert batch_of(EntityField([], []))["entity_spans"].shape == (1, 0, 2)

    def test_is_a_sequence(self) -> None:
        field = EntityField([1, 2], [(1, 1), (2, 5)])
        assert len(field) == field.sequence_length() == 2
        assert field.human_readable_repr() == {"ids": [1, 2], "spans": [[1, 1], [2, 5]]}
        assert field == EntityField([1, 2], [(1, 1), (2, 5)]) != EntityField([1, 2], [(1, 1), (2, 4)])

    def test_in_a_list_is_padded_by_empty_ones(self) -> None:
        tensors = in_lists([EntityField([1], [(1, 2)])], [EntityField([2], [(3, 4)]), EntityField([], [])])
        assert tensors["entity_ids"].tolist() == [[[1], [0]], [[2], [0]]]
        assert tensors["entity_mask"].tolist() == [[[True], [False]], [[True], [False]]]
        assert tensors["entity_spans"].tolist() == [[[[1, 2]], [[-1, -1]]], [[[3, 4]], [[-1, -1]]]]

    @pytest.mark.parametrize(
        "spans, message",
        [
            ([(1, 1)], "2 entities came with 1 spans"),
            ([(1, 1), (3, 2)], r"entity 1 has the span \(3, 2\); expected 0 <= first <= last"),
            ([(1, 1), (-1, 2)], r"entity 1 has the span \(-1, 2\)"),
        ],
    )
    def test_wrong_spans(self, spans: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            EntityField([1, 2], spans)


class TestKnownLabels:
    def test_become_what_allennlp_makes_of_them(self) -> None:
        labels = [KnownLabelField(label, "dev.json, record 1") for label in "aba"]
        vocab = Vocabulary.from_instances([Instance({"label": label}) for label in labels])
        indices = batch_of(*labels, vocabulary=vocab)
        assert [vocab.get_token_from_index(i, "labels") for i in indices.tolist()] == ["a", "b", "a"]
        types = [KnownMultiLabelField(names, "dev.json, record 1", "types") for names in ("xy", "", "y")]
        vocab = Vocabulary.from_instances([Instance({"types": names}) for names in types])
        x, y = (vocab.get_token_index(name, "types") for name in "xy")
        assert batch_of(*types, vocabulary=vocab)[:, [x, y]].tolist() == [[1, 1], [0, 0], [0, 1]]
        assert torch.equal(labels[0].empty_field().as_tensor({}), torch.tensor(-1))

    @pytest.mark.parametrize(
        "make, value", [(KnownLabelField, "c"), (KnownMultiLabelField, ["a", "c"])], ids=["one", "many"]
    )
    def test_unknown_ones(self, make: Any, value: Any) -> None:
        field = make(value, "dev.json, record 9")
        message = "dev.json, record 9: the label 'c' is not among the 2 .*'a'; 'b'"
        with pytest.raises(ConfigurationError, match=message):
            field.index(Vocabulary({"labels": {"a": 1, "b": 1}}))
        with pytest.raises(ConfigurationError, match=r"among the 40 .*'label\d+'; \.\.\.\)"):
            field.index(Vocabulary({"labels": {"a": 1, **{f"label{i}": 1 for i in range(39)}}}))


def labels(items: Dict[int, str], length: int, warned: Optional[Set[str]] = None) -> SparseLabelField:
    return SparseLabelField(items, length, NONE, warned=warned)


class TestSparseLabelField:
    def test_none_is_the_most_frequent_label(self) -> None:
        fields = (labels({0: "PER", 4: "LOC"}, 6), labels({1: "PER"}, 3), labels({}, 2))
        counter: Dict[str, Dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for field in fields:
            field.count_vocab_items(counter)
        assert dict(counter["labels"]) == {NONE: 8, "PER": 2, "LOC": 1}
        assert len(fields[1]) == 3 and fields[1].human_readable_repr() == [NONE, "PER", NONE]
        vocabulary = Vocabulary.from_instances([Instance({"labels": field}) for field in fields])
        assert vocabulary.get_token_to_index_vocabulary("labels") == {NONE: 0, "PER": 1, "LOC": 2}

    def test_pads_with_what_the_loss_ignores(self) -> None:
        tensor = batch_of(labels({0: "PER", 2: "LOC"}, 4), labels({1: "PER"}, 2), labels({}, 0))
        assert tensor.dtype == torch.long
        assert tensor.tolist() == [[1, 0, 2, 0], [0, 1, IGNORED_LABEL, IGNORED_LABEL], [IGNORED_LABEL] * 4]
        assert IGNORED_LABEL == torch.nn.CrossEntropyLoss().ignore_index

    def test_a_label_that_the_vocabulary_lacks_is_ignored_with_one_warning(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        vocabulary = Vocabulary({"labels": {NONE: 2, "PER": 1}})
        warned: Set[str] = set()
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                fields = labels({0: "GPE", 1: "PER"}, 3, warned), labels({2: "GPE"}, 3, warned)
                tensor = batch_of(*fields, vocabulary=vocabulary)
        assert tensor.tolist() == [[IGNORED_LABEL, 1, 0], [0, 0, IGNORED_LABEL]]
        messages = [record.getMessage() for record in caplog.records if "label" in record.getMessage()]
        assert messages == [
            "The label 'GPE' is not among the 2 that the model was trained with (NIL; PER): it cannot be "
            "predicted and counts as missed."
        ]
        assert warned == {"GPE"}
        # What fields share is not pickled.
        again = pickle.loads(pickle.dumps(fields[0]))
        assert again.warned == set() and again.labels == fields[0].labels

    def test_in_a_list_is_padded_by_empty_ones(self) -> None:
        tensor = in_lists([labels({0: "PER"}, 2)], [labels({}, 1), labels({0: "PER"}, 1)])
        ignored = IGNORED_LABEL
        assert tensor.tolist() == [[[1, 0], [ignored, ignored]], [[0, ignored], [1, ignored]]]
