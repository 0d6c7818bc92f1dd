"""The shipped configs from training to prediction: a tiny model learns the fixtures by heart."""

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Set

import pytest
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.predictors import Predictor
from allennlp_models.rc.tools.squad import normalize_answer

import luke_allennlp.components  # noqa: F401

pytestmark = pytest.mark.slow

SMOOTH = {
    "data_loader.batch_size": 8,
    "model.embedder.attention_dropout": 0,
    "model.embedder.hidden_dropout": 0,
}
WINDOWS = {
    f"{reader}.{option}": value
    for reader in ("dataset_reader", "validation_dataset_reader")
    for option, value in (("max_length", 112), ("stride", 40))
}


class Training(NamedTuple):
    config: str
    data: str
    overrides: Dict[str, Any]
    loss: float  # what that of training is below in the end, and far above in the beginning
    scores: Set[str]  # what evaluation reports, all of them perfect
    model: str = "tiny-luke"


F1 = {"precision", "recall", "f1", "macro_precision", "macro_recall", "macro_f1"}
SEMEVAL = {f"semeval_{name}" for name in ("precision", "recall", "f1")}
RELATIONS = {
    **SMOOTH,
    "model.dropout": 0,
    # The scores are perfect long before the model is sure.
    "trainer.validation_metric": "-loss",
    "trainer.optimizer.lr": 4e-3,
    "trainer.num_epochs": 18,
}
TRAININGS = [
    Training(
        "entity_typing/open_entity",
        "open_entity/train.json",
        {"trainer.optimizer.lr": 2e-3, "trainer.num_epochs": 30},
        0.03,
        {*F1, "exact_match"},
    ),
    *(
        Training(
            f"relation_classification/{config}",
            data,
            RELATIONS,
            0.05,
            {*F1, "accuracy", *(SEMEVAL if data.endswith("txt") else ())},
            "tiny-roberta" if config == "tacred_roberta" else "tiny-luke",
        )
        for config, data in (
            ("tacred", "tacred/train.json"),
            ("tacred_roberta", "tacred/train.json"),
            ("semeval2010_task8", "semeval2010_task8/train.txt"),
            ("kbp37", "kbp37/train.txt"),
        )
    ),
    Training(
        "cloze_qa/record",
        "record/train.json",
        {**SMOOTH, "model.dropout": 0, "trainer.optimizer.lr": 3e-3, "trainer.num_epochs": 30},
        0.02,
        {"em", "f1"},
    ),
    Training(
        "reading_comprehension/squad",
        "squad/train-v1.1.json",
        {**SMOOTH, **WINDOWS, "trainer.optimizer.lr": 5e-3, "trainer.num_epochs": 48},
        0.05,
        {"em", "f1"},
    ),
]


def config_of(training: Training, root_dir: Path, fixtures_dir: Path, **overrides: Any) -> Params:
    """With the training data for validation, too."""
    data = str(fixtures_dir / "data" / training.data)
    overrides.update({"validation_data_path": data, "trainer.cuda_device": -1, **training.overrides})
    variables = {"LUKE_MODEL": fixtures_dir / training.model, "LUKE_DATA": fixtures_dir / "data"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, str(value))
        file = root_dir / "training_configs" / f"{training.config}.jsonnet"
        return Params.from_file(str(file), json.dumps(overrides))


@pytest.mark.parametrize(
    "training",
    # The others have their heads.
    [training for training in TRAININGS if "relation" not in training.config or "tacred" in training.data],
    ids=lambda training: training.config,
)
def test_learns_in_bfloat16(training: Training, root_dir: Path, fixtures_dir: Path, tmp_path: Path) -> None:
    config = config_of(training, root_dir, fixtures_dir, **{"trainer.precision": "bf16"})
    train_model(config, str(tmp_path / "run"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    scores = {metrics[f"best_validation_{name}"] for name in training.scores}
    assert scores == {100.0 if "em" in training.scores else 1.0}


@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.config)
def test_learns_what_it_is_shown(
    training: Training, root_dir: Path, fixtures_dir: Path, tmp_path: Path
) -> None:
    data = str(fixtures_dir / "data" / training.data)
    train_model(config_of(training, root_dir, fixtures_dir), str(tmp_path / "run"))

    def read(name: str) -> Dict[str, Any]:
        return json.loads((tmp_path / "run" / name).read_text())

    last_epoch = training.overrides["trainer.num_epochs"] - 1
    first, last = (read(f"metrics_epoch_{epoch}.json")["training_loss"] for epoch in (0, last_epoch))
    assert last < training.loss < 0.3 < first

    # The archive scores as the training did at its best.
    archive, metrics = tmp_path / "run" / "model.tar.gz", read("metrics.json")
    scores = evaluate_from_archive(archive, data)
    scores.pop("loss")  # a mean over batches; in the training, over predictions
    for name, value in scores.items():
        assert value == pytest.approx(metrics[f"best_validation_{name}"], rel=1e-6), name
    assert set(scores) == training.scores
    assert set(scores.values()) == {100.0 if "em" in scores else 1.0}

    # Raw text in, the same answers out.
    predictor: Any = Predictor.from_path(str(archive))
    examples: List[Any] = list(predictor._reader.read_examples(data))
    outputs = predictor.predict_batch_instance(list(predictor._dataset_reader.read(data)))
    assert len(outputs) == len(examples) > 40
    for example, output in zip(examples, outputs, strict=True):
        if "answer" in output:
            gold = [getattr(answer, "text", answer) for answer in example.answers]
            # As the metrics compare them: a token may hold more than the answer, such as a bracket.
            assert normalize_answer(output["answer"]["text"]) in map(normalize_answer, gold)
        elif "labels" in output:
            assert {found["label"] for found in output["labels"]} == set(example.labels)
        else:
            assert output["label"] == example.label and output["probability"] > 0.8
