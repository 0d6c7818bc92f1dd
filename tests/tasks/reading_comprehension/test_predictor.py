"""Raw text in, answers with characters out."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models.archival import archive_model
from allennlp.predictors import Predictor
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.reading_comprehension.model import ReadingComprehensionModel
from luke_allennlp.tasks.reading_comprehension.predictor import ReadingComprehensionPredictor
from luke_allennlp.tasks.reading_comprehension.reader import ReadingComprehensionReader
from luke_allennlp.token_embedders import LukeEmbedder

LONG = " ".join(f"Zoë {number} left Ísafold 🎉 at {number * 7} , said 白河澪 ." for number in range(12))
RECORD = {"question": "Who left Ísafold at 7?", "context": LONG}
_MADE: Dict[str, ReadingComprehensionPredictor] = {}


def make_predictor(directory: Path, **options: Any) -> ReadingComprehensionPredictor:
    """A model whose weights are far from zero; it answers anything."""
    name = str(directory / "tiny-luke")
    reader = ReadingComprehensionReader(WordTokenizer(name), max_length=64, stride=24, max_question_length=16)
    model = ReadingComprehensionModel(
        Vocabulary(), LukeEmbedder(name, freeze_entity_table=True), max_answer_length=8, **options
    )
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        model.qa_outputs.weight.zero_()  # what it was drawn as depends on what was drawn before
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return ReadingComprehensionPredictor(model, reader, batch_size=3)


@pytest.fixture(scope="module")
def predictor(fixtures_dir: Path) -> ReadingComprehensionPredictor:
    return make_predictor(fixtures_dir)


def close(output: Any) -> Any:
    """Equal but for the last digits of numbers."""
    if isinstance(output, dict):
        return {name: close(value) for name, value in output.items()}
    if isinstance(output, list):
        return [close(value) for value in output]
    return pytest.approx(output, abs=1e-5) if isinstance(output, float) else output


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


def test_batches(predictor: ReadingComprehensionPredictor) -> None:
    records = [RECORD, {"question": "Who?", "context": "Zoë"}, {**RECORD, "question": "Where 🎉?"}]
    together = predictor.predict_batch_json(records)
    alone = [predictor.predict_json(record) for record in records]
    assert together == close(alone)
    assert [output["question"] for output in together] == [record["question"] for record in records]


def test_dataset_records(predictor: ReadingComprehensionPredictor, fixtures_dir: Path) -> None:
    path = fixtures_dir / "data" / "squad" / "dev-v1.1.json"
    squad = json.loads(path.read_text(encoding="utf-8"))
    whole = predictor.predict_json(squad)["questions"]
    articles = [predictor.predict_json(article)["questions"] for article in squad["data"]]
    paragraphs = [
        predictor.predict_json(paragraph)["questions"]
        for article in squad["data"]
        for paragraph in article["paragraphs"]
    ]
    assert whole == close([output for part in articles for output in part])
    assert whole == close([output for part in paragraphs for output in part])
    questions = [
        (paragraph["context"], question)
        for article in squad["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]
    assert len(questions) == len(whole)
    for output, (context, question) in zip(whole, questions, strict=True):
        assert (output["id"], output["question"]) == (question["id"], question["question"])
        check(output, context)
    # As with --use-dataset-reader.
    instances = list(predictor._dataset_reader.read(str(path)))
    assert predictor.predict_batch_instance(instances) == close(whole)


class TestNoAnswer:
    @pytest.mark.parametrize("threshold, is_none", [(-1e9, True), (1e9, False)])
    def test_threshold(self, fixtures_dir: Path, threshold: float, is_none: bool) -> None:
        predictor = make_predictor(fixtures_dir, allow_no_answer=True, null_score_threshold=threshold)
        output = predictor.predict_json(RECORD)
        check(output, LONG)
        none = [answer for answer in output["nbest"] if answer["text"] == ""]
        assert len(none) == 1 and len(output["nbest"]) == 21
        best = max(answer["score"] for answer in output["nbest"] if answer["text"])
        assert output["null_score"] == pytest.approx(none[0]["score"] - best)
        assert (output["answer"] == none[0]) == is_none

    def test_the_default_answers_always(self, fixtures_dir: Path) -> None:
        # The best start and the best end alone: mostly they are no answer together.
        predictor = make_predictor(fixtures_dir, n_best=1)
        reader, model = predictor._reader, predictor._model
        (example,) = reader.examples_from_json({**RECORD, "context": LONG[:120]}, "here")
        instances = [reader.text_to_instance(item) for item in reader.items(example)]
        candidates = [output["candidates"] for output in model.forward_on_instances(instances)]
        assert not any(candidate.is_ranked for (candidate,) in candidates)
        output = predictor.predict_json({**RECORD, "context": LONG[:120]})
        assert output["answer"]["text"] and len(output["nbest"]) == 1
        check(output, LONG)


class TestWrong:
    @pytest.mark.parametrize(
        "record, message",
        [
            ({"question": "a"}, "input 2: 'context' is missing"),
            ({"text": "a"}, r"input 2: has only the keys \['text'\]"),
            ({"question": "a", "context": ""}, "input 2: 'context' is blank"),
            (["a"], "input 2: found .*; expected a JSON object"),
        ],
    )
    def test_inputs(self, fixtures_dir: Path, record: Any, message: str) -> None:
        predictor = _MADE.setdefault("wrong", make_predictor(fixtures_dir))
        predictor._inputs = 0
        with pytest.raises(ConfigurationError, match=message):
            predictor.predict_batch_json([{"question": "a", "context": "b"}, record])


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
def test_any_text(fixtures_dir: Path, question: str, context: str) -> None:
    predictor = _MADE.setdefault("any", make_predictor(fixtures_dir))
    output = predictor.predict_json({"question": question, "context": context})
    check(output, context)
    assert output["question"] == question


def test_archive(
    fixtures_dir: Path,
    tmp_path: Path,
    predictor: ReadingComprehensionPredictor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = str(fixtures_dir / "tiny-luke")
    config = {
        "dataset_reader": {
            "type": "luke_reading_comprehension",
            "tokenizer": {"type": "luke", "model_name": name},
            "max_length": 64,
            "stride": 24,
            "max_question_length": 16,
        },
        "model": {
            "type": "luke_reading_comprehension",
            "embedder": {"type": "luke", "model_name": name, "freeze_entity_table": True},
            "max_answer_length": 8,
        },
    }
    Params(config).to_file(str(tmp_path / "config.json"))
    predictor._model.vocab.save_to_files(str(tmp_path / "vocabulary"))
    torch.save(predictor._model.state_dict(), tmp_path / "best.th")
    archive_model(tmp_path)
    loaded = Predictor.from_path(str(tmp_path / "model.tar.gz"))
    assert isinstance(loaded, ReadingComprehensionPredictor)
    lines: List[str] = (fixtures_dir / "data" / "squad" / "questions.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert loaded.predict_batch_json(records) == close(predictor.predict_batch_json(records))
