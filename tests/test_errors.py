"""What is wrong is said in one sentence, at once, and leaves nothing behind."""

import json
import resource
import shutil
from unittest import mock

import pytest
from allennlp.commands import train

CONFIG = "training_configs/ner/demo.jsonnet"
COLUMNS = ("columns.conll, line 4: ", "found 2 columns, expected 3", "'runs O'")
RUN = "runs/new"
NAME = "model.embedder.model_name"

FILES = {
    "columns.conll": "Mira NNP I-PER\n\nTovik NNP I-PER\nruns O\n",
    "contradiction.conll": "Mira B-PER\nTovik E-PER\n\nDorrick B-LOC\nCity L-LOC\n",
    "tag.conll": "Mira I-PER\nruns I-\n",
    "empty.conll": "\n\n",
    "broken.jsonl": '{"text": "Mira runs.", "entities": []}\n{"text": "Tovik\n',
    "span.jsonl": '{"text": "Mira runs.", "entities": [{"start": 0, "end": 99, "label": "PER"}]}\n',
    "unknown_key.jsonl": '{"text": "Mira runs."}\n\n{"sentence": "Tovik runs."}\n',
    "list.jsonl": '["Mira runs."]\n',
    "misspelt.jsonnet": "(import 'training_configs/ner/demo.jsonnet') + { num_epoch:: 3 }\n",
    "syntax.jsonnet": "{ dataset_reader: { type: 'luke_ner',, } }\n",
    "no_weights/config.json": "",
    "latin.conll": "Mira I-PER\nZoë I-PER\n",
    "latin.jsonl": '{"text": "Mira runs."}\n{"text": "Zoë runs."}\n',
}


@pytest.fixture(scope="module", autouse=True)
def files(workplace):
    """Data and configs with mistakes."""
    for name, text in FILES.items():
        (workplace / name).parent.mkdir(exist_ok=True)
        (workplace / name).write_text(text, encoding="latin-1" if name.startswith("latin") else "utf-8")
    for file in (workplace / "fixtures/tiny-luke").iterdir():
        if not file.name.startswith("model."):
            shutil.copyfile(file, workplace / "no_weights" / file.name)


@pytest.fixture
def nothing_begins(monkeypatch):
    """Fails the test where a mistake is found only when the run has begun."""
    begin = mock.Mock(side_effect=AssertionError("the run began"))
    monkeypatch.setattr(train.training_util, "create_serialization_dir", begin)


@pytest.fixture(scope="module")
def archive(workplace, demo_run):
    """A trained model."""
    shutil.copytree(demo_run.directory, workplace / "runs/model")
    return "runs/model/model.tar.gz"


def check(finished, *parts):
    """One sentence or two, on standard error, with these parts."""
    assert finished.status == 1
    assert finished.error.startswith("allennlp: error: ") and len(finished.error) < 700
    assert finished.err.count("allennlp: error: ") == 1
    assert "Traceback" not in finished.out + finished.err
    for part in parts:
        assert part in finished.error


class TestConfig:
    """Mistakes in the config, or in what it names."""

    @pytest.mark.usefixtures("nothing_begins")
    @pytest.mark.parametrize(
        "key, value, parts",
        [
            ("dataset_reader.contxt", "document", ("dataset_reader: ", "NerReader", 'mean "context"?')),
            ("model.embedder.hiden_dropout", 0.1, ("model.embedder: ", "LukeEmbedder", '"hidden_dropout"')),
            ("trainer.num_epoch", 3, ("trainer: ", '"num_epoch"', 'did you mean "num_epochs"?')),
            ("trainer.optimizer.epsilon", 1e-6, ("trainer.optimizer: ", '"epsilon"', "Its options are: ")),
            ("trainer.optimizer.lr", "fast", ("trainer.optimizer.lr: ", "fast")),
            ("modle", {}, ('"modle"', 'did you mean "model"?')),
            ("model.type", "luke_nre", ("model.type: ", '"luke_nre"', 'did you mean "luke_ner"?')),
            ("trainer.callbacks", [{"type": "keep_first"}], ("trainer.callbacks.0.type: ", '"keep_first"')),
            ("dataset_reader.context", "documents", ("dataset_reader: ", "'document' or 'sentence'")),
            ("dataset_reader.tag_scheme", "IOB3", ("IOB3", "BIOES")),
            (NAME, "fixtures/no-luke", (f"{NAME}: ", "no model directory 'fixtures/no-luke'", "LUKE_MODEL")),
            (NAME, "fixtures/ner", ("'fixtures/ner' has no config.json",)),
            (NAME, CONFIG, (f"{CONFIG!r} is a file", "directory")),
            (NAME, "no_weights", (f"{NAME}: ", "'no_weights' has no weights", "model.safetensors")),
            ("trainer.num_epochs", 0, ("trainer.num_epochs is 0; expected at least 1",)),
            ("trainer.cuda_device", 77, ("trainer.cuda_device: there is no GPU 77",)),
            ("distributed.cuda_devices", [0, 77], ("the overrides set something in distributed",)),
            ("distributed", {"cuda_devices": [77, 78]}, ("distributed.cuda_devices: there is no GPU 77",)),
            ("trainer.validation_metric", "+f2", ('"+f2"', 'did you mean "+f1"?')),
            ("trainr.num_epochs", 3, ("the overrides set trainr.num_epochs",)),
            ("num_epochs", 3, ('"num_epochs", a knob', "-o '{\"trainer.num_epochs\": 3}'")),
            # Data.
            ("train_data_path", "ner/eng.train", ('no file "ner/eng.train"', "LUKE_DATA")),
            ("train_data_path", "columns.conll", COLUMNS),
            ("validation_data_path", "columns.conll", COLUMNS),
            ("test_data_path", "columns.conll", COLUMNS),
            ("train_data_path", "contradiction.conll", ("line 2 has 'E-PER'", "line 5 has 'L-LOC'")),
            ("train_data_path", "tag.conll", ("tag.conll, line 2: ", "'runs I-'")),
            ("train_data_path", "empty.conll", ("empty.conll: ", "no sentence")),
            ("train_data_path", "latin.conll", ("latin.conll, line 2: ", "0xeb", "encoding: latin-1")),
            ("train_data_path", "broken.jsonl", ("broken.jsonl, line 2: ", "JSON")),
            ("train_data_path", "span.jsonl", ("span.jsonl, line 1", "99")),
            ("train_data_path", "fixtures/ner", ("fixtures/ner: ", "is a directory without any .ann file")),
        ],
    )
    def test_what_it_says(self, allennlp, key, value, parts):
        check(allennlp("train", CONFIG, "-s", RUN, "-o", json.dumps({key: value})), *parts)

    @pytest.mark.usefixtures("nothing_begins")
    @pytest.mark.parametrize(
        "arguments, parts",
        [
            (("no_such.jsonnet",), ("no_such.jsonnet", "not found")),
            (("syntax.jsonnet",), ("syntax.jsonnet cannot be read: ", "syntax.jsonnet:1:38")),
            (("training_configs/lib/ner.libsonnet",), ("train_data: set the path of the training data",)),
            (("misspelt.jsonnet",), ("num_epoch:: is no knob", 'did you mean "num_epochs"?')),
            (("training_configs",), ("training_configs",)),
            ((CONFIG, "-o", "{'a'"), ("the overrides \"{'a'\" cannot be read",)),
            ((CONFIG, "--include-package", "luke_alennlp"), ("luke_alennlp", "check the spelling")),
        ],
    )
    def test_command(self, allennlp, arguments, parts):
        check(allennlp("train", *arguments, "-s", RUN), *parts)

    @pytest.mark.parametrize(
        "arguments, part",
        [
            (["-o", '{"model.embedder.entities": ["[PAD]", "[MSK]"]}'], "[MSK]"),
            (["-o", '{"trainer.validation_metric": "+f1_PERS", "trainer.num_epochs": 1}'], "f1_PERS"),
            (["--recover"], "--recover"),
        ],
    )
    def test_what_only_the_objects_know(self, allennlp, arguments, part):
        check(allennlp("train", CONFIG, "-s", RUN, *arguments), part)

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, workplace):
        def paths():
            # The folder of runs itself and bytecode aside.
            found = [path for path in workplace.rglob("*") if "__pycache__" not in path.parts]
            return sorted(path for path in found if path.name != "runs")

        before = paths()
        yield
        assert not (workplace / RUN).exists() and paths() == before


@pytest.mark.slow
def test_unreachable_hub(workplace, allennlp_process, tmp_path):
    (tmp_path / "conll2003").mkdir()
    for name in ("eng.train", "eng.testa", "eng.testb"):
        shutil.copyfile(workplace / "fixtures/ner/dev.conll", tmp_path / "conll2003" / name)
    variables = {"LUKE_DATA": str(tmp_path), "HF_HOME": str(tmp_path / "hub")}
    package = ("--include-package", "luke_allennlp")
    finished = allennlp_process("train", "training_configs/ner/conll.jsonnet", *package, **variables)
    name = "'studio-ousia/luke-large'"
    check(finished, "model_name: ", name, "hub cannot be reached", "LUKE_MODEL", "hf download")
    assert not (workplace / "runs/ner/conll").exists()


class TestArchive:
    @pytest.mark.parametrize("command", ["evaluate", "predict"])
    @pytest.mark.parametrize(
        "path, parts",
        [
            ("runs/none/model.tar.gz", ("runs/none/model.tar.gz", "not found")),
            (CONFIG, (f"{CONFIG} is not a model archive", ".tar.gz")),
            ("fixtures", ("fixtures",)),
        ],
    )
    def test_archive(self, allennlp, command, path, parts):
        check(allennlp(command, path, "fixtures/ner/dev.conll"), *parts)

    @pytest.mark.parametrize(
        "file, parts",
        [("ner/eng.testb", ("ner/eng.testb: ", "no such file")), ("columns.conll", COLUMNS)],
    )
    @pytest.mark.parametrize("command", [("evaluate",), ("predict", "--use-dataset-reader")])
    def test_data(self, allennlp, archive, command, file, parts):
        check(allennlp(command[0], archive, file, *command[1:]), *parts)

    @pytest.mark.parametrize(
        "file, parts",
        [
            ("none.jsonl", ("none.jsonl", "not found")),
            ("broken.jsonl", ("broken.jsonl, line 2: ", "JSON")),
            ("latin.jsonl", ("latin.jsonl, line 2: ", "UTF-8")),
            ("unknown_key.jsonl", ("unknown_key.jsonl, line 3: ", "'sentence'", "'text'", "'sentences'")),
            ("list.jsonl", ("list.jsonl, line 1: ", "expected a JSON object")),
            ("fixtures/ner", ("fixtures/ner", "directory")),
        ],
    )
    def test_input(self, allennlp, archive, file, parts):
        check(allennlp("predict", archive, file), *parts)

    @pytest.mark.parametrize(
        "arguments, parts",
        [
            (("predict", "--cuda-device", "77"), ("there is no GPU 77", "--cuda-device")),
            (("predict", "--output-file", "no/such/folder.jsonl"), ("no/such/folder.jsonl",)),
            (("predict", "--predictor", "luke_nre"), ("luke_nre", "luke_ner")),
            (("evaluate", "--batch-size", "0"), ("--batch-size is 0; expected at least 1",)),
            (("evaluate", "-o", '{"trainer.num_epochs": 3}'), ("'trainer.num_epochs'", "it uses model")),
            (("evaluate", "-o", '{"context": "sentence"}'), ("did you mean 'dataset_reader.context'?",)),
        ],
    )
    def test_options(self, allennlp, archive, arguments, parts):
        check(allennlp(arguments[0], archive, "fixtures/ner/dev.conll", *arguments[1:]), *parts)

    @pytest.mark.slow
    def test_the_reader_that_counts(self, workplace, allennlp, archive):
        shutil.copytree((workplace / archive).parent, workplace / "runs/two")
        config = json.loads((workplace / "runs/two/config.json").read_text())
        config["validation_dataset_reader"] = config["dataset_reader"]
        (workplace / "runs/two/config.json").write_text(json.dumps(config))
        overrides = '{"dataset_reader.max_instances": 3}'
        data = "fixtures/ner/dev.conll"
        reading = ("--use-dataset-reader", "--silent", "--output-file", "out.jsonl")
        for command, options in (("evaluate", ()), ("predict", reading)):
            finished = allennlp(command, "runs/two", data, *options, "-o", overrides)
            check(finished, "'validation_dataset_reader.max_instances'")
        for run, given, options in [
            ("runs/two", overrides.replace("dataset", "validation_dataset"), ()),
            ("runs/two", overrides, ("--dataset-reader-choice", "train")),
            (archive, overrides, ()),
        ]:
            assert allennlp("predict", run, data, *reading, *options, "-o", given).status == 0
            assert len((workplace / "out.jsonl").read_text().splitlines()) == 3

    def test_full_disk(self, workplace, allennlp, monkeypatch):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
        try:
            finished = allennlp("train", CONFIG, "-s", "runs/full", "-o", '{"trainer.num_epochs": 1}')
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        check(finished, "runs/full/checkpoints/step-", "cannot be written (", "File too large", "--recover")
        assert not list((workplace / "runs/full/checkpoints").iterdir())
