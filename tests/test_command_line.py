"""`allennlp train`, `evaluate`, `predict` and `show-entities`, as a user types them."""

import json
import re
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


def read_scores(path, prefix=""):
    metrics = json.loads(path.read_text())
    found = {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}
    return {n: v for n, v in found.items() if n.split("_")[0] in ("precision", "recall", "f1", "loss")}


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


def sentences_of(path):
    """The sentences of a file in CoNLL's form as running text."""
    return [
        " ".join(line.split()[0] for line in part.splitlines())
        for part in path.read_text(encoding="utf-8").split("\n\n")
        if part.strip() and "-DOCSTART-" not in part
    ]


class TestTrain:
    def test_the_run(self, workplace, trained):
        assert trained.out.splitlines()[0].startswith(f"Run          {RUN} ")
        assert "Traceback" not in trained.out + trained.err
        # Of the libraries'; what is unusual in so small a training may be warned of.
        assert not re.search(r"\wWarning", trained.out + trained.err)
        names = {path.name for path in (workplace / RUN).iterdir()}
        assert {"config.json", "metrics.json", "model.tar.gz", "out.log", "vocabulary"} <= names
        metrics = json.loads((workplace / RUN / "metrics.json").read_text())
        assert metrics["epoch"] == metrics["best_epoch"] == DEMO_EPOCHS - 1
        assert metrics["training_loss"] < 0.1
        with tarfile.open(workplace / ARCHIVE) as archive:
            names = {name.removeprefix("./") for name in archive.getnames()}
        assert {"config.json", "weights.th", "vocabulary/labels.txt"} <= names

    def test_the_log_counts_what_was_read(self, workplace, trained):
        log = (workplace / RUN / "out.log").read_text(encoding="utf-8")
        words = sum(len(s.split()) for s in sentences_of(workplace / "fixtures/ner/train.conll"))
        counted = [line for line in log.splitlines() if "fixtures/ner/train.conll: 8 documents" in line]
        assert len(counted) == 1 and f" {words:,} words" in counted[0]
        # No two entities of a type stand side by side in so small a part.
        assert "fixtures/ner/train.conll: the tag scheme is recognised as IO," in log

    @pytest.mark.slow
    def test_overwrites_it_when_asked(self, workplace, allennlp):
        arguments = ("train", CONFIG, "-s", "runs/other", "-o", '{"trainer.num_epochs": 1}')
        note = workplace / "runs/other/note.txt"
        assert allennlp(*arguments).status == 0
        note.write_text("mine")
        # A mistake in the new config costs nothing of the old run.
        mistake = '{"train_data_path": "fixtures/ner/none.conll"}'
        assert allennlp(*arguments[:-1], mistake, "--force").status == 1 and note.exists()
        finished = allennlp(*arguments, "--force")
        assert finished.status == 0 and RUN not in finished.out
        assert not note.exists() and (workplace / "runs/other/model.tar.gz").exists()


@pytest.mark.usefixtures("trained")
class TestEvaluate:
    def test_gives_the_metrics_of_the_last_epoch_without_the_checkpoint(self, workplace, allennlp):
        weights = workplace / "fixtures/tiny-luke/model.safetensors"
        hidden = weights.rename(workplace / "hidden.safetensors")
        try:
            with pytest.raises(Exception, match="no weights"):
                load_archive(ARCHIVE, overrides={"model.embedder.load_weights": True})
            arguments = ("fixtures/ner/dev.conll", "--output-file", "metrics.json")
            assert allennlp("evaluate", ARCHIVE, *arguments).status == 0
        finally:
            hidden.rename(weights)
        evaluated = read_scores(workplace / "metrics.json")
        last = read_scores(workplace / RUN / f"metrics_epoch_{DEMO_EPOCHS - 1}.json", "validation_")
        assert {"precision", "recall", "f1", "f1_PER", "loss"} <= evaluated.keys()
        assert evaluated == pytest.approx(last, abs=1e-6) and evaluated["f1"] > 0

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
            found.append(read_scores(workplace / "metrics.json"))
        assert found[1] == pytest.approx(found[0], abs=1e-6) == found[2]


@pytest.mark.usefixtures("trained")
class TestPredict:
    def predict(self, workplace, allennlp, inputs, *options):
        arguments = ("--output-file", "out.jsonl", "--silent", *options)
        finished = allennlp("predict", ARCHIVE, inputs, *arguments)
        assert finished.status == 0, finished.err
        outputs = records(workplace / "out.jsonl")
        for record in outputs:
            check_entities(record)
        return outputs

    def test_raw_sentences_are_shown(self, workplace, allennlp):
        texts = sentences_of(workplace / "fixtures/ner/train.conll")
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (workplace / "raw.jsonl").write_text(lines, encoding="utf-8")
        outputs = self.predict(workplace, allennlp, "raw.jsonl")
        assert [record["text"] for record in outputs] == texts
        first, *others = [entity for record in outputs for entity in record["entities"]]
        shown = allennlp("show-entities", "out.jsonl")
        assert others and shown.status == 0
        assert f"[{first['text']} {first['label']}]" in shown.out
        assert shown.out.splitlines()[-1].split()[0] in ("LOC", "MISC", "ORG", "PER")

    def test_batches_do_not_matter(self, workplace, allennlp):
        one, four = (
            self.predict(workplace, allennlp, "fixtures/ner/sentences.jsonl", "--batch-size", size)
            for size in ("1", "4")
        )
        assert len(one) == len(four) == 6
        for first, second in zip(one, four, strict=True):
            assert first["text"] == second["text"]
            for entity in first["entities"] + second["entities"]:
                entity["score"] = pytest.approx(entity["score"], abs=1e-4)
            assert first["entities"] == second["entities"]

    def test_prints_without_an_output_file(self, allennlp):
        finished = allennlp("predict", ARCHIVE, "fixtures/ner/sentences.jsonl")
        lines = [line for line in finished.out.splitlines() if line.startswith("prediction: ")]
        assert len(lines) == 6
        assert json.loads(lines[0].removeprefix("prediction: "))["text"].startswith("Tavin")

    def test_files_of_the_reader(self, workplace, allennlp):
        file = "fixtures/ner/train.conll"
        outputs = self.predict(workplace, allennlp, file, "--use-dataset-reader")
        assert [record["text"] for record in outputs] == sentences_of(workplace / file)
        assert {record["document"] for record in outputs} == {str(number) for number in range(8)}
