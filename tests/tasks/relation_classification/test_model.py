"""The model's output, its rows of head and tail, and its options."""

import json
from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.common.checks import ConfigurationError

from tests.tasks.support import data_batch, instances_of, make_model, randomise, vocabulary_of

NAME = "luke_relation_classification"


def test_output() -> None:
    batch, vocab = data_batch(NAME)
    model = randomise(make_model(NAME, vocab))
    labels = vocab.get_token_to_index_vocabulary("labels")
    outputs = model.forward_on_instances(instances_of(NAME))
    for row, output in zip(model(**batch)["logits"], outputs, strict=True):
        found = {labels[label]: share for label, share in output["probabilities"].items()}
        assert found == pytest.approx(dict(enumerate(row.softmax(-1).tolist())), abs=1e-6)
        shares = list(output["probabilities"].values())
        assert shares == sorted(shares, reverse=True) and output["probability"] == shares[0]
        assert labels[output["label"]] == int(row.argmax())
        json.dumps(output)


def test_head_and_tail_start_equal_and_are_trained_separately() -> None:
    batch, vocab = data_batch(NAME)
    model = make_model(NAME, vocab)
    rows = model.embedder.luke.entity_embeddings.entity_embeddings.weight
    assert rows.shape[0] == 3 and torch.equal(rows[1], rows[2])
    model(**batch)["loss"].backward()
    assert rows.grad[1].any() and rows.grad[2].any() and not rows.grad[0].any()
    assert not torch.equal(rows.grad[1], rows.grad[2])


@pytest.mark.parametrize(("labels", "warned"), [(["x"], True), (["x", "y"], False)])
def test_one_relation_alone(labels: List[str], warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    make_model(NAME, vocabulary_of(labels))
    assert ("The only relation in the training data is 'x'" in caplog.text) == warned


def test_bias() -> None:
    without, with_ = make_model(NAME), make_model(NAME, classifier_bias=True)
    assert without.classifier.bias is None
    assert with_.classifier.bias.shape == (3,) and not with_.classifier.bias.any()


@pytest.mark.parametrize(
    ("labels", "option", "expected"),
    [
        (["a", "no_relation"], None, "no_relation"),
        (["a", "Other"], None, "Other"),
        (["a", "Other", "no_relation"], None, "no_relation"),
        (["a", "b"], None, None),
        (["a", "Other"], "a", "a"),
        (["a", "Other"], "", None),
    ],
)
def test_negative_label(labels: List[str], option: Optional[str], expected: Optional[str]) -> None:
    assert make_model(NAME, vocabulary_of(labels), negative_label=option).negative_label == expected


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (["a"], {"negative_label": "none"}, "namespace 'labels' has no 'none', the negative label"),
        ([], {}, "namespace 'labels' is empty"),
        (["a"], {"label_namespace": "drugs"}, "namespace 'drugs' is empty|padding and unknown"),
        (["a"], {"embedder": {"entities": ["[PAD]", "[MASK]"]}}, r"entities \['\[PAD\]', .*; expected"),
    ],
)
def test_mistakes(labels: List[str], options: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_model(NAME, vocabulary_of(labels), **options)
