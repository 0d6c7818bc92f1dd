"""What holds for every task whose reader, model and predictor are built on the base classes."""

import io
import json
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch
from allennlp.commands import main
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import DatasetReader, Instance
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.models import Model
from allennlp.modules.token_embedders import PassThroughTokenEmbedder
from allennlp.predictors import Predictor
from allennlp.training.metrics import Metric

from luke_allennlp.tasks.base.predictor import TaskPredictor
from luke_allennlp.tasks.base.reader import TaskReader
from tests.tasks.support import TASKS, Task, batch_of, close, config_of, make_model, randomise, vocabulary_of

EXPERIMENTS = {
    "luke_entity_typing": ("training_configs/entity_typing/open_entity.jsonnet", "open_entity/dev.json"),
    "luke_relation_classification": (
        "training_configs/relation_classification/tacred.jsonnet",
        "tacred/dev.json",
    ),
    "luke_cloze_qa": ("tests/tasks/cloze_qa/experiment.jsonnet", "record/dev.json"),
    "luke_reading_comprehension": (
        "tests/tasks/reading_comprehension/experiment.jsonnet",
        "squad/dev-v2.0.json",
    ),
}


@pytest.fixture(params=list(TASKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def task(name: str) -> Task:
    return TASKS[name]


@pytest.fixture
def predictor(name: str, predictor_of: Callable[[str], Predictor]) -> TaskPredictor:
    found = predictor_of(name)
    assert isinstance(found, TaskPredictor) and found.task == name
    found._inputs = 0
    return found


@pytest.fixture
def reader(predictor: TaskPredictor) -> TaskReader:
    return predictor._reader


@pytest.fixture
def path(task: Task, fixtures_dir: Path) -> str:
    return str(fixtures_dir / "data" / task.data)


def make_reader(name: str, **options: Any) -> TaskReader:
    reader = DatasetReader.from_params(Params({**config_of(name)["dataset_reader"], **options}))
    assert isinstance(reader, TaskReader)
    return reader


class TestReaders:
    def test_max_instances(self, name: str, reader: TaskReader, path: str) -> None:
        everything = list(reader.read(path))
        first = list(make_reader(name, max_instances=5).read(path))
        assert [i["words"] for i in first] == [i["words"] for i in everything[:5]]

    def test_checking_does_not_tokenize(
        self, reader: TaskReader, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for method in ("encode", "encode_spaced"):
            monkeypatch.setattr(type(reader.tokenizer), method, lambda *_: pytest.fail("it did"))
        reader.check_file(path)

    @pytest.mark.parametrize(
        "content, message",
        [
            (b"", "is empty"),
            (b" \n \n", "is empty"),
            (b"[]", "the array is empty"),
            (b"[1]", "record 1: found 1; expected a JSON object"),
            (b"[1, 2", "is not JSON"),
            (b'{"text": "Zo\xeb"}', "line 1: the byte 0xeb .* is not utf-8.*encoding: latin-1"),
            (None, "is a directory"),
        ],
    )
    def test_files(self, reader: TaskReader, tmp_path: Path, content: Any, message: str) -> None:
        file = tmp_path / "data.json"
        if content is None:
            file.mkdir()
        else:
            file.write_bytes(content)
        for read in (reader.check_file, lambda path: list(reader.read(path))):
            with pytest.raises(ConfigurationError, match=f"^{file}(, |: ){message}"):
                read(str(file))
        with pytest.raises(ConfigurationError, match="there is no such file"):
            list(reader.read(str(tmp_path / "none.json")))

    def test_labels(self, task: Task, reader: TaskReader, path: str, tmp_path: Path) -> None:
        # Training and evaluation need labels, prediction none; a file has them, or has none.
        file = tmp_path / "data.jsonl"
        bare = json.dumps(task.records[0])
        file.write_text(f"{bare}\n{bare}\n")
        assert len(list(reader.read(str(file)))) >= 2
        with pytest.raises(ConfigurationError, match="data.jsonl, line 1: is without labels; training"):
            reader.check_file(str(file))

    def test_another_tokenizer(self, reader: TaskReader) -> None:
        with pytest.raises(ConfigurationError, match="is a WhitespaceTokenizer; expected one of type 'luke'"):
            type(reader)(WhitespaceTokenizer())

    def test_markers(self, name: str, task: Task) -> None:
        if task.markers:
            config = config_of(name)["dataset_reader"]["tokenizer"]
            with pytest.raises(ConfigurationError, match=r"marker_tokens \[\] lack '\["):
                make_reader(name, tokenizer={**config, "marker_tokens": []})


class TestModels:
    @pytest.fixture
    def batch(self, reader: TaskReader, task: Task, path: str) -> Dict[str, Any]:
        instances: List[Instance] = list(reader.read(path))[:12]
        labels = {label for i in instances for label in getattr(i.fields.get("labels"), "labels", [])}
        labels |= {i["label"].label for i in instances if "label" in i.fields}
        # A vocabulary of the data's, as the tiny models know few labels.
        self.labels = sorted(labels)
        return batch_of(instances, vocabulary_of(self.labels))

    def model(self, name: str, **options: Any) -> Any:
        config = config_of(name)["model"]
        return randomise(Model.from_params(Params({**config, **options}), vocab=vocabulary_of(self.labels)))

    def test_losses_are_float32(self, name: str, batch: Dict[str, Any]) -> None:
        model = self.model(name)
        single = model(**batch)["loss"]
        with torch.autocast("cpu", torch.bfloat16):
            output = model(**batch)
        assert output["loss"].dtype == torch.float32
        assert output["loss"].item() == pytest.approx(single.item(), rel=0.05)
        output["loss"].backward()

    def test_labels_change_nothing_but_the_loss(self, name: str, batch: Dict[str, Any]) -> None:
        model = self.model(name)
        with_labels = model(**batch)
        for key in ("labels", "label", "answer"):
            batch.pop(key, None)
        without = model(**batch)
        assert set(with_labels) - set(without) == {"loss"}
        for key, value in without.items():
            if isinstance(value, torch.Tensor):
                torch.testing.assert_close(value, with_labels[key])

    def test_nothing_is_scored_in_training(self, name: str, batch: Dict[str, Any]) -> None:
        model = self.model(name).train()
        model(**batch)
        assert model.get_metrics() == model.get_metrics(reset=True) == {}
        # What was trained on is not scored later.
        scores = model.eval().get_metrics(reset=True)
        assert scores and set(scores.values()) == {0.0}
        assert set(scores) == set(type(model).metric_names(config_of(name)["model"]))
        assert isinstance(model._metric, Metric) and model.default_predictor == name

    def test_head(self, name: str) -> None:
        head = {"luke_cloze_qa": "scorer", "luke_reading_comprehension": "qa_outputs"}.get(name, "classifier")
        regexes = [[".*weight" if head == "qa_outputs" else f"{head}.weight", {"type": "constant", "val": 7}]]
        model = make_model(name, dropout=0.3, initializer={"regexes": regexes})
        assert model.dropout.p == 0.3 and (getattr(model, head).weight == 7).all()
        model = make_model(name)
        assert model.dropout.p == (0.0 if head == "qa_outputs" else 0.1)
        assert getattr(model, head).weight.std().item() == pytest.approx(0.02, rel=0.3)

    def test_embedder_without_entities(self, name: str) -> None:
        vocab = vocabulary_of(["no_relation"])
        with pytest.raises(ConfigurationError, match="PassThroughTokenEmbedder, which knows no entities"):
            Model.by_name(name)(vocab, PassThroughTokenEmbedder(64))
        if name != "luke_reading_comprehension":
            with pytest.raises(
                ConfigurationError, match="use_entity_state and use_word_states are both false"
            ):
                make_model(name, use_entity_state=False)


class TestExperiments(ModelTestCase):
    """AllenNLP's own checks."""

    @pytest.fixture(autouse=True)
    def experiment(
        self, name: str, root_dir: Path, fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
        monkeypatch.setenv("LUKE_DATA", str(fixtures_dir / "data"))
        config, data = EXPERIMENTS[name]
        monkeypatch.chdir(root_dir)
        self.set_up_model(root_dir / config, fixtures_dir / "data" / data, seed=5)

    def test_batches_are_consistent(self) -> None:
        # These have the padding of their batch, or would have to be equal to the last bit.
        ignored = ["predictions", "candidates", "null_score", "start_logits", "end_logits"]
        self.ensure_batch_predictions_are_consistent(keys_to_ignore=ignored)


class TestPredictors:
    @pytest.mark.parametrize("batch_size", [1, 3, 100])
    def test_batches_equal_single_inputs(
        self, task: Task, predictor: TaskPredictor, batch_size: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = [predictor.predict_json(record) for record in task.records]
        monkeypatch.setattr(predictor, "_batch_size", batch_size)
        outputs = predictor.predict_batch_json(task.records)
        assert outputs == close(expected)
        json.dumps(outputs, allow_nan=False)
        assert predictor.predict_batch_json([]) == []

    def test_given_labels_are_ignored(self, task: Task, predictor: TaskPredictor, path: str) -> None:
        examples = list(predictor._reader.local_examples(path))
        outputs = predictor.predict_batch_instance(list(predictor._dataset_reader.read(path)))
        assert len(outputs) == len(examples) > 5

    def test_mistakes(self, task: Task, predictor: TaskPredictor) -> None:
        for record, message in [*task.bad, (["a"], r"found \['a'\]; expected a JSON object")]:
            predictor._inputs = 0
            with pytest.raises(ConfigurationError, match=f"^input 2: .*{message}"):
                predictor.predict_batch_json([task.records[0], record])

    def test_parts_of_another_task(self, name: str, predictor: TaskPredictor, path: str) -> None:
        with pytest.raises(ConfigurationError, match=f"with a _ExampleReader; .*{name!r}"):
            type(predictor)(predictor._model, predictor._dataset_reader)
        with pytest.raises(ConfigurationError, match="takes instances of its own reader"):
            predictor.predict_instance(next(iter(predictor._reader.read(path))))

    def test_command(
        self,
        name: str,
        task: Task,
        predictor: TaskPredictor,
        archive_of: Callable[[str], Path],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        # Of one example each, so that the reader gives as many outputs.
        records = [record for record in task.records if "qas" not in record]
        source.write_text("".join(json.dumps(record) + "\n" for record in records))
        command = ["allennlp", "predict", str(archive_of(name)), str(source), "--output-file", str(target)]
        monkeypatch.setattr("sys.argv", [*command, "--silent", "--use-dataset-reader", "--batch-size", "3"])
        main()
        outputs = [json.loads(line) for line in target.read_text().splitlines()]
        assert outputs == close(predictor.predict_batch_json(records))


@pytest.mark.parametrize("stdin", [True, False])
def test_bad_input_of_a_command(
    stdin: bool, archive_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = TASKS["luke_relation_classification"]
    # Found only when it is tokenized.
    good, (bad, message) = task.records[0], task.bad[-1]
    text = "\n\n".join(map(json.dumps, [good, good, bad, good]))
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(text)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    options = ["--output-file", str(target), "--silent", "--batch-size", "3"]
    archive = str(archive_of("luke_relation_classification"))
    monkeypatch.setattr("sys.argv", ["allennlp", "predict", archive, "-" if stdin else str(source), *options])
    with pytest.raises(
        ConfigurationError, match=f"^{'standard input' if stdin else source}, line 5: {message}"
    ):
        main()
    assert len(target.read_text().splitlines()) == 2
