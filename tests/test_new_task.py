"""`docs/new_task.md`, followed to the letter: its files are written to a new folder, trained and run."""

import json
import re
import shutil
import sys

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.models import Model
from allennlp.predictors import Predictor

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.entity_typing import EntityTypingReader
from tests.conftest import ROOT, allennlp_in_process

BLOCK = re.compile(r"^```\w+\n(?:#|//) (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def files():
    """The files that the page shows, by their paths."""
    return dict(BLOCK.findall((ROOT / "docs" / "new_task.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module", autouse=True)
def registry_as_before():
    yield
    for base in (DatasetReader, Model, Predictor):
        base._registry[base].pop("sentiment", None)
    for name in [name for name in sys.modules if name.split(".")[0] == "sentiment"]:
        del sys.modules[name]


@pytest.fixture
def place(tmp_path, fixtures_dir, monkeypatch):
    for name, content in files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    shutil.copytree(ROOT / "training_configs" / "lib", tmp_path / "training_configs" / "lib")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
    return tmp_path


def test_the_page(place, fixtures_dir, monkeypatch, capfd):
    allennlp = allennlp_in_process(monkeypatch, capfd)
    packages = ["--include-package", "luke_allennlp", "--include-package", "sentiment"]
    config, data = "training_configs/sentiment.jsonnet", place / "data" / "train.jsonl"
    cpu = ["--overrides", '{"trainer.cuda_device": -1}']
    result = allennlp("train", config, *packages, *cpu, "-s", "runs/sentiment")
    assert result.status == 0, result.err
    metrics = json.loads((place / "runs/sentiment/metrics.json").read_text())
    assert metrics["epoch"] == 1 and 0 <= metrics["validation_accuracy"] <= 1

    for options in ([], ["--use-dataset-reader"]):
        output = ["--silent", "--output-file", "out.jsonl"]
        archive = "runs/sentiment/model.tar.gz"
        result = allennlp("predict", archive, str(data), *packages, *options, *output)
        assert result.status == 0, result.err
        outputs = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
        assert [output["mention"] for output in outputs] == ["Tavin Oakesh", "Edda Rask", "Vexford", "Ruvin"]
        assert all(output["sentiment"] in ("positive", "negative") for output in outputs)
        assert all(0.5 <= output["probability"] <= 1 for output in outputs)

    # Tasks know each other's records without a list of tasks.
    tokenizer = WordTokenizer(str(fixtures_dir / "tiny-luke"), ["[ENTITY]"])
    with pytest.raises(ConfigurationError, match="line 1: is data for the reader 'sentiment'"):
        list(EntityTypingReader(tokenizer).read_examples(str(data)))
