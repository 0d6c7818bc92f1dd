"""Raw input to relations: forms, batches, files, mistakes."""

import io
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.commands import main
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models.archival import archive_model
from allennlp.predictors import Predictor
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.relation_classification.model import RelationModel
from luke_allennlp.tasks.relation_classification.predictor import RelationPredictor
from luke_allennlp.tasks.relation_classification.reader import RelationReader
from luke_allennlp.token_embedders import LukeEmbedder

LABELS = ["no_relation", "per:spouse", "per:title"]
MARKERS = {"[HEAD]": "@", "[TAIL]": "#"}
ENTITIES = ["[PAD]", "[MASK]", "[MASK]"]

TACRED = {
    "token": ["Zoë", "Rask", "met", "👩\u200d🚀", "Marlow"],
    "subj_start": 0,
    "subj_end": 1,
    "obj_start": 4,
    "obj_end": 4,
}
RECORDS: List[Dict[str, Any]] = [
    {"text": "Zoë Rask met 👩\u200d🚀 Marlow", "head": [0, 8], "tail": [17, 23]},
    {"text": "Marlow", "head": {"start": 0, "end": 6}, "tail": {"start": 0, "end": 3}},
    TACRED,
    {"text": "Tavin and " + "then " * 40 + "Orsa", "head": [210, 214], "tail": [0, 5], "label": "unheard of"},
]


def make_predictor(fixtures: Path, batch_size: int = 8) -> RelationPredictor:
    """Untrained, but with weights that tell inputs apart."""
    vocab = Vocabulary()
    for label in LABELS:
        vocab.add_token_to_namespace(label, "labels")
    torch.manual_seed(7)
    name = str(fixtures / "tiny-luke")
    model = RelationModel(vocab, LukeEmbedder(name, entities=ENTITIES, marker_tokens=MARKERS)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
    return RelationPredictor(model, RelationReader(WordTokenizer(name, list(MARKERS))), batch_size)


@pytest.fixture(scope="module")
def predictor(fixtures_dir: Path) -> RelationPredictor:
    return make_predictor(fixtures_dir)


def about(output: Dict[str, Any]) -> Dict[str, Any]:
    """The same output, with probabilities that need not be equal to the last bit."""
    return {
        **output,
        "probability": pytest.approx(output["probability"], abs=1e-5),
        "probabilities": pytest.approx(output["probabilities"], abs=1e-5),
    }


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


class TestForms:
    def test_text(self, predictor: RelationPredictor) -> None:
        output = predictor.predict_json(RECORDS[0])
        check(output)
        assert output["text"] == RECORDS[0]["text"]
        assert output["head"] == {"text": "Zoë Rask", "start": 0, "end": 8}
        assert output["tail"] == {"text": "Marlow", "start": 17, "end": 23}

    def test_tacred(self, predictor: RelationPredictor) -> None:
        assert predictor.predict_json(TACRED) == predictor.predict_json(RECORDS[0])
        # What the record says of the relation is not looked at, nor must it be known.
        assert predictor.predict_json({**TACRED, "relation": "x"}) == predictor.predict_json(TACRED)

    def test_outputs_are_inputs(self, predictor: RelationPredictor) -> None:
        output = predictor.predict_json(RECORDS[1])
        assert predictor.predict_json(output) == output

    def test_direction_matters(self, predictor: RelationPredictor) -> None:
        record = RECORDS[0]
        turned = {**record, "head": record["tail"], "tail": record["head"]}
        one, other = predictor.predict_batch_json([record, turned])
        assert one["head"] == other["tail"]
        assert one["probabilities"] != pytest.approx(other["probabilities"], abs=1e-3)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_text(predictor: RelationPredictor, data: st.DataObject) -> None:
    characters = st.one_of(
        st.sampled_from("abc .,'\"\n\t\u00a0\u200d\u0301\u2028🎉👩ß字گשا"),
        st.characters(exclude_categories=[]),
    )
    text = data.draw(st.text(characters, min_size=1, max_size=30).filter(str.strip))
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


class TestBatches:
    @pytest.mark.parametrize("batch_size", [1, 3, 100])
    def test_equal_single_inputs(
        self, fixtures_dir: Path, predictor: RelationPredictor, batch_size: int
    ) -> None:
        outputs = make_predictor(fixtures_dir, batch_size).predict_batch_json(RECORDS)
        assert len(outputs) == len(RECORDS)
        for record, output in zip(RECORDS, outputs, strict=True):
            check(output)
            assert output == about(predictor.predict_json(record))

    def test_none(self, predictor: RelationPredictor) -> None:
        assert predictor.predict_batch_json([]) == []


class TestFiles:
    @pytest.mark.parametrize(
        "name", ["tacred/test.json", "kbp37/test.txt", "semeval2010_task8/test.txt", "relations/odd.jsonl"]
    )
    def test_own_reader(self, predictor: RelationPredictor, fixtures_dir: Path, name: str) -> None:
        path = str(fixtures_dir / "data" / name)
        examples = list(predictor._reader.read_examples(path))
        outputs = predictor.predict_batch_instance(list(predictor._dataset_reader.read(path)))
        assert len(outputs) == len(examples)
        for example, output in zip(examples, outputs, strict=True):
            check(output)
            record = {"text": example.text, "head": example.head, "tail": example.tail}
            assert output == about(predictor.predict_json(record))

    def test_instances_of_another_reader(self, predictor: RelationPredictor) -> None:
        [example] = predictor._reader.examples_from_json(TACRED, "here")
        instance = predictor._reader.text_to_instance(predictor._reader.items(example)[0])
        with pytest.raises(ConfigurationError, match="takes instances of its own reader"):
            predictor.predict_instance(instance)


class TestMistakes:
    @pytest.mark.parametrize(
        "record",
        [
            {},
            {"text": "a"},
            {"text": "a", "head": [0, 1], "tail": [0, 2]},
            {"text": 3, "head": [0, 1], "tail": [0, 1]},
            {**TACRED, "obj_end": 9},
            ["a"],
        ],
    )
    def test_inputs(self, predictor: RelationPredictor, record: Any) -> None:
        before = predictor._inputs
        with pytest.raises(ConfigurationError, match=f"^input {before + 2}: "):
            predictor.predict_batch_json([TACRED, record])

    def test_empty_mention(self, predictor: RelationPredictor, caplog: pytest.LogCaptureFixture) -> None:
        record = {"text": "Rask left.", "head": [5, 5], "tail": [0, 4]}
        output = predictor.predict_json(record)
        assert output["head"] == {"text": "", "start": 5, "end": 5}
        assert "there is no text in head, and it has markers around nothing" in caplog.text
        # The output is a valid input.
        assert predictor.predict_json(output) == about(output)

    def test_parts_of_other_tasks(self, predictor: RelationPredictor) -> None:
        with pytest.raises(ConfigurationError, match="a RelationModel with a .*_relation_classification'"):
            RelationPredictor(predictor._model, predictor._dataset_reader)


class TestArchive:
    @pytest.fixture(scope="class")
    def archive(self, fixtures_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        directory = tmp_path_factory.mktemp("archive")
        name = str(fixtures_dir / "tiny-luke")
        predictor = make_predictor(fixtures_dir)
        config = {
            "dataset_reader": {
                "type": "luke_relation_classification",
                "tokenizer": {"type": "luke", "model_name": name, "marker_tokens": list(MARKERS)},
            },
            "model": {
                "type": "luke_relation_classification",
                "embedder": {
                    "type": "luke",
                    "model_name": name,
                    "entities": ENTITIES,
                    "marker_tokens": MARKERS,
                },
            },
        }
        Params(config).to_file(str(directory / "config.json"))
        predictor._model.vocab.save_to_files(str(directory / "vocabulary"))
        torch.save(predictor._model.state_dict(), directory / "best.th")
        archive_model(directory)
        return directory / "model.tar.gz"

    def test_from_path(self, archive: Path, predictor: RelationPredictor) -> None:
        loaded = Predictor.from_path(str(archive))
        assert isinstance(loaded, RelationPredictor)
        assert loaded.predict_json(TACRED) == predictor.predict_json(TACRED)

    def test_command(
        self,
        archive: Path,
        predictor: RelationPredictor,
        fixtures_dir: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        source.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
        options = ["--output-file", str(target), "--silent", "--batch-size", "3"]
        monkeypatch.setattr("sys.argv", ["allennlp", "predict", str(archive), str(source), *options])
        main()
        outputs = [json.loads(line) for line in target.read_text().splitlines()]
        expected = predictor.predict_batch_json(RECORDS)
        assert outputs == [about(output) for output in expected]

        data = fixtures_dir / "data/relations/sentences.jsonl"
        monkeypatch.setattr(
            "sys.argv", ["allennlp", "predict", str(archive), str(data), *options, "--use-dataset-reader"]
        )
        main()
        found = [json.loads(line) for line in target.read_text().splitlines()]
        records = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
        assert found == [about(output) for output in predictor.predict_batch_json(records)]

    @pytest.mark.parametrize(
        "bad, message",
        [
            ({"text": "a b", "head": [0, 1]}, "'tail' is missing"),
            ({"text": "", "head": [0, 0], "tail": [0, 0]}, "'text' is blank; expected a text that holds"),
            # Found only when it is tokenised.
            ({"text": "a " * 600, "head": [0, 1199], "tail": [0, 1]}, "head and tail with their markers are"),
        ],
    )
    def test_bad_input(
        self, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Any, message: str
    ) -> None:
        text = "\n\n".join(map(json.dumps, [RECORDS[0], RECORDS[1], bad, RECORDS[0]]))
        source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        source.write_text(text)
        for name, file in ((str(source), str(source)), ("-", "standard input")):
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
            options = ["--output-file", str(target), "--silent", "--batch-size", "3"]
            monkeypatch.setattr("sys.argv", ["allennlp", "predict", str(archive), name, *options])
            with pytest.raises(ConfigurationError, match=f"^{file}, line 5: {message}"):
                main()
            assert len(target.read_text().splitlines()) == 2
