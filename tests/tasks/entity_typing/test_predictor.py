"""Raw input to types: forms, offsets, batches, files, mistakes."""

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
from luke_allennlp.tasks.entity_typing.model import EntityTypingModel
from luke_allennlp.tasks.entity_typing.predictor import EntityTypingPredictor
from luke_allennlp.tasks.entity_typing.reader import EntityTypingReader
from luke_allennlp.token_embedders import LukeEmbedder

LABELS = ["person", "place", "time"]


def make_predictor(fixtures: Path, batch_size: int = 8, **options: Any) -> EntityTypingPredictor:
    """Untrained, but with weights that tell mentions apart."""
    vocab = Vocabulary()
    for label in LABELS:
        vocab.add_token_to_namespace(label, "labels")
    torch.manual_seed(7)
    name = str(fixtures / "tiny-luke")
    embedder = LukeEmbedder(name, entities=["[PAD]", "[MASK]"], marker_tokens={"[ENTITY]": "@"})
    model = EntityTypingModel(vocab, embedder).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
        model.classifier.weight.mul_(3)
    reader = EntityTypingReader(WordTokenizer(name, ["[ENTITY]"]), **options)
    return EntityTypingPredictor(model, reader, batch_size)


@pytest.fixture(scope="module")
def predictor(fixtures_dir: Path) -> EntityTypingPredictor:
    return make_predictor(fixtures_dir)


def about(output: Dict[str, Any]) -> Dict[str, Any]:
    """The same output, with probabilities that need not be equal to the last bit."""
    return {
        **output,
        "probabilities": pytest.approx(output["probabilities"], abs=1e-5),
        "labels": [
            {**found, "probability": pytest.approx(found["probability"], abs=1e-5)}
            for found in output["labels"]
        ],
    }


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


TEXT = "Zoë left Vexford -LRB- again -RRB- 🎉."


class TestForms:
    def test_raw_text(self, predictor: EntityTypingPredictor) -> None:
        output = predictor.predict_json({"text": TEXT, "span": [9, 16]})
        check(output)
        assert (output["text"], output["span"], output["mention"]) == (TEXT, [9, 16], "Vexford")
        assert predictor.predict_json({"text": TEXT, "span": {"start": 9, "end": 16}}) == output
        assert predictor.predict(TEXT, (9, 16)) == output

    def test_records_of_datasets(self, predictor: EntityTypingPredictor) -> None:
        expected = predictor.predict("Zoë left Vexford .", (9, 16))
        # Given types are not looked at, whether the model knows them or not.
        array = {"sent": "Zoë left Vexford .", "start": 9, "end": 16, "labels": ["ship"]}
        ultra_fine = {
            "left_context_token": ["Zoë", "left"],
            "mention_span": "Vexford",
            "right_context_token": ["."],
            "y_str": ["ship", "place"],
        }
        assert predictor.predict_json(array) == expected
        assert predictor.predict_json(ultra_fine) == expected

    def test_labels_are_those_of_the_model(self, predictor: EntityTypingPredictor) -> None:
        outputs = [predictor.predict(TEXT, (start, start + 1)) for start in range(0, 30, 2)]
        numbers = {len(output["labels"]) for output in outputs}
        assert len(numbers) > 1
        for output in outputs:
            check(output)

    def test_long_texts(self, fixtures_dir: Path, predictor: EntityTypingPredictor) -> None:
        short = make_predictor(fixtures_dir, max_length=12)
        text = "left " * 600 + "Vexford" + " right" * 600
        for predictor_ in (short, predictor):
            output = predictor_.predict(text, (3000, 3007))
            check(output)
            assert output["mention"] == "Vexford" and output["text"] == text


TEXTS = st.text(
    st.one_of(
        st.sampled_from("abcABC .,'\"!-\n\t\u00a0\u200d\u0301\ud83d\ude00🎉👩ß字שלוםم"),
        st.characters(exclude_categories=[]),
    ),
    min_size=1,
    max_size=40,
)


class TestAnyText:
    @given(TEXTS, st.data())
    @settings(max_examples=60, deadline=None)
    def test_span_is_the_mentions(
        self, predictor: EntityTypingPredictor, text: str, data: st.DataObject
    ) -> None:
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        output = predictor.predict(text, (start, end))
        check(output)
        assert output["span"] == [start, end]
        # But for halves of surrogate pairs, which JSON can hold and UTF-8 cannot, it is the input's text.
        assert len(output["text"]) == len(text)
        for ours, theirs in zip(output["text"], text, strict=True):
            assert ours == theirs or ("\ud800" <= theirs <= "\udfff" and ours == "\ufffd")
        output["text"].encode()


class TestBatches:
    RECORDS: List[Dict[str, Any]] = [
        {"text": TEXT, "span": [9, 16]},
        {"sent": "Vexford", "start": 0, "end": 7},
        {"text": "Tressick put Skarsgate ahead from the penalty spot in the 38th minute.", "span": [13, 22]},
        {"left_context_token": [], "mention_span": "They", "right_context_token": ["won", "."]},
        {"text": TEXT, "span": [0, 3]},
    ]

    @pytest.mark.parametrize("batch_size", [1, 2, 100])
    def test_equal_single_inputs(
        self, fixtures_dir: Path, predictor: EntityTypingPredictor, batch_size: int
    ) -> None:
        outputs = make_predictor(fixtures_dir, batch_size).predict_batch_json(self.RECORDS)
        assert [output["mention"] for output in outputs] == ["Vexford", "Vexford", "Skarsgate", "They", "Zoë"]
        for record, output in zip(self.RECORDS, outputs, strict=True):
            check(output)
            assert output == about(predictor.predict_json(record))

    def test_no_inputs(self, predictor: EntityTypingPredictor) -> None:
        assert predictor.predict_batch_json([]) == []


class TestFiles:
    @pytest.mark.parametrize(
        "name", ["open_entity/typed.jsonl", "ultra_fine/dev.jsonl", "open_entity/dev.json"]
    )
    def test_one_output_a_mention(
        self, predictor: EntityTypingPredictor, fixtures_dir: Path, name: str
    ) -> None:
        path = fixtures_dir / "data" / name
        content = path.read_text(encoding="utf-8")
        lines = content if name.endswith(".json") else "[" + ",".join(content.splitlines()) + "]"
        outputs = predictor.predict_batch_instance(list(predictor._dataset_reader.read(str(path))))
        expected = predictor.predict_batch_json(json.loads(lines))
        assert len(outputs) == len(expected) >= 14
        for output, other in zip(outputs, expected, strict=True):
            check(output)
            assert output == about(other)


class TestMistakes:
    @pytest.mark.parametrize(
        "record, part",
        [
            ({}, "has only the keys"),
            ({"text": "a"}, "'span' is missing"),
            ({"text": 3, "span": [0, 1]}, "'text' is 3"),
            ({"text": "a", "span": [0, 2]}, "'span' has start 0 and end 2"),
            ({"text": "a", "span": [1, 0]}, "'span' has start 1 and end 0"),
            ({"text": "", "span": [0, 0]}, "'text' is blank; expected a text that holds the mention"),
            (["a"], "expected a JSON object"),
        ],
    )
    def test_inputs(self, predictor: EntityTypingPredictor, record: Any, part: str) -> None:
        before = predictor._inputs
        with pytest.raises(ConfigurationError, match=f"input {before + 2}: .*{part}"):
            predictor.predict_batch_json([{"text": "a", "span": [0, 1]}, record])

    def test_parts_of_other_tasks(self, predictor: EntityTypingPredictor) -> None:
        with pytest.raises(ConfigurationError, match="EntityTypingModel with a .* type 'luke_entity_typing'"):
            EntityTypingPredictor(predictor._model, predictor._dataset_reader)


class TestArchive:
    @pytest.fixture(scope="class")
    def archive(self, fixtures_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        directory = tmp_path_factory.mktemp("archive")
        predictor = make_predictor(fixtures_dir)
        name = str(fixtures_dir / "tiny-luke")
        embedder = {
            "type": "luke",
            "model_name": name,
            "entities": ["[PAD]", "[MASK]"],
            "marker_tokens": {"[ENTITY]": "@"},
        }
        tokenizer = {"type": "luke", "model_name": name, "marker_tokens": ["[ENTITY]"]}
        config = {
            "dataset_reader": {"type": "luke_entity_typing", "tokenizer": tokenizer},
            "model": {"type": "luke_entity_typing", "embedder": embedder},
        }
        Params(config).to_file(str(directory / "config.json"))
        predictor._model.vocab.save_to_files(str(directory / "vocabulary"))
        torch.save(predictor._model.state_dict(), directory / "best.th")
        archive_model(directory)
        return directory / "model.tar.gz"

    def test_commands(
        self,
        archive: Path,
        predictor: EntityTypingPredictor,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        loaded = Predictor.from_path(str(archive))
        assert isinstance(loaded, EntityTypingPredictor)
        source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        records = TestBatches.RECORDS
        source.write_text("".join(json.dumps(record) + "\n" for record in records))
        command = ["allennlp", "predict", str(archive), str(source), "--output-file", str(target), "--silent"]
        expected = [about(output) for output in predictor.predict_batch_json(records)]
        for options in (["--batch-size", "2"], ["--use-dataset-reader", "--batch-size", "3"]):
            monkeypatch.setattr("sys.argv", [*command, *options])
            main()
            assert [json.loads(line) for line in target.read_text().splitlines()] == expected
