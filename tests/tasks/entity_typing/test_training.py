"""The shipped config from training to evaluation and prediction, on the fixture."""

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.predictors import Predictor

import luke_allennlp.tasks.entity_typing  # noqa: F401

EPOCHS = 30


@pytest.mark.slow
def test_learns_what_it_is_shown(
    root_dir: Path, fixtures_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
    monkeypatch.setenv("LUKE_DATA", str(fixtures_dir / "data"))
    train = str(fixtures_dir / "data" / "open_entity" / "train.json")
    config = Params.from_file(
        str(root_dir / "training_configs" / "entity_typing" / "open_entity.jsonnet"),
        {"trainer.optimizer.lr": 2e-3, "trainer.num_epochs": EPOCHS, "validation_data_path": train},
    )
    train_model(config, str(tmp_path / "run"))

    def read(name: str) -> Dict[str, Any]:
        return json.loads((tmp_path / "run" / name).read_text())

    first, last = (read(f"metrics_epoch_{epoch}.json") for epoch in (0, EPOCHS - 1))
    assert last["training_loss"] < 0.03 < 0.3 < first["training_loss"]
    for score in ("f1", "macro_f1", "exact_match"):
        assert last[f"validation_{score}"] == 1.0 > first[f"validation_{score}"]

    # The archive scores as the training did at its best, and on the test data as it reported.
    archive, metrics = tmp_path / "run" / "model.tar.gz", read("metrics.json")
    assert metrics["best_validation_f1"] == 1.0
    test = train.replace("train.json", "test.json")
    for prefix, path in (("best_validation", train), ("test", test)):
        scores = evaluate_from_archive(archive, path)
        assert len(scores) == 8
        for name, value in scores.items():
            assert value == pytest.approx(metrics[f"{prefix}_{name}"], rel=1e-6), (prefix, name)
    assert 0.3 < metrics["test_f1"]

    predictor = Predictor.from_path(str(archive))
    records = json.loads(Path(train).read_text(encoding="utf-8"))
    outputs = predictor.predict_batch_json(
        [{"text": record["sent"], "span": [record["start"], record["end"]]} for record in records]
    )
    for record, output in zip(records, outputs, strict=True):
        assert output["mention"] == record["sent"][record["start"] : record["end"]]
        assert {found["label"] for found in output["labels"]} == set(record["labels"])
        assert all(found["probability"] > 0.5 for found in output["labels"])
