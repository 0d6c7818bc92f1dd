"""Training by the shipped config learns its data by heart; the archive evaluates and predicts the same."""

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.data import DataLoader
from allennlp.models import load_archive
from allennlp.predictors import Predictor
from allennlp.training.util import evaluate
from allennlp_models.rc.tools.squad import normalize_answer

import luke_allennlp  # noqa: F401
import luke_allennlp.tasks.reading_comprehension  # noqa: F401

EPOCHS = 48


@pytest.mark.slow
def test_learns_its_data_by_heart(root_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root_dir)
    monkeypatch.setenv("LUKE_MODEL", "fixtures/tiny-luke")
    monkeypatch.setenv("LUKE_DATA", "fixtures/data")
    data = "fixtures/data/squad/train-v1.1.json"
    # Windows short enough for the long passage to have several.
    windows = {"max_length": 112, "stride": 40}
    overrides = {
        "validation_data_path": None,
        "data_loader.batch_size": 8,
        "trainer.num_epochs": EPOCHS,
        "trainer.num_gradient_accumulation_steps": 1,
        "trainer.optimizer.lr": 5e-3,
        "trainer.cuda_device": -1,
        "model.embedder.hidden_dropout": 0,
        "model.embedder.attention_dropout": 0,
    }
    for reader in ("dataset_reader", "validation_dataset_reader"):
        overrides.update({f"{reader}.{option}": value for option, value in windows.items()})
    config = Params.from_file("training_configs/reading_comprehension/squad.jsonnet", json.dumps(overrides))
    train_model(config, str(tmp_path / "run"))
    losses = [
        json.loads((tmp_path / "run" / f"metrics_epoch_{epoch}.json").read_text())["training_loss"]
        for epoch in (0, EPOCHS - 1)
    ]
    assert losses[1] < 0.05 < 1 < losses[0]

    archive = load_archive(tmp_path / "run" / "model.tar.gz")
    loader = DataLoader.from_params(
        Params({"batch_size": 32}), reader=archive.validation_dataset_reader, data_path=data
    )
    loader.index_with(archive.model.vocab)
    metrics = evaluate(archive.model, loader)
    assert metrics["em"] == metrics["f1"] == 100.0

    # Raw text in, the same answers out.
    predictor = Predictor.from_archive(archive)
    record: Dict[str, Any] = json.loads(Path(data).read_text(encoding="utf-8"))
    outputs = predictor.predict_json(record)["questions"]
    gold = {
        question["id"]: (paragraph["context"], question)
        for article in record["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    }
    assert len(outputs) == len(gold) > 50
    for output in outputs:
        context, question = gold[output["id"]]
        answer = output["answer"]
        assert context[answer["start"] : answer["end"]] == answer["text"]
        # As the metric compares them: a sub-word may hold more than the answer, such as a bracket.
        assert normalize_answer(answer["text"]) == normalize_answer(question["answers"][0]["text"])
