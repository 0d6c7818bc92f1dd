"""Raw text in, answers with characters out."""

import json
from typing import Any, Callable, Dict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.tasks.reading_comprehension.predictor import ReadingComprehensionPredictor
from tests.tasks.support import FIXTURES, close, make_model, randomise

LONG = " ".join(f"Zoë {number} left Ísafold 🎉 at {number * 7} , said 白河澪 ." for number in range(12))
RECORD = {"question": "Who left Ísafold at 7?", "context": LONG}


def make_predictor(predictor: ReadingComprehensionPredictor, **options: Any) -> ReadingComprehensionPredictor:
    """With other options of the model."""
    model = randomise(make_model("luke_reading_comprehension", **options))
    return ReadingComprehensionPredictor(model, predictor._reader)


@pytest.fixture(scope="module")
def predictor(predictor_of: Callable[[str], Any]) -> ReadingComprehensionPredictor:
    return predictor_of("luke_reading_comprehension")


def check(output: Dict[str, Any], context: str) -> None:
    """What is true of any answer."""
    answers = output["nbest"]
    assert output["answer"] in answers
    assert len({answer["text"] for answer in answers}) == len(answers) <= 21
    scores = [answer["score"] for answer in answers]
    assert scores == sorted(scores, reverse=True)
    assert sum(answer["probability"] for answer in answers) == pytest.approx(1.0)
    for answer in answers:
        if answer["start"] is None:
            assert answer["text"] == "" and answer["end"] is None
        else:
            assert 0 <= answer["start"] < answer["end"] <= len(context)
            assert context[answer["start"] : answer["end"]] == answer["text"]


def test_answer(predictor: ReadingComprehensionPredictor) -> None:
    output = predictor.predict_json(RECORD)
    assert set(output) == {"question", "answer", "nbest"}
    assert output["question"] == RECORD["question"] and len(output["nbest"]) == 20
    assert output["answer"] == output["nbest"][0]
    assert set(output["answer"]) == {"text", "start", "end", "score", "probability"}
    check(output, LONG)
    json.dumps(output)
    assert predictor.predict(RECORD["question"], LONG) == output


def test_the_best_of_all_windows(predictor: ReadingComprehensionPredictor) -> None:
    reader, model = predictor._reader, predictor._model
    (example,) = reader.examples_from_json(RECORD, "here")
    windows = [
        model.forward_on_instance(reader.text_to_instance(item))["candidates"]
        for item in reader.items(example)
    ]
    assert len(windows) > 3
    best = max(candidates[0].score for candidates in windows)
    assert predictor.predict_json(RECORD)["answer"]["score"] == pytest.approx(best, abs=1e-5)


def test_dataset_records(predictor: ReadingComprehensionPredictor) -> None:
    path = FIXTURES / "data" / "squad" / "dev-v1.1.json"
    squad = json.loads(path.read_text(encoding="utf-8"))
    whole = predictor.predict_json(squad)["questions"]
    paragraphs = [paragraph for article in squad["data"] for paragraph in article["paragraphs"]]
    for records in (squad["data"], paragraphs):
        parts = predictor.predict_batch_json(records)
        assert whole == close([output for part in parts for output in part["questions"]])
    questions = [(part["context"], question) for part in paragraphs for question in part["qas"]]
    for output, (context, question) in zip(whole, questions, strict=True):
        assert (output["id"], output["question"]) == (question["id"], question["question"])
        check(output, context)
    # As with --use-dataset-reader.
    instances = list(predictor._dataset_reader.read(str(path)))
    assert predictor.predict_batch_instance(instances) == close(whole)


class TestNoAnswer:
    @pytest.mark.parametrize("threshold, is_none", [(-1e9, True), (1e9, False)])
    def test_threshold(
        self, predictor: ReadingComprehensionPredictor, threshold: float, is_none: bool
    ) -> None:
        predictor = make_predictor(predictor, allow_no_answer=True, null_score_threshold=threshold)
        output = predictor.predict_json(RECORD)
        check(output, LONG)
        none = [answer for answer in output["nbest"] if answer["text"] == ""]
        assert len(none) == 1 and len(output["nbest"]) == 21
        best = max(answer["score"] for answer in output["nbest"] if answer["text"])
        assert output["null_score"] == pytest.approx(none[0]["score"] - best)
        assert (output["answer"] == none[0]) == is_none

    def test_the_default_answers_always(self, predictor: ReadingComprehensionPredictor) -> None:
        # The best start and the best end alone: mostly they are no answer together.
        predictor = make_predictor(predictor, n_best=1)
        reader, model = predictor._reader, predictor._model
        (example,) = reader.examples_from_json({**RECORD, "context": LONG[:120]}, "here")
        instances = [reader.text_to_instance(item) for item in reader.items(example)]
        candidates = [output["candidates"] for output in model.forward_on_instances(instances)]
        assert not any(candidate.is_ranked for (candidate,) in candidates)
        output = predictor.predict_json({**RECORD, "context": LONG[:120]})
        assert output["answer"]["text"] and len(output["nbest"]) == 1
        check(output, LONG)


@settings(deadline=None, max_examples=40)
@given(
    question=st.text(max_size=20),
    context=st.text(
        alphabet=st.one_of(
            st.sampled_from("ab Zoë Ísafold 🎉👩‍🚀 白河 שלום مرحبا e\u0301\u200b\t\n\u202f\u00a0.,'"),
            st.characters(exclude_categories=["Cs"]),
        ),
        min_size=1,
        max_size=150,
    ).filter(str.strip),
)
def test_any_text(predictor: ReadingComprehensionPredictor, question: str, context: str) -> None:
    output = predictor.predict_json({"question": question, "context": context})
    check(output, context)
    assert output["question"] == question
