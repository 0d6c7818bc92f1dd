"""The formula on transformers' states, predictions, corner cases, the metric."""

from typing import Any, Dict, List

import pytest
import torch
from allennlp.data import Instance
from transformers import LukeModel

from luke_allennlp.tasks.cloze_qa.examples import questions_of
from luke_allennlp.tasks.cloze_qa.metric import ClozePrediction, ClozeQaMetric
from tests.tasks.support import (
    FIXTURES,
    batch_of,
    huggingface,
    huggingface_inputs,
    make_model,
    make_reader,
    randomise,
)

NAME = "luke_cloze_qa"
WORDS_ALONE = {"use_entity_state": False, "use_word_states": True}


@pytest.fixture(autouse=True)
def fixed_weights() -> None:
    torch.manual_seed(1)


def read(**options: Any) -> List[Instance]:
    path = FIXTURES / "data" / "record" / "train.json"
    return list(make_reader(NAME, **options).read(str(path)))


@pytest.mark.parametrize("entity_aware", [True, False])
def test_equals_the_formula(entity_aware: bool) -> None:
    model = randomise(make_model(NAME, embedder={"entity_aware_attention": entity_aware}))
    instances = read(max_length=100)
    batch = batch_of([*instances[:7], *instances[-2:]])
    entities = batch["entities"]
    mask = entities["entity_mask"][:, 1:]
    assert not batch["words"]["tokens"]["mask"].all() and not mask.all()
    assert (entities["entity_spans"][..., 1] - entities["entity_spans"][..., 0]).max() == 29
    with torch.no_grad():
        ours = model(**batch)
        theirs = huggingface(LukeModel, model.embedder)(**huggingface_inputs(batch))
        states = theirs.entity_last_hidden_state
        # The placeholder is the first entity; the weight's first half is its own, the second the candidate's.
        for_placeholder, for_candidate = model.scorer.weight[0].chunk(2)
        expected = states[:, :1] @ for_placeholder + states[:, 1:] @ for_candidate + model.scorer.bias
    logits = expected[mask]
    assert ours["logits"][mask].std() > 0.1
    torch.testing.assert_close(ours["logits"][mask], logits, atol=1e-5, rtol=1e-5)
    assert (ours["logits"][~mask] == torch.finfo(torch.float32).min).all()
    # Over all candidates of the batch alike.
    right = batch["labels"][mask]
    assert 0 < right.sum() < len(right)
    loss = -(right * logits.sigmoid().log() + (1 - right) * (-logits).sigmoid().log()).sum() / mask.sum()
    assert ours["loss"].item() == pytest.approx(loss.item(), rel=1e-5)


def test_placeholder_beyond_the_tokens() -> None:
    query = "It was " + "said " * 40 + "@placeholder"
    (example,) = questions_of({"passage": "Zoë", "query": query, "candidates": ["Zoë"]}, "x")
    reader = make_reader(NAME, cut_placeholder=True)
    (window,) = reader.items(example)
    assert window.placeholder >= len(window.input.ids)
    for options in ({}, WORDS_ALONE):
        model = randomise(make_model(NAME, **options))
        (found,) = model.forward_on_instance(reader.text_to_instance(window))["predictions"]
        assert found["text"] == "Zoë"


def test_best_window_of_a_question_decides() -> None:
    model, instances = randomise(make_model(NAME)), read()
    assert max(instance["metadata"].metadata["num_windows"] for instance in instances) > 2
    best: Dict[int, Any] = {}
    for at in range(0, len(instances), 3):
        batch = batch_of(instances[at : at + 3])
        output = model(**batch)
        for data, row in zip(batch["metadata"], output["logits"], strict=True):
            for text, logit in zip(data["texts"], row.tolist(), strict=False):
                if data["key"] not in best or logit > best[data["key"]].logit:
                    best[data["key"]] = ClozePrediction(text, logit, 0, tuple(data["answers"]))
    expected = ClozeQaMetric()
    expected(best.items())
    scores = model.get_metrics(reset=True)
    assert len(best) == 47 and 0 < scores["em"] < 100
    assert scores == pytest.approx(expected.get_metric(reset=True))
