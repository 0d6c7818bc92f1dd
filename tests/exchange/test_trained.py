"""What was trained here goes out, and comes back in."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models import load_archive
from safetensors.torch import load_file

from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from tests.exchange.comparison import (
    NER,
    PAIRS,
    QA,
    TYPING,
    assert_close,
    entity_ids,
    instances_of,
    our_logits,
    their_logits,
)

RUNS = {
    TYPING: "entity_typing/open_entity",
    PAIRS: "relation_classification/tacred",
    NER: "ner/demo",
    QA: "reading_comprehension/squad",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, root_dir: Path) -> Path:
    directory = tmp_path_factory.mktemp("place")
    for name in ("fixtures", "training_configs"):
        (directory / name).symlink_to(root_dir / name)
    return directory


@pytest.fixture(autouse=True)
def in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configs' paths count from there."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("LUKE_MODEL", str(place / "fixtures/tiny-luke"))
    monkeypatch.setenv("LUKE_DATA", str(place / "fixtures/data"))


@pytest.fixture(scope="module")
def run(place: Path) -> Any:
    """Trains, once each, for an epoch on a few instances."""

    @functools.cache
    def train(config: str, name: str = "run", **overrides: Any) -> Path:
        start = str(place / "fixtures/tiny-luke")
        options = {
            "dataset_reader.max_instances": 24,
            "trainer.num_epochs": 1,
            "trainer.optimizer.lr": 1e-3,
            "test_data_path": None,
            "evaluate_on_test": False,
            "model.embedder.model_name": start,
            "dataset_reader.tokenizer.model_name": start,
            **overrides,
        }
        params = Params.from_file(f"training_configs/{config}.jsonnet", json.dumps(options))
        directory = place / name / config
        train_model(params, str(directory))
        return directory

    return train


def data_of(directory: Path) -> Path:
    return Path(json.loads((directory / "config.json").read_text())["train_data_path"])


@pytest.mark.parametrize(
    "architecture", [NER, *(pytest.param(name, marks=pytest.mark.slow) for name in (TYPING, PAIRS, QA))]
)
def test_out_and_in(architecture: str, run: Any, tmp_path: Path) -> None:
    directory = run(RUNS[architecture])
    archive = load_archive(directory / "model.tar.gz")
    instances = instances_of(archive, data_of(directory))
    ours = our_logits(archive, instances)
    out = tmp_path / "out"
    exported = export_checkpoint(str(directory), str(out))
    assert exported.architecture == architecture
    if architecture == QA:  # which keeps the whole table
        assert not exported.notes
    else:
        kept = len(set(archive.model.embedder.entities)) + (architecture == PAIRS)
        assert f"only {kept} rows are in the archive" in exported.notes[0]
        assert "[UNK]" in exported.notes[1] and "zeros" in exported.notes[1]
    ids = entity_ids(archive, out)
    if architecture == PAIRS:
        assert ids == [0, 2, 2]
        ids = [0, 2, 3]  # of its two copies of [MASK] the second is exported as [MASK2]
    assert_close(ours, their_logits(out, architecture, instances, ids))

    card = (out / "README.md").read_text()
    assert all(f"- {note}" in card for note in exported.notes)
    assert "| peak learning rate | 0.001 |" in card and "| seed |" in card
    assert str(data_of(directory)) in card
    metrics = json.loads((directory / "metrics.json").read_text())
    name = "best_validation_em" if architecture == QA else "best_validation_f1"
    assert f"| {name} | {metrics[name]:.6g} |" in card

    again = load_archive(import_checkpoint(str(out), str(tmp_path / "again")))
    if architecture != QA:  # whose linker is no part of a checkpoint
        instances = instances_of(again, data_of(directory))
    assert_close(our_logits(again, instances), ours)
    if architecture == PAIRS:
        check_markers(out)


def check_markers(directory: Path) -> None:
    tokenizer = transformers.LukeTokenizer.from_pretrained(directory, task="entity_pair_classification")
    assert tokenizer.convert_tokens_to_ids(["[HEAD]", "[TAIL]"]) == [2000, 2001]
    encoded = tokenizer("Edda Rask leads AVR.", entity_spans=[(0, 9), (16, 19)])
    assert [index for index in encoded["input_ids"] if index >= 2000] == [2000, 2000, 2001, 2001]
    assert encoded["entity_ids"] == [2, 3]


@pytest.mark.slow
def test_a_bias_of_relations_is_kept_and_said(run: Any, tmp_path: Path) -> None:
    directory = run(RUNS[PAIRS], "bias", **{"model.classifier_bias": True})
    exported = export_checkpoint(str(directory), str(tmp_path / "out"))
    assert "no bias" in exported.notes[0]
    bias = load_archive(directory / "model.tar.gz").model.classifier.bias
    assert torch.equal(load_file(tmp_path / "out" / "model.safetensors")["classifier.bias"], bias)
    again = load_archive(import_checkpoint(str(tmp_path / "out"), str(tmp_path / "again")))
    assert torch.equal(again.model.classifier.bias, bias)


@pytest.mark.slow
def test_baselines_are_refused(run: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="model of words only"):
        export_checkpoint(str(run("entity_typing/open_entity_roberta")), str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
