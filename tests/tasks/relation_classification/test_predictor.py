"""Raw input to relations."""

import json
from typing import Any, Callable, Dict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.tasks.relation_classification.predictor import RelationPredictor
from tests.tasks.support import CHARACTERS, TASKS, close

TOKENS = ["Zoë", "Rask", "met", "👩\u200d🚀", "Marlow"]
TACRED = {"token": TOKENS, "subj_start": 0, "subj_end": 1, "obj_start": 4, "obj_end": 4}
RECORD: Dict[str, Any] = {"text": " ".join(TOKENS), "head": [0, 8], "tail": [17, 23]}
LABELS = TASKS["luke_relation_classification"].labels


@pytest.fixture(scope="module")
def predictor(predictor_of: Callable[[str], Any]) -> RelationPredictor:
    return predictor_of("luke_relation_classification")


def check(output: Dict[str, Any]) -> None:
    """What holds for any output."""
    assert list(output) == ["text", "head", "tail", "label", "probability", "probabilities"]
    for name in ("head", "tail"):
        entity = output[name]
        assert output["text"][entity["start"] : entity["end"]] == entity["text"] != ""
    assert set(output["probabilities"]) == set(LABELS)
    assert sum(output["probabilities"].values()) == pytest.approx(1)
    assert output["probability"] == max(output["probabilities"].values())
    assert output["probabilities"][output["label"]] == output["probability"]
    json.dumps(output)


def test_forms(predictor: RelationPredictor) -> None:
    output = predictor.predict_json(RECORD)
    check(output)
    assert output["text"] == RECORD["text"]
    assert output["head"] == {"text": "Zoë Rask", "start": 0, "end": 8}
    assert output["tail"] == {"text": "Marlow", "start": 17, "end": 23}
    # What a record says of the relation is not looked at, nor must it be known.
    assert predictor.predict_json({**TACRED, "relation": "x"}) == output
    # Direction matters.
    turned = predictor.predict(RECORD["text"], RECORD["tail"], RECORD["head"])
    assert turned["tail"] == output["head"]
    assert turned["probabilities"] != pytest.approx(output["probabilities"], abs=1e-3)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_text(predictor: RelationPredictor, data: st.DataObject) -> None:
    text = data.draw(st.text(CHARACTERS, min_size=1, max_size=30).filter(str.strip))
    record: Dict[str, Any] = {"text": text}
    for name in ("head", "tail"):
        start = data.draw(st.integers(0, len(text) - 1))
        record[name] = [start, data.draw(st.integers(start + 1, len(text)))]
    output = predictor.predict_json(record)
    check(output)
    assert [output["head"]["start"], output["head"]["end"]] == record["head"]
    # But for halves of surrogate pairs, which JSON can hold and UTF-8 cannot, it is the input's text.
    assert len(output["text"]) == len(text)
    output["text"].encode()


def test_empty_mention(predictor: RelationPredictor, caplog: pytest.LogCaptureFixture) -> None:
    output = predictor.predict_json({"text": "Rask left.", "head": [5, 5], "tail": [0, 4]})
    assert output["head"] == {"text": "", "start": 5, "end": 5}
    assert "there is no text in head: its markers are adjacent" in caplog.text
    # The output is a valid input.
    assert predictor.predict_json(output) == close(output)
