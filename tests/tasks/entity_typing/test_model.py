"""What the model predicts."""

import json

import pytest
import torch

from tests.tasks.support import data_batch, instances_of, make_model, randomise

NAME = "luke_entity_typing"


def test_predictions_are_the_types_above_zero() -> None:
    batch, vocab = data_batch(NAME)
    model = randomise(make_model(NAME, vocab))
    names = list(vocab.get_token_to_index_vocabulary("labels"))
    number = 0
    outputs = model.forward_on_instances(instances_of(NAME))
    for row, output in zip(model(**batch)["logits"].tolist(), outputs, strict=True):
        assert set(output) == {"labels", "probabilities"}
        ranked = sorted(zip(row, names, strict=True), reverse=True)
        assert output["labels"] == [label for logit, label in ranked if logit > 0]
        expected = dict(zip(names, torch.tensor(row).sigmoid().tolist(), strict=True))
        assert output["probabilities"] == pytest.approx(expected, abs=1e-5)
        assert list(output["probabilities"]) == names
        number += len(output["labels"])
        json.dumps(output)
    assert 10 < number < 12 * len(names) - 10
    # Zero is not enough.
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.zero_()
    assert all(output["labels"] == [] for output in model.forward_on_instances(instances_of(NAME)))
