"""`allennlp train`, `evaluate`, `predict` and `show-entities`, as a user types them."""

import json
import shutil
import tarfile

import pytest
from allennlp.models import load_archive

from tests.conftest import DEMO_EPOCHS

CONFIG = "training_configs/ner/demo.jsonnet"
RUN = "runs/ner/demo"
ARCHIVE = f"{RUN}/model.tar.gz"


@pytest.fixture(scope="module")
def trained(workplace, demo_run):
    """A run in the place where the command writes it."""
    shutil.copytree(demo_run.directory, workplace / RUN)
    return demo_run.finished


def scores(metrics, prefix=""):
    names = ("precision", "recall", "f1", "loss")
    return {
        name: value
        for name, value in (
            (key.removeprefix(prefix), metrics[key]) for key in metrics if key.startswith(prefix)
        )
        if name.split("_")[0] in names
    }


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check_entities(record):
    for entity in record["entities"]:
        assert record["text"][entity["start"] : entity["end"]] == entity["text"] != ""
        assert entity["label"] in ("PER", "ORG", "LOC", "MISC")
        assert 0 < entity["score"] <= 1
    places = [(entity["start"], entity["end"]) for entity in record["entities"]]
    assert places == sorted(places)
    assert all(end <= start for (_, end), (start, _) in zip(places, places[1:], strict=False))


@pytest.fixture
def raw_sentences(workplace):
    """The training sentences as running text."""
    sentences = (workplace / "fixtures/ner/train.conll").read_text(encoding="utf-8").split("\n\n")
    lines = [
        json.dumps({"text": " ".join(line.split()[0] for line in sentence.splitlines())})
        for sentence in sentences
        if sentence.strip() and "-DOCSTART-" not in sentence
    ]
    path = workplace / "raw.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class TestTrain:
    def test_says_where_the_run_goes(self, trained):
        assert trained.out.splitlines()[0] == f"Writing this run to {RUN}"
        assert "Traceback" not in trained.out + trained.err
        assert "Warning" not in trained.out + trained.err

    def test_writes_the_run_there(self, workplace, trained):
        names = {path.name for path in (workplace / RUN).iterdir()}
        assert {"config.json", "metrics.json", "model.tar.gz", "out.log", "vocabulary"} <= names
        metrics = json.loads((workplace / RUN / "metrics.json").read_text())
        assert metrics["epoch"] == metrics["best_epoch"] == DEMO_EPOCHS - 1
        assert metrics["training_loss"] < 0.1
        assert sorted(path.name for path in (workplace / "runs").rglob("model.tar.gz")) == ["model.tar.gz"]

    def test_the_log_counts_what_was_read(self, workplace, trained):
        log = (workplace / RUN / "out.log").read_text(encoding="utf-8")
        words = [
            line
            for line in (workplace / "fixtures/ner/train.conll").read_text(encoding="utf-8").splitlines()
            if line.strip() and not line.startswith("-DOCSTART-")
        ]
        counted = [line for line in log.splitlines() if "fixtures/ner/train.conll: 8 documents" in line]
        assert len(counted) == 1 and f" {len(words):,} words" in counted[0]
        # No two entities of a type stand side by side in so small a part.
        assert "fixtures/ner/train.conll: the tag scheme is recognised as IO," in log

    @pytest.mark.usefixtures("trained")
    def test_does_not_overwrite_a_run(self, workplace, allennlp):
        before = {path: path.stat().st_mtime_ns for path in (workplace / RUN).rglob("*")}
        finished = allennlp("train", CONFIG)
        assert finished.status == 1
        assert finished.error.startswith("allennlp: error: ")
        for name in (RUN, "--recover", "--force", "--serialization-dir"):
            assert name in finished.error
        assert {path: path.stat().st_mtime_ns for path in (workplace / RUN).rglob("*")} == before

    @pytest.mark.slow
    def test_overwrites_it_when_asked(self, workplace, allennlp):
        overrides = '{"trainer.num_epochs": 1}'
        assert allennlp("train", CONFIG, "-s", "runs/other", "-o", overrides).status == 0
        (workplace / "runs/other/note.txt").write_text("mine")
        # A mistake in the new config costs nothing of the old run.
        mistake = '{"train_data_path": "fixtures/ner/none.conll"}'
        assert allennlp("train", CONFIG, "-s", "runs/other", "--force", "-o", mistake).status == 1
        assert (workplace / "runs/other/note.txt").exists()
        finished = allennlp("train", CONFIG, "-s", "runs/other", "--force", "-o", overrides)
        assert finished.status == 0 and "Writing this run" not in finished.out
        assert not (workplace / "runs/other/note.txt").exists()
        assert (workplace / "runs/other/model.tar.gz").exists()


@pytest.mark.usefixtures("trained")
class TestEvaluate:
    def test_gives_the_metrics_of_the_last_epoch(self, workplace, allennlp):
        finished = allennlp("evaluate", ARCHIVE, "fixtures/ner/dev.conll", "--output-file", "metrics.json")
        assert finished.status == 0, finished.err
        evaluated = scores(json.loads((workplace / "metrics.json").read_text()))
        last = scores(
            json.loads((workplace / RUN / f"metrics_epoch_{DEMO_EPOCHS - 1}.json").read_text()), "validation_"
        )
        assert {"precision", "recall", "f1", "f1_PER", "loss"} <= evaluated.keys()
        assert evaluated == pytest.approx(last, abs=1e-6)
        assert evaluated["f1"] > 0

    @pytest.mark.slow
    def test_needs_no_package_where_the_plugins_file_is(self, workplace, root_dir, allennlp_process):
        shutil.copyfile(root_dir / ".allennlp_plugins", workplace / ".allennlp_plugins")
        data = "fixtures/ner/test.conll"
        finished = allennlp_process("evaluate", ARCHIVE, data, "--output-file", "plugin.json")
        assert finished.status == 0, finished.err
        assert json.loads((workplace / "plugin.json").read_text()).keys() >= {"f1", "f1_LOC"}

    def test_batches_do_not_matter(self, workplace, allennlp):
        found = []
        for size in ("1", "3", "64"):
            arguments = ("--batch-size", size, "--output-file", "metrics.json")
            assert allennlp("evaluate", ARCHIVE, "fixtures/ner/train.conll", *arguments).status == 0
            found.append(scores(json.loads((workplace / "metrics.json").read_text())))
            # The mean over batches, whose number is another one.
            found[-1].pop("loss")
        assert found[0] == found[1] == found[2]

    def test_the_checkpoint_is_not_read_again(self, workplace, allennlp):
        weights = workplace / "fixtures/tiny-luke/model.safetensors"
        hidden = weights.rename(workplace / "hidden.safetensors")
        try:
            with pytest.raises(Exception, match="no weights"):
                load_archive(ARCHIVE, overrides={"model.embedder.load_weights": True})
            finished = allennlp("evaluate", ARCHIVE, "fixtures/ner/dev.conll", "--output-file", "again.json")
        finally:
            hidden.rename(weights)
        assert finished.status == 0, finished.err
        last = scores(json.loads((workplace / RUN / "metrics.json").read_text()), "validation_")
        assert scores(json.loads((workplace / "again.json").read_text())) == pytest.approx(last, abs=1e-6)

    def test_the_archive_holds_weights_config_and_vocabulary(self, workplace):
        with tarfile.open(workplace / ARCHIVE) as archive:
            names = {name.removeprefix("./") for name in archive.getnames()}
        assert {"config.json", "weights.th", "vocabulary/labels.txt"} <= names


@pytest.mark.usefixtures("trained")
class TestPredict:
    def test_raw_sentences(self, workplace, allennlp, raw_sentences):
        arguments = ("--output-file", "raw_predictions.jsonl", "--silent")
        finished = allennlp("predict", ARCHIVE, str(raw_sentences), *arguments)
        assert finished.status == 0, finished.err
        inputs, outputs = records(raw_sentences), records(workplace / "raw_predictions.jsonl")
        assert [record["text"] for record in outputs] == [record["text"] for record in inputs]
        for record in outputs:
            check_entities(record)
        found = [entity for record in outputs for entity in record["entities"]]
        assert len(found) > 1
        shown = allennlp("show-entities", "raw_predictions.jsonl")
        assert shown.status == 0
        first = found[0]
        assert f"[{first['text']} {first['label']}]" in shown.out
        assert shown.out.splitlines()[-1].split()[0] in ("LOC", "MISC", "ORG", "PER")

    def test_batches_do_not_matter(self, workplace, allennlp):
        inputs = "fixtures/ner/sentences.jsonl"
        for size, output in (("1", "one.jsonl"), ("4", "four.jsonl")):
            arguments = ("--output-file", output, "--silent", "--batch-size", size)
            assert allennlp("predict", ARCHIVE, inputs, *arguments).status == 0
        one, four = records(workplace / "one.jsonl"), records(workplace / "four.jsonl")
        assert len(one) == len(four) == 6
        for first, second in zip(one, four, strict=True):
            check_entities(first)
            assert first["text"] == second["text"]
            for entity in first["entities"] + second["entities"]:
                entity["score"] = pytest.approx(entity["score"], abs=1e-4)
            assert first["entities"] == second["entities"]

    def test_prints_without_an_output_file(self, allennlp):
        finished = allennlp("predict", ARCHIVE, "fixtures/ner/sentences.jsonl")
        lines = [line for line in finished.out.splitlines() if line.startswith("prediction: ")]
        assert len(lines) == 6 and json.loads(lines[0].removeprefix("prediction: "))["text"].startswith(
            "Tavin"
        )

    def test_files_of_the_reader(self, workplace, allennlp):
        arguments = ("--use-dataset-reader", "--output-file", "reader.jsonl", "--silent")
        finished = allennlp("predict", ARCHIVE, "fixtures/ner/train.conll", *arguments)
        assert finished.status == 0, finished.err
        outputs = records(workplace / "reader.jsonl")
        text = (workplace / "fixtures/ner/train.conll").read_text(encoding="utf-8")
        sentences = [
            " ".join(line.split()[0] for line in part.splitlines())
            for part in text.split("\n\n")
            if part.strip() and "-DOCSTART-" not in part
        ]
        assert [record["text"] for record in outputs] == sentences
        assert {record["document"] for record in outputs} == {str(number) for number in range(8)}
        for record in outputs:
            check_entities(record)
