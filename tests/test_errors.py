"""What is wrong is said in one sentence, at once, and leaves nothing behind."""

import json
import resource
import shutil

import pytest
from allennlp.commands import train

CONFIG = "training_configs/ner/demo.jsonnet"
PACKAGE = ("--include-package", "luke_allennlp")
RUN = "runs/new"

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
}


@pytest.fixture(scope="module", autouse=True)
def files(workplace):
    """Data and configs with mistakes."""
    for name, text in FILES.items():
        (workplace / name).parent.mkdir(exist_ok=True)
        (workplace / name).write_text(text, encoding="utf-8")
    (workplace / "latin.conll").write_bytes("Mira I-PER\nZoë I-PER\n".encode("latin-1"))
    (workplace / "latin.jsonl").write_bytes(
        '{"text": "Mira runs."}\n{"text": "Zoë runs."}\n'.encode("latin-1")
    )
    for file in (workplace / "fixtures/tiny-luke").iterdir():
        if not file.name.startswith("model."):
            (workplace / "no_weights" / file.name).write_bytes(file.read_bytes())


@pytest.fixture
def nothing_begins(monkeypatch):
    """Fails the test where a mistake is found only when the run has begun."""

    def begin(*args, **kwargs):
        pytest.fail("the run began")

    monkeypatch.setattr(train.training_util, "create_serialization_dir", begin)


@pytest.fixture(scope="module")
def archive(workplace, demo_run):
    """A trained model."""
    shutil.copytree(demo_run.directory, workplace / "runs/model")
    return "runs/model/model.tar.gz"


def check(finished, *parts):
    """One sentence, on standard error, with these parts."""
    assert finished.status == 1
    assert finished.error.startswith("allennlp: error: ")
    assert finished.err.count("allennlp: error: ") == 1
    assert "Traceback" not in finished.out + finished.err
    # A sentence or two, and not a page.
    assert len(finished.error) < 700
    for part in parts:
        assert part in finished.error


class TestConfig:
    """Mistakes in the config, or in what it names."""

    @pytest.mark.usefixtures("nothing_begins")
    @pytest.mark.parametrize(
        "overrides, parts",
        [
            (
                {"dataset_reader.contxt": "document"},
                ("dataset_reader: ", '"contxt"', "NerReader", 'did you mean "context"?'),
            ),
            (
                {"model.embedder.hiden_dropout": 0.1},
                ("model.embedder: ", '"hiden_dropout"', "LukeEmbedder", '"hidden_dropout"'),
            ),
            ({"trainer.num_epoch": 3}, ("trainer: ", '"num_epoch"', 'did you mean "num_epochs"?')),
            ({"trainer.optimizer.epsilon": 1e-6}, ("trainer.optimizer: ", '"epsilon"', "Its options are: ")),
            ({"trainer.optimizer.lr": "fast"}, ("trainer.optimizer.lr: ", "fast")),
            ({"trainer.learning_rate_scheduler.warmup": 1}, ("learning_rate_scheduler", '"warmup"')),
            ({"modle": {}}, ('"modle"', 'did you mean "model"?')),
            ({"model.type": "luke_nre"}, ("model.type: ", '"luke_nre"', 'did you mean "luke_ner"?')),
            ({"dataset_reader.type": "luke_net"}, ("dataset_reader.type: ", 'did you mean "luke_ner"?')),
            ({"trainer.optimizer.type": "adamww"}, ("trainer.optimizer.type: ", '"adamww"', '"adamw"')),
            ({"trainer.callbacks.0.type": "keep_first"}, ("trainer.callbacks.0.type: ", '"keep_first"')),
            (
                {"dataset_reader.context": "documents"},
                ("dataset_reader: ", "'documents'", "'document' or 'sentence'"),
            ),
            ({"dataset_reader.tag_scheme": "IOB3"}, ("IOB3", "BIOES")),
        ],
    )
    def test_misspelt(self, allennlp, overrides, parts):
        check(allennlp("train", CONFIG, "-s", RUN, "-o", json.dumps(overrides)), *parts)

    @pytest.mark.usefixtures("nothing_begins")
    @pytest.mark.parametrize(
        "overrides, parts",
        [
            (
                {"model.embedder.model_name": "fixtures/no-luke"},
                ("model.embedder.model_name: ", "no model directory 'fixtures/no-luke'", "LUKE_MODEL"),
            ),
            (
                {"dataset_reader.tokenizer.model_name": "/no/luke"},
                ("dataset_reader.tokenizer.model_name: ", "no model directory '/no/luke'", "LUKE_MODEL"),
            ),
            ({"model.embedder.model_name": "fixtures/ner"}, ("'fixtures/ner' has no config.json",)),
            ({"model.embedder.model_name": CONFIG}, (f"{CONFIG!r} is a file", "directory")),
            (
                {"model.embedder.model_name": "no_weights"},
                ("model.embedder.model_name: ", "'no_weights' has no weights", "model.safetensors"),
            ),
        ],
    )
    def test_model(self, allennlp, overrides, parts):
        check(allennlp("train", CONFIG, "-s", RUN, "-o", json.dumps(overrides)), *parts)

    @pytest.mark.usefixtures("nothing_begins")
    @pytest.mark.parametrize(
        "file, parts",
        [
            ("ner/eng.train", ('no file "ner/eng.train"', "LUKE_DATA")),
            ("columns.conll", ("columns.conll, line 4: ", "found 2 columns, expected 3", "'runs O'")),
            (
                "contradiction.conll",
                (
                    "contradiction.conll: ",
                    "contradict",
                    "line 2 has 'E-PER'",
                    "line 5 has 'L-LOC'",
                    "`tag_scheme`",
                ),
            ),
            ("tag.conll", ("tag.conll, line 2: ", "'runs I-'")),
            ("empty.conll", ("empty.conll: ", "no sentence")),
            ("latin.conll", ("latin.conll, line 2: ", "0xeb", "encoding: latin-1")),
            ("broken.jsonl", ("broken.jsonl, line 2: ", "JSON")),
            ("span.jsonl", ("span.jsonl, line 1", "99")),
            ("fixtures/ner", ("fixtures/ner: ", "is a directory without any .ann file")),
        ],
    )
    def test_data(self, allennlp, file, parts):
        check(allennlp("train", CONFIG, "-s", RUN, "-o", json.dumps({"train_data_path": file})), *parts)

    @pytest.mark.usefixtures("nothing_begins")
    @pytest.mark.parametrize("key", ["validation_data_path", "test_data_path"])
    def test_other_data(self, allennlp, key):
        finished = allennlp("train", CONFIG, "-s", RUN, "-o", json.dumps({key: "columns.conll"}))
        check(finished, "columns.conll, line 4: ", "found 2 columns, expected 3")

    @pytest.mark.usefixtures("nothing_begins")
    @pytest.mark.parametrize(
        "arguments, parts",
        [
            (("no_such.jsonnet",), ("no_such.jsonnet", "not found")),
            (("syntax.jsonnet",), ("syntax.jsonnet cannot be read: ", "syntax.jsonnet:1:38")),
            (("training_configs/lib/ner.libsonnet",), ("train_data: set the path of the training data",)),
            (("misspelt.jsonnet",), ("num_epoch:: is no knob", 'did you mean "num_epochs"?')),
            (
                (CONFIG, "-o", '{"num_epochs": 3}'),
                ('"num_epochs", a knob', "-o '{\"trainer.num_epochs\": 3}'"),
            ),
            ((CONFIG, "-o", '{"trainer.num_epochs": 0}'), ("trainer.num_epochs is 0; expected at least 1",)),
            ((CONFIG, "-o", '{"trainer.cuda_device": 77}'), ("trainer.cuda_device: there is no GPU 77",)),
            (
                (CONFIG, "-o", '{"distributed.cuda_devices": [0, 77]}'),
                ("the overrides set something in distributed",),
            ),
            (
                (CONFIG, "-o", '{"distributed": {"cuda_devices": [77, 78]}}'),
                ("distributed.cuda_devices: there is no GPU 77",),
            ),
            ((CONFIG, "-o", '{"trainer.validation_metric": "+f2"}'), ('"+f2"', 'did you mean "+f1"?')),
            (("training_configs",), ("training_configs",)),
            ((CONFIG, "-o", "{'a'"), ("the overrides \"{'a'\" cannot be read",)),
            ((CONFIG, "-o", '{"trainr.num_epochs": 3}'), ("the overrides set trainr.num_epochs",)),
            ((CONFIG, "--include-package", "luke_alennlp"), ("luke_alennlp", "check the spelling")),
            ((CONFIG, "--recover"), ("--recover",)),
        ],
    )
    def test_command(self, allennlp, arguments, parts, monkeypatch):
        if "--recover" in arguments:
            monkeypatch.undo()
        check(allennlp("train", *arguments, "-s", RUN), *parts)

    @pytest.mark.parametrize(
        "overrides, part",
        [
            ({"model.use_entity_state": False, "model.use_word_states": False}, "one of them must be true"),
            ({"model.embedder.entities": ["[PAD]", "[MSK]"]}, "[MSK]"),
            ({"trainer.validation_metric": "+f1_PERS", "trainer.num_epochs": 1}, "f1_PERS"),
        ],
    )
    def test_what_only_the_objects_know(self, workplace, allennlp, overrides, part):
        check(allennlp("train", CONFIG, "-s", RUN, "-o", json.dumps(overrides)), part)

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, workplace):
        before = sorted(workplace.rglob("*"))
        yield
        assert not (workplace / RUN).exists()
        # Nor anything elsewhere, the folder of runs itself and bytecode aside.
        after = [path for path in sorted(workplace.rglob("*")) if "__pycache__" not in path.parts]
        assert [path for path in after if path.name != "runs"] == [
            path for path in before if path.name != "runs"
        ]


@pytest.mark.slow
class TestProcess:
    """The same from the shell."""

    def test_unreachable_hub(self, workplace, allennlp_process, tmp_path):
        data = tmp_path / "conll2003"
        data.mkdir()
        for name in ("eng.train", "eng.testa", "eng.testb"):
            (data / name).write_bytes((workplace / "fixtures/ner/dev.conll").read_bytes())
        variables = {"LUKE_DATA": str(tmp_path), "HF_HOME": str(tmp_path / "hub")}
        finished = allennlp_process("train", "training_configs/ner/conll.jsonnet", *PACKAGE, **variables)
        name = "'studio-ousia/luke-large'"
        check(finished, "model_name: ", name, "hub cannot be reached", "LUKE_MODEL", "hf download")
        assert not (workplace / "runs/ner/conll").exists()

    def test_misspelt_key(self, workplace, allennlp_process):
        overrides = json.dumps({"trainer.num_epoch": 3})
        finished = allennlp_process("train", CONFIG, *PACKAGE, "-s", RUN, "-o", overrides)
        check(
            finished, 'trainer: no option "num_epoch" for GradientDescentTrainer; did you mean "num_epochs"?'
        )
        assert not (workplace / RUN).exists()


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
        [
            ("ner/eng.testb", ("ner/eng.testb: ", "no such file")),
            ("columns.conll", ("columns.conll, line 4: ", "found 2 columns, expected 3")),
            ("contradiction.conll", ("contradiction.conll: ", "contradict")),
            ("broken.jsonl", ("broken.jsonl, line 2: ", "JSON")),
            ("fixtures/ner", ("fixtures/ner: ", "is a directory")),
        ],
    )
    @pytest.mark.parametrize("command", [("evaluate",), ("predict", "--use-dataset-reader")])
    def test_data(self, allennlp, archive, command, file, parts):
        name, *options = command
        check(allennlp(name, archive, file, *options), *parts)

    @pytest.mark.parametrize(
        "file, parts",
        [
            ("none.jsonl", ("none.jsonl", "not found")),
            ("broken.jsonl", ("broken.jsonl, line 2: ", "JSON")),
            ("latin.jsonl", ("latin.jsonl, line 2: ", "UTF-8")),
            (
                "unknown_key.jsonl",
                ("unknown_key.jsonl, line 3: ", "'sentence'", "'text'", "'tokens'", "'sentences'"),
            ),
            ("list.jsonl", ("list.jsonl, line 1: ", "expected a JSON object")),
            ("fixtures/ner", ("fixtures/ner", "directory")),
        ],
    )
    def test_input(self, allennlp, archive, file, parts):
        check(allennlp("predict", archive, file), *parts)

    @pytest.mark.parametrize("batch_size", ["1", "8"])
    def test_what_comes_before_a_bad_input(self, allennlp, archive, workplace, batch_size):
        options = ("--output-file", "predicted.jsonl", "--batch-size", batch_size, "--silent")
        finished = allennlp("predict", archive, "unknown_key.jsonl", *options)
        check(finished, "unknown_key.jsonl, line 3: ", "predicted.jsonl has the predictions")
        (line,) = (workplace / "predicted.jsonl").read_text(encoding="utf-8").splitlines()
        assert json.loads(line)["text"] == "Mira runs."

    @pytest.mark.parametrize(
        "arguments, parts",
        [
            (("--cuda-device", "77"), ("there is no GPU 77", "--cuda-device")),
            (("--batch-size", "0"), ("--batch-size is 0; expected at least 1",)),
            (("-o", '{"trainer.num_epochs": 3}'), ("'trainer.num_epochs'", "it uses model, dataset_reader")),
            (("-o", '{"trainer.cuda_device": 3}'), ("'trainer.cuda_device'", "use --cuda-device")),
            (("-o", '{"num_epochs": 3}'), ("'num_epochs'", "it uses model, dataset_reader")),
            (("-o", '{"flat": false}'), ("did you mean 'model.flat'?",)),
            (("-o", '{"context": "sentence"}'), ("did you mean 'dataset_reader.context'?",)),
        ],
    )
    def test_options_that_do_not_count(self, allennlp, archive, arguments, parts):
        command = "predict" if "77" in arguments else "evaluate"
        check(allennlp(command, archive, "fixtures/ner/dev.conll", *arguments), *parts)

    @pytest.mark.slow
    def test_the_reader_that_counts(self, workplace, allennlp, archive):
        shutil.copytree(workplace / archive.removesuffix("/model.tar.gz"), workplace / "runs/two")
        config = json.loads((workplace / "runs/two/config.json").read_text())
        config["validation_dataset_reader"] = config["dataset_reader"]
        (workplace / "runs/two/config.json").write_text(json.dumps(config))
        overrides = '{"dataset_reader.max_instances": 3}'
        name = "'validation_dataset_reader.max_instances'"
        data = "fixtures/ner/dev.conll"
        reading = ("--use-dataset-reader", "--silent", "--output-file", "out.jsonl")
        check(allennlp("evaluate", "runs/two", data, "-o", overrides), name)
        check(allennlp("predict", "runs/two", data, *reading, "-o", overrides), name)
        for run, given, options in [
            ("runs/two", overrides.replace("dataset", "validation_dataset"), ()),
            ("runs/two", overrides, ("--dataset-reader-choice", "train")),
            (archive, overrides, ()),
        ]:
            finished = allennlp("predict", run, data, *reading, *options, "-o", given)
            assert finished.status == 0
            assert len((workplace / "out.jsonl").read_text().splitlines()) == 3
            if not options:
                output = ("--predictions-output-file", "batches.jsonl", "-o", given)
                assert allennlp("evaluate", run, data, *output).status == 0
                batches = (workplace / "batches.jsonl").read_text().splitlines()
                assert sum(len(json.loads(batch)["predictions"]) for batch in batches) == 3

    def test_full_disk(self, workplace, allennlp, monkeypatch):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
        try:
            finished = allennlp("train", CONFIG, "-s", "runs/full", "-o", '{"trainer.num_epochs": 1}')
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        check(finished, "runs/full/", "_e1_b0.th cannot be written: File too large; ", "--recover")
        assert not list((workplace / "runs/full").glob("*.t*"))

    def test_output_folder(self, allennlp, archive):
        arguments = ("fixtures/ner/sentences.jsonl", "--output-file", "no/such/folder.jsonl")
        check(allennlp("predict", archive, *arguments), "no/such/folder.jsonl")

    def test_predictor(self, allennlp, archive):
        arguments = ("fixtures/ner/sentences.jsonl", "--predictor", "luke_nre")
        check(allennlp("predict", archive, *arguments), "luke_nre", "luke_ner")
