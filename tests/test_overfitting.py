"""Training learns a corpus by heart."""

import json
from pathlib import Path

import pytest
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.data.data_loaders import SimpleDataLoader
from allennlp.models import load_archive
from allennlp.training.util import evaluate

import luke_allennlp  # noqa: F401
from tests.conftest import small_corpus


@pytest.mark.slow
@pytest.mark.parametrize("precision, epochs", [(None, 20), ("bf16", 30)])
def test_f1_of_the_training_data_reaches_one(root_dir, tmp_path, monkeypatch, precision, epochs):
    # The demonstration's config with shorter windows and a third of its data: a quarter of a minute.
    data = str(tmp_path / "train.conll")
    small_corpus(root_dir / "fixtures" / "ner" / "train.conll", Path(data), 24)
    overrides = {
        "trainer.optimizer.lr": 4e-3,
        "trainer.num_epochs": epochs,
        "trainer.precision": precision,
        "dataset_reader.max_length": 48,
        "train_data_path": data,
        "validation_data_path": None,
    }
    monkeypatch.chdir(root_dir)
    config = Params.from_file("training_configs/ner/demo.jsonnet", json.dumps(overrides))
    train_model(config, str(tmp_path / "run"))
    archive = load_archive(tmp_path / "run" / "model.tar.gz")
    loader = SimpleDataLoader(list(archive.validation_dataset_reader.read(data)), 32)
    loader.index_with(archive.model.vocab)
    metrics = evaluate(archive.model, loader)
    assert metrics["f1"] == metrics["precision"] == metrics["recall"] == 1.0
    assert all(metrics[f"f1_{label}"] == 1.0 for label in ("PER", "ORG", "LOC", "MISC"))
