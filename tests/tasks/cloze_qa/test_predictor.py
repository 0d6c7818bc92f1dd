"""Raw input to ranked candidates."""

import json
from typing import Any, Callable, Dict, List, Tuple

import pytest
import torch

from luke_allennlp.tasks.cloze_qa.predictor import ClozeQaPredictor
from tests.tasks.support import FIXTURES, TEXT, close


@pytest.fixture(scope="module")
def predictor(predictor_of: Callable[[str], Any]) -> ClozeQaPredictor:
    return predictor_of("luke_cloze_qa")


def check(output: Dict[str, Any], passage: str, candidates: List[Tuple[int, int]]) -> None:
    """What holds for any output."""
    assert set(output) == {"id", "query", "answer", "candidates"}
    found = output["candidates"]
    assert sorted((c["start"], c["end"]) for c in found) == sorted(set(candidates))
    for candidate in found:
        assert set(candidate) == {"text", "start", "end", "logit", "probability"}
        assert passage[candidate["start"] : candidate["end"]] == candidate["text"]
    scored = [candidate for candidate in found if candidate["logit"] is not None]
    # What was not scored comes last.
    assert scored == found[: len(scored)]
    assert scored == sorted(scored, key=lambda candidate: -candidate["logit"])
    for candidate in scored:
        probability = torch.tensor(candidate["logit"]).sigmoid().item()
        assert candidate["probability"] == pytest.approx(probability, abs=1e-6)
    best = found[0] if found else {"text": "", "start": None, "end": None, "probability": None}
    names = {"text": "text", "start": "start", "end": "end", "score": "probability"}
    assert output["answer"] == {name: best[key] for name, key in names.items()}
    json.dumps(output, allow_nan=False)


class TestForms:
    def test_spans_and_strings(self, predictor: ClozeQaPredictor) -> None:
        spans = [(0, 3), (22, 26), (30, 33)]
        output = predictor.predict(TEXT, "@placeholder came, too", spans)
        check(output, TEXT, spans)
        assert output["query"] == "@placeholder came, too" and output["id"] == "0"
        assert len({candidate["logit"] for candidate in output["candidates"]}) == 3
        record = {"passage": TEXT, "query": output["query"], "candidates": ["Zoë", "Rask"], "id": "a"}
        assert predictor.predict_json(record) == close({**output, "id": "a"})

    def test_nothing_to_choose_from(self, predictor: ClozeQaPredictor) -> None:
        check(predictor.predict("Zoë", "@placeholder", []), "Zoë", [])
        # Longer than any window.
        text = "Zoë " * 80
        output = predictor.predict(text, "@placeholder", [(0, len(text))])
        check(output, text, [(0, len(text))])
        assert output["candidates"][0]["logit"] is None and output["answer"]["text"] == text
        # One that fits comes first.
        output = predictor.predict(text, "@placeholder", [(0, len(text)), (40, 43)])
        check(output, text, [(0, len(text)), (40, 43)])
        assert [candidate["start"] for candidate in output["candidates"]] == [40, 0]

    def test_dataset_records(self, predictor: ClozeQaPredictor) -> None:
        whole = json.loads((FIXTURES / "data" / "record" / "dev.json").read_text(encoding="utf-8"))
        outputs = iter(predictor.predict_json(whole)["questions"])
        for article in whole["data"]:
            text = article["passage"]["text"]
            spans = [(span["start"], span["end"] + 1) for span in article["passage"]["entities"]]
            for question in article["qas"]:
                found = next(outputs)
                check(found, text, spans)
                assert found["id"] == question["id"] and found["query"] == question["query"]
                expected = predictor.predict(text, question["query"], spans)
                assert found == close({**expected, "id": found["id"]})
        assert not list(outputs)


def test_best_window_of_a_mention(predictor: ClozeQaPredictor) -> None:
    record = {"passage": (TEXT + " ") * 5, "query": "It was @placeholder", "candidates": ["Zoë", "Vexford"]}
    reader, model = predictor._reader, predictor._model
    (example,) = reader.examples_from_json(record, "x")
    windows = reader.items(example)
    logits: Dict[Tuple[int, int], List[float]] = {}
    for window in windows:
        for found in model.forward_on_instance(reader.text_to_instance(window))["predictions"]:
            logits.setdefault((found["start"], found["end"]), []).append(found["logit"])
    assert len(windows) > 1 and max(map(len, logits.values())) > 1
    output = predictor.predict_json(record)
    found = {(c["start"], c["end"]): c["logit"] for c in output["candidates"]}
    assert found == close({span: max(values) for span, values in logits.items()})
