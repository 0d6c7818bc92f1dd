"""What the model predicts, and with AllenNLP's own embedder."""

import json
from typing import Any, Dict

import pytest
import torch
from allennlp.modules.token_embedders import PretrainedTransformerEmbedder

from luke_allennlp.tasks.entity_typing.model import EntityTypingModel
from tests.tasks.support import FIXTURES, data_batch, instances_of, make_model, randomise

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


def test_transformer_embedder_of_allennlp() -> None:
    # It has no row for a marker of ours; a token of its own will do.
    name = "tiny-roberta"
    batch, vocab = data_batch(NAME, name, marker="@")
    options: Dict[str, Any] = {"use_entity_state": False, "use_word_states": True}
    embedder = PretrainedTransformerEmbedder(str(FIXTURES / name))
    theirs = EntityTypingModel(vocab, embedder, **options).eval()
    without: Dict[str, Any] = {"entities": [], "marker_tokens": None}
    ours = make_model(NAME, vocab, name, embedder=without, **options).eval()
    ours.classifier.load_state_dict(theirs.classifier.state_dict())
    torch.testing.assert_close(ours(**batch)["logits"], theirs(**batch)["logits"], atol=1e-5, rtol=1e-5)
