import logging
import pickle
from collections import defaultdict
from typing import Dict, Optional, Set

import pytest
import torch
from allennlp.data import Batch, Instance, Vocabulary
from allennlp.data.fields import ListField

from luke_allennlp.data.sparse_label_field import IGNORED_LABEL, SparseLabelField

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
