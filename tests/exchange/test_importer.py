"""What cannot be imported, what options do, and that nothing is left of an import that failed."""

import json
import shutil
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models import load_archive
from safetensors.torch import load_file, save_file

from luke_allennlp.exchange import export_checkpoint, import_checkpoint

TYPING, PAIRS, SPANS = (f"LukeForEntity{kind}Classification" for kind in ("", "Pair", "Span"))


@pytest.fixture
def copy(published: Any, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a published model, to be damaged."""

    def make(architecture: str) -> Path:
        shutil.copytree(published(architecture), tmp_path / "source")
        return tmp_path / "source"

    return make


def change_config(source: Path, **values: Any) -> None:
    config = json.loads((source / "config.json").read_text())
    config.update(values)
    (source / "config.json").write_text(json.dumps(config))


def change_weights(source: Path, change: Callable[[Any], None]) -> None:
    weights = load_file(source / "model.safetensors")
    change(weights)
    save_file(weights, source / "model.safetensors", {"format": "pt"})


def refused(source: Path, **options: Any) -> str:
    target = source.parent / "imported"
    before = set(source.parent.iterdir())
    with pytest.raises(ConfigurationError) as error:
        import_checkpoint(str(source), str(target), **options)
    assert set(source.parent.iterdir()) == before, "something was left behind"
    return str(error.value)


def test_labels_of_a_file(copy: Any, tmp_path: Path) -> None:
    source = copy(SPANS)
    change_config(source, id2label={str(i): f"LABEL_{i}" for i in range(5)})
    assert "no label 'NIL'" in refused(source)
    labels = tmp_path / "labels.txt"
    labels.write_text("NIL\nA\nB\nC\n")
    message = refused(source, labels=str(labels))
    assert str(labels) in message and "4 different labels" in message and "5 rows" in message
    labels.write_text("NIL\nA\nB\nC\nA\n")
    assert "4 different labels" in refused(source, labels=str(labels))
    labels.write_text("NIL\nA\nB\nC\nD\n")
    archive = load_archive(import_checkpoint(str(source), str(tmp_path / "imported"), labels=str(labels)))
    assert list(archive.model.vocab.get_token_to_index_vocabulary("labels")) == ["NIL", "A", "B", "C", "D"]


def test_weights_that_are_not_all_there(copy: Any) -> None:
    source = copy(TYPING)
    name = "luke.encoder.layer.1.output.dense.bias"
    change_weights(source, lambda weights: weights.pop(name))
    assert "missing: encoder.layer.1.output.dense.bias" in refused(source)


def test_weights_too_many(copy: Any) -> None:
    source = copy(TYPING)
    change_weights(source, lambda weights: weights.update({"luke.encoder.adapter.weight": torch.zeros(2)}))
    assert "unexpected: encoder.adapter.weight" in refused(source)


def test_weights_of_another_shape(copy: Any) -> None:
    source = copy(TYPING)
    change_weights(source, lambda weights: weights.update({"classifier.bias": torch.zeros(4)}))
    assert "classifier.bias has shape (4,), expected (9,)" in refused(source)


def test_a_pretrained_model_is_none(fixtures_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(fixtures_dir / "tiny-luke", tmp_path / "source")
    message = refused(tmp_path / "source")
    assert "no fine-tuned model of a known task" in message and "model_name" in message


def test_a_model_without_entities_is_none(fixtures_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(fixtures_dir / "tiny-roberta", tmp_path / "source")
    assert "is a roberta, without entities" in refused(tmp_path / "source")


def test_no_such_task(copy: Any) -> None:
    assert "no task 'nre'; expected one of entity_typing" in refused(copy(TYPING), task="nre")


def test_another_task_than_the_head_is_of(copy: Any) -> None:
    message = refused(copy(TYPING), task="reading_comprehension")
    assert "do not fit a model of luke_reading_comprehension" in message
    assert "missing: qa_outputs.weight, qa_outputs.bias" in message


def test_told_by_the_head_alone(copy: Any, tmp_path: Path) -> None:
    source = copy(PAIRS)
    change_config(source, architectures=["SomebodysModel"])
    archive = load_archive(import_checkpoint(str(source), str(tmp_path / "imported")))
    assert archive.config["model"]["type"] == "luke_relation_classification"
    assert archive.model.classifier.bias is None


def test_a_head_with_bias(copy: Any, tmp_path: Path) -> None:
    source = copy(PAIRS)
    change_weights(source, lambda weights: weights.update({"classifier.bias": torch.tensor([1.0, 2.0, 3.0])}))
    archive = load_archive(import_checkpoint(str(source), str(tmp_path / "imported")))
    assert archive.model.classifier.bias.tolist() == [1.0, 2.0, 3.0]


def test_markers_that_the_checkpoint_names(copy: Any, tmp_path: Path) -> None:
    source = copy(TYPING)
    config = json.loads((source / "tokenizer_config.json").read_text())
    config["entity_token_1"] = {"content": "<ent2>", "lstrip": False}
    (source / "tokenizer_config.json").write_text(json.dumps(config))
    archive = load_archive(import_checkpoint(str(source), str(tmp_path / "imported")))
    assert archive.config["dataset_reader"]["marker"] == "<ent2>"


def test_lite_keeps_nothing_for_an_export(published: Any, tmp_path: Path) -> None:
    whole = import_checkpoint(str(published(TYPING)), str(tmp_path / "whole"))
    lite = import_checkpoint(str(published(TYPING)), str(tmp_path / "lite"), lite=True)
    first, second = load_archive(whole).model.state_dict(), load_archive(lite).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not (tmp_path / "lite" / "checkpoint" / "source").exists()
    export_checkpoint(str(lite), str(tmp_path / "out"))
    assert len(json.loads((tmp_path / "out" / "entity_vocab.json").read_text())) == 4


def test_nothing_is_overwritten_unasked(published: Any, tmp_path: Path) -> None:
    target = tmp_path / "imported"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        import_checkpoint(str(published(TYPING)), str(target))
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
    import_checkpoint(str(published(TYPING)), str(target), force=True)
    assert (target / "model.tar.gz").is_file() and not (target / "mine.txt").exists()


def test_pickles_run_nothing(copy: Any, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "evil",))

    source = copy(TYPING)
    (source / "model.safetensors").unlink()
    torch.save({"classifier.weight": Evil()}, source / "pytorch_model.bin")
    assert "refused" in refused(source)
    assert not (tmp_path / "evil").exists()
