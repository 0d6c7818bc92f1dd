"""Raw input to types: forms, offsets, batches, files, mistakes."""

import json
from typing import Any, Callable, Dict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.tasks.entity_typing.predictor import EntityTypingPredictor
from tests.tasks.support import TASKS

LABELS = TASKS["luke_entity_typing"].labels


@pytest.fixture(scope="module")
def predictor(predictor_of: Callable[[str], Any]) -> EntityTypingPredictor:
    return predictor_of("luke_entity_typing")


def check(output: Dict[str, Any]) -> None:
    """What holds for any output."""
    assert list(output) == ["text", "span", "mention", "labels", "probabilities"]
    start, end = output["span"]
    assert output["text"][start:end] == output["mention"] != ""
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


TEXTS = st.text(
    st.one_of(
        st.sampled_from("abcABC .,'\"!-\n\t\u00a0\u200d\u0301\ud83d\ude00🎉👩ß字שלוםم"),
        st.characters(exclude_categories=[]),
    ),
    min_size=1,
    max_size=40,
).filter(str.strip)


@given(TEXTS, st.data())
@settings(max_examples=60, deadline=None)
def test_any_text(predictor: EntityTypingPredictor, text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    output = predictor.predict(text, (start, end))
    check(output)
    assert output["span"] == [start, end]
    # But for halves of surrogate pairs, which JSON can hold and UTF-8 cannot, it is the input's text.
    for ours, theirs in zip(output["text"], text, strict=True):
        assert ours == theirs or ("\ud800" <= theirs <= "\udfff" and ours == "\ufffd")
