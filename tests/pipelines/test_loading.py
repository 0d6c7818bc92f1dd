"""Names of models."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable

import pytest
from allennlp.common.checks import ConfigurationError

import luke_allennlp
from luke_allennlp.pipelines import archives
from tests.exchange.comparison import NER


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_archive_run_and_what_is_unpacked(ner_archive: Path, tmp_path: Path) -> None:
    text = "Zoë left Vexford."
    expected = luke_allennlp.load(str(ner_archive))(text)
    run = tmp_path / "run"
    run.mkdir()
    shutil.copyfile(ner_archive, run / "model.tar.gz")
    assert luke_allennlp.load(run)(text) == expected
    with tarfile.open(ner_archive) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert luke_allennlp.load(tmp_path / "unpacked", max_tokens=64, batch_size=2)(text) == expected


def test_published_model_is_imported_once(
    published: Callable[[str], Path], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "theirs"
    shutil.copytree(published(NER), directory)
    pipeline = luke_allennlp.load(directory)
    assert pipeline.task == "ner" and pipeline.labels == ["MISC", "PER", "ORG", "LOC"]
    (made,) = cache.glob("imported/theirs-*/model.tar.gz")
    calls = []
    monkeypatch.setattr(archives, "import_checkpoint", lambda *_, **__: calls.append(1))
    assert archives.find_archive(directory) == str(made) and not calls
    # Another version of it.
    (directory / "config.json").write_text((directory / "config.json").read_text() + "\n")
    archives.find_archive(directory)
    assert calls


@pytest.mark.parametrize(
    "name, message",
    [
        ("runs/nothing/here", "there is no such file or directory"),
        ("./model.tar.gz", "there is no such file or directory"),
        ("empty", "the directory is empty"),
        ("going", "the run has no model.tar.gz; it has not ended"),
    ],
)
def test_no_model(name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for directory in ("empty", "going"):
        Path(directory).mkdir()
    Path("going/config.json").write_text(json.dumps({"dataset_reader": {}, "model": {}}))
    with pytest.raises(ConfigurationError, match=message):
        luke_allennlp.load(name)


@pytest.mark.parametrize("device", ["tpu", "cuda:77", 77, "cpuu", 1.5])
def test_no_device(ner_archive: Path, device: Any) -> None:
    with pytest.raises(ConfigurationError, match="device is|GPU"):
        luke_allennlp.load(ner_archive, device=device)


def test_overrides_are_used_or_refused(ner_archive: Path) -> None:
    pipeline = luke_allennlp.load(ner_archive, overrides={"model.flat": False})
    assert pipeline.predictor._model.flat is False
    with pytest.raises(ConfigurationError, match="trainer.num_epochs"):
        luke_allennlp.load(ner_archive, overrides={"trainer.num_epochs": 3})
