"""Raw input to types."""

import json
from typing import Any, Callable, Dict

import pytest

from luke_allennlp.tasks.entity_typing.predictor import EntityTypingPredictor
from tests.tasks.support import TASKS

LABELS = TASKS["luke_entity_typing"].labels


@pytest.fixture(scope="module")
def predictor(predictor_of: Callable[[str], Any]) -> EntityTypingPredictor:
    return predictor_of("luke_entity_typing")


def check(output: Dict[str, Any]) -> None:
    """What holds for any output."""
    assert list(output) == ["text", "span", "mention", "labels", "probabilities"]
    assert output["text"][slice(*output["span"])] == output["mention"] != ""
    assert list(output["probabilities"]) == LABELS
    assert all(0 < probability < 1 for probability in output["probabilities"].values())
    found = {label["label"]: label["probability"] for label in output["labels"]}
    assert found == {label: value for label, value in output["probabilities"].items() if value > 0.5}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    json.dumps(output)


def test_forms(predictor: EntityTypingPredictor) -> None:
    output = predictor.predict("Zoë left Vexford .", (9, 16))
    check(output)
    assert (output["text"], output["span"], output["mention"]) == ("Zoë left Vexford .", [9, 16], "Vexford")
    # Given types are not looked at, whether the model knows them or not.
    array = {"sent": "Zoë left Vexford .", "start": 9, "end": 16, "labels": ["ship"]}
    ultra_fine = {
        "left_context_token": ["Zoë", "left"],
        "mention_span": "Vexford",
        "right_context_token": ["."],
        "y_str": ["ship", "place"],
    }
    assert predictor.predict_json(array) == predictor.predict_json(ultra_fine) == output
