"""The shipped config from training to evaluation and prediction, on the fixture."""

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.commands import main
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import Params

EPOCHS = 25


@pytest.mark.slow
def test_learns_what_it_is_shown(
    root_dir: Path, fixtures_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
    monkeypatch.setenv("LUKE_DATA", str(fixtures_dir / "data"))
    data = fixtures_dir / "data" / "record"
    train = str(data / "train.json")
    config = Params.from_file(
        str(root_dir / "training_configs" / "cloze_qa" / "record.jsonnet"),
        {
            "validation_data_path": train,
            "data_loader.batch_size": 8,
            "trainer.num_gradient_accumulation_steps": 1,
            "trainer.optimizer.lr": 3e-3,
            "trainer.num_epochs": EPOCHS,
            # So small a model has nothing to spare for dropout.
            "model.dropout": 0.0,
            "model.embedder.hidden_dropout": 0.0,
            "model.embedder.attention_dropout": 0.0,
        },
    )
    train_model(config, str(tmp_path / "run"))

    def read(name: str) -> Dict[str, Any]:
        return json.loads((tmp_path / "run" / name).read_text())

    first, last = (read(f"metrics_epoch_{epoch}.json") for epoch in (0, EPOCHS - 1))
    assert last["training_loss"] < 0.02 < 0.4 < first["training_loss"]
    assert last["validation_em"] == last["validation_f1"] == 100.0 > first["validation_em"]

    # The archive scores as the training did at its best.
    archive, metrics = str(tmp_path / "run" / "model.tar.gz"), read("metrics.json")
    scores = evaluate_from_archive(archive, train)
    assert set(scores) == {"em", "f1", "loss"}
    for name, value in scores.items():
        assert value == pytest.approx(metrics[f"best_validation_{name}"], rel=1e-6), name
    # The other forms are read and scored, too; one of the questions cannot be answered.
    for name in ("superglue_dev.jsonl", "questions.jsonl"):
        assert 30 < evaluate_from_archive(archive, str(data / name))["em"] < 100

    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    answers = []
    with source.open("w", encoding="utf-8") as file:
        for article in json.loads(Path(train).read_text(encoding="utf-8"))["data"]:
            passage = article["passage"]
            candidates = [[span["start"], span["end"] + 1] for span in passage["entities"]]
            for question in article["qas"]:
                record = {"passage": passage["text"], "query": question["query"], "candidates": candidates}
                file.write(json.dumps(record) + "\n")
                answers.append({answer["text"] for answer in question["answers"]})
    command = ["allennlp", "predict", archive, str(source), "--output-file", str(target), "--silent"]
    monkeypatch.setattr("sys.argv", [*command, "--batch-size", "5", "--include-package", "luke_allennlp"])
    main()
    outputs = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    for output, right in zip(outputs, answers, strict=True):
        assert output["answer"]["text"] in right
        assert output["answer"]["score"] > 0.5
