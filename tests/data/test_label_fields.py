"""Labels that the model does not know are an error that names their record."""

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance, Vocabulary

from luke_allennlp.data.label_fields import KnownLabelField, KnownMultiLabelField


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
