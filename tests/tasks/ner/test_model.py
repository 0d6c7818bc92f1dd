"""What the model predicts, its labels, metrics."""

import json
from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance, Vocabulary

from luke_allennlp.tasks.ner.examples import NIL
from luke_allennlp.tasks.ner.model import NerModel
from tests.tasks.support import FIXTURES, TASKS, make_model, make_reader, randomise, vocabulary_of
from tests.tasks.support import batch_of as tensors_of

NAME = "luke_ner"
LABELS = TASKS[NAME].labels


def instances_of(count: int = 9, **options: Any) -> List[Instance]:
    """The first sentences of the corpus, of all sizes."""
    return list(make_reader(NAME, **options).read(FIXTURES / "ner" / "dev.conll"))[:count]


def batch_of(instances: List[Instance], vocab: Optional[Vocabulary] = None) -> Dict[str, Any]:
    return tensors_of(instances, vocab or vocabulary_of(LABELS))


@pytest.fixture
def model() -> NerModel:
    return randomise(make_model(NAME))


@pytest.fixture
def batch() -> Dict[str, Any]:
    return batch_of(instances_of())


def test_predictions_are_the_best_labels(model: NerModel, batch: Dict[str, Any]) -> None:
    output = model(**batch)
    for row, data, predictions in zip(
        output["logits"], batch["metadata"], output["predictions"], strict=True
    ):
        expected = []
        for scores, (start, end) in zip(row, data["candidates"].tolist(), strict=False):
            best = int(scores.argmax())
            if LABELS[best] != NIL:
                logit = pytest.approx(scores[best].item(), rel=1e-6)
                score = pytest.approx(scores.softmax(-1)[best].item(), rel=1e-5)
                span = {"start": start, "end": end, "label": LABELS[best]}
                expected.append({**span, "logit": logit, "score": score})
        assert predictions == expected
    assert sum(map(len, output["predictions"])) > 20
    json.dumps(output["predictions"])
    # What has no metadata is not decoded.
    assert set(model(words=batch["words"], entities=batch["entities"])) == {"logits"}
    (output,) = model.forward_on_instances(instances_of(1))
    assert set(output) == {"predictions"}


def test_any_labels_in_any_namespace() -> None:
    vocab = vocabulary_of(["PER", "dose", NIL], "drug_labels")
    model = make_model(NAME, vocab, label_namespace="drug_labels").eval()
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([0.0, 50.0, 0.0]))
    instances = instances_of(label_namespace="drug_labels")
    outputs = model.forward_on_instances(instances)
    for instance, output in zip(instances, outputs, strict=True):
        assert len(output["predictions"]) == len(instance["entities"])
        assert {entity["label"] for entity in output["predictions"]} <= {"dose"}
    # Labels that this vocabulary lacks are left out of the loss.
    assert set(batch_of(instances, vocab)["labels"].unique().tolist()) == {-100, 0, 2}


def test_unknown_labels_count_in_no_loss(model: NerModel, batch: Dict[str, Any]) -> None:
    batch["labels"][:, 1:] = -100
    output = model(**batch)
    expected = torch.nn.functional.cross_entropy(output["logits"][:, 0], batch["labels"][:, 0])
    assert output["loss"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "labels", "message"),
    [
        ({}, ["O", "LOC"], "namespace 'labels' has no 'NIL'"),
        ({"label_namespace": "drugs"}, LABELS, "'drugs' has AllenNLP's padding and unknown tokens"),
        ({"flat": False, "paper_compatible": True}, LABELS, "set flat to true or paper_compatible"),
    ],
)
def test_mistakes(options: Dict[str, Any], labels: List[str], message: str) -> None:
    vocab = vocabulary_of(labels, options.get("label_namespace", "labels"))
    with pytest.raises(ConfigurationError, match=message):
        make_model(NAME, vocab, **options)


@pytest.mark.parametrize("flat", [True, False])
def test_scores_are_those_of_the_decoded_predictions(flat: bool) -> None:
    # Chunks of a sentence fall into different batches.
    instances = instances_of(count=60, max_entities=20)
    model = randomise(make_model(NAME, flat=flat))
    predicted: Dict[Any, List[Dict[str, Any]]] = {}
    gold: Dict[Any, Any] = {}
    for at in range(0, len(instances), 2):
        batch = batch_of(instances[at : at + 2])
        for data, found in zip(batch["metadata"], model(**batch)["predictions"], strict=True):
            key = (data["document"], data["sentence"])
            predicted.setdefault(key, []).extend(found)
            gold[key] = set(data["gold"])
    correct = total = 0
    for key, entities in predicted.items():
        chosen: List[Dict[str, Any]] = []
        for entity in sorted(entities, key=lambda entity: -entity["logit"]):
            free = all(e["end"] <= entity["start"] or entity["end"] <= e["start"] for e in chosen)
            if free or not flat:
                chosen.append(entity)
        total += len(chosen)
        correct += len({(e["start"], e["end"], e["label"]) for e in chosen} & gold[key])
    scores = model.get_metrics(reset=True)
    assert total > 20
    assert scores["precision"] == pytest.approx(correct / total)
    assert scores["recall"] == pytest.approx(correct / sum(map(len, gold.values())))
    assert not any(name.startswith("paper_") for name in scores)


def test_paper_compatible_scores_come_at_the_end(batch: Dict[str, Any]) -> None:
    model = randomise(make_model(NAME, paper_compatible=True))
    model(**batch)
    assert "paper_f1" not in model.get_metrics()
    assert {"f1", "paper_precision", "paper_recall", "paper_f1"} <= set(model.get_metrics(reset=True))
