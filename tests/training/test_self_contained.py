"""Archives that `train` makes need nothing beside them."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable

import huggingface_hub
import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.plugins import import_plugins
from allennlp.data import Batch
from allennlp.models import load_archive
from allennlp.models.archival import Archive

from luke_allennlp.checkpoints.model_files import _download
from luke_allennlp.exchange import export_checkpoint
from tests.checkpoints.conftest import make_original  # noqa: F401
from tests.conftest import FIXTURES, ROOT

CONFIGS = {
    "ner": "ner/demo",
    "typing": "entity_typing/open_entity",
    "relations": "relation_classification/tacred",
    "cloze": "cloze_qa/record",
    "squad": "reading_comprehension/squad",
    "crf": "ner/crf_tagger",
    "baseline": "entity_typing/open_entity_roberta",
}
pytestmark = pytest.mark.slow
FEW = {"trainer.num_epochs": 1, "test_data_path": None, "evaluate_on_test": False}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import_plugins()
    for name in ("fixtures", "training_configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LUKE_DATA", "fixtures/data")
    return tmp_path


def train(place: Path, config: str, checkpoint: str, **overrides: Any) -> Path:
    values = json.loads(
        json.dumps(Params.from_file(f"training_configs/{config}.jsonnet").as_dict(quiet=True))
    )
    _rename(values, checkpoint)
    params = Params(Params(values).as_dict(quiet=True))
    for key, value in {**FEW, "dataset_reader.max_instances": 24, **overrides}.items():
        *parts, last = key.split(".")
        at: Any = params.params
        for part in parts:
            at = at[part]
        at[last] = value
    train_model(params, str(place / "run"))
    return place / "run" / "model.tar.gz"


def _rename(value: Any, checkpoint: str) -> None:
    if isinstance(value, dict):
        if "model_name" in value:
            value["model_name"] = checkpoint
        for item in value.values():
            _rename(item, checkpoint)


def outputs(archive: Archive, data: str) -> torch.Tensor:
    instances = list(archive.validation_dataset_reader.read(data))[:4]
    for instance in instances:
        archive.validation_dataset_reader.apply_token_indexers(instance)
        instance.index_fields(archive.model.vocab)
    with torch.no_grad():
        output = archive.model.eval()(**Batch(instances).as_tensor_dict())
    return output["logits"] if "logits" in output else output["start_logits"]


@pytest.mark.parametrize("name", list(CONFIGS))
def test_without_the_checkpoint(name: str, place: Path) -> None:
    tiny = FIXTURES / ("tiny-roberta" if name == "baseline" else "tiny-luke")
    start = shutil.copytree(tiny, place / "start")
    path = train(place, CONFIGS[name], str(start))
    expected = outputs(load_archive(path), data := data_of(path))
    with tarfile.open(path) as archive:
        assert "checkpoint/config.json" in archive.getnames()
        assert not [member for member in archive.getnames() if "model.safetensors" in member]
    shutil.rmtree(start)
    # The directory of the run is read like the archive.
    assert torch.equal(outputs(load_archive(place / "run"), data), expected)
    shutil.move(path, place / "moved.tar.gz")
    shutil.rmtree(place / "run")
    moved = load_archive(place / "moved.tar.gz")
    assert torch.equal(outputs(moved, data), expected)
    if name in ("crf", "baseline"):
        return
    export_checkpoint(str(place / "moved.tar.gz"), str(place / "exported"))
    assert (place / "exported" / "model.safetensors").is_file()


def data_of(path: Path) -> str:
    return str(json.loads((path.parent / "config.json").read_text())["train_data_path"])


def test_of_an_original_release(
    place: Path,
    make_original: Callable[..., Path],  # noqa: F811
) -> None:
    start = make_original()
    path = train(place, "relation_classification/tacred", str(start))
    expected = outputs(load_archive(path), data := data_of(path))
    shutil.rmtree(start)
    assert torch.equal(outputs(load_archive(path), data), expected)


def test_with_other_weights_and_the_plain_trainer(place: Path) -> None:
    start, weights = shutil.copytree(FIXTURES / "tiny-luke", place / "start"), place / "other.safetensors"
    (start / "model.safetensors").rename(weights)
    trainer = {"num_epochs": 1, "optimizer": "adam", "cuda_device": -1}
    embedder = {"model.embedder.override_weights_file": str(weights)}
    path = train(place, "ner/demo", str(start), trainer=trainer, **embedder)
    expected = outputs(load_archive(path), data := data_of(path))
    shutil.rmtree(start)
    weights.unlink()
    assert torch.equal(outputs(load_archive(path), data), expected)


def test_a_lean_one_needs_its_checkpoint(place: Path) -> None:
    start = shutil.copytree(FIXTURES / "tiny-luke", place / "start")
    lean = {"trainer.callbacks": [{"type": "archived_checkpoint", "lean": True}]}
    path = train(place, "ner/demo", str(start), **lean)
    load_archive(path)
    start.rename(place / "elsewhere")
    with pytest.raises(ConfigurationError, match="There is no model directory"):
        load_archive(path)
    new = str(place / "elsewhere")
    names = ("model.embedder.model_name", "dataset_reader.tokenizer.model_name")
    load_archive(path, overrides=dict.fromkeys(names, new))


def test_the_knob_of_the_configs(place: Path) -> None:
    (place / "lean.jsonnet").write_text("(import 'training_configs/ner/demo.jsonnet') + { lean:: true }")
    (first, *_) = Params.from_file("lean.jsonnet")["trainer"]["callbacks"]
    assert first.as_dict() == {"type": "archived_checkpoint", "lean": True}


def test_a_link_database_stays_beside_it(place: Path) -> None:
    links = shutil.copytree(FIXTURES / "data" / "squad" / "links", place / "links")
    linker = {
        f"{reader}.linker.link_database": str(links)
        for reader in ("dataset_reader", "validation_dataset_reader")
    }
    path = train(place, "reading_comprehension/squad", str(FIXTURES / "tiny-luke"), **linker)
    shutil.rmtree(links)
    with pytest.raises(ConfigurationError) as error:
        load_archive(path)
    assert f"the linker's link_database: {links}: there is no such directory" in str(error.value)
    assert "An archive does not contain it" in str(error.value)


def test_of_the_hub(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, commit = place / "hub", "0" * 40
    repository = cache / "models--studio-ousia--luke-tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    shutil.copytree(FIXTURES / "tiny-luke", repository / "snapshots" / commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    path = train(place, "entity_typing/open_entity", "studio-ousia/luke-tiny")
    expected = outputs(load_archive(path), data := data_of(path))
    shutil.rmtree(cache)
    _download.cache_clear()
    assert torch.equal(outputs(load_archive(path), data), expected)
    export_checkpoint(str(path), str(place / "exported"))


def test_of_several_processes(place: Path) -> None:
    start = shutil.copytree(FIXTURES / "tiny-luke", place / "start")
    path = train(place, "ner/demo", str(start), distributed={"cuda_devices": [-1, -1]})
    expected = outputs(load_archive(path), data := data_of(path))
    shutil.rmtree(start)
    assert torch.equal(outputs(load_archive(path), data), expected)
