"""The reader and the training against the original system: its instances, its losses, its final weights."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.common.util import prepare_environment
from allennlp.data import DatasetReader, Instance
from allennlp.training import TrainerCallback
from safetensors.torch import load_file

import luke_allennlp.cloze_qa  # noqa: F401

pytestmark = pytest.mark.shared

CUT = 4
"""The question whose placeholder the original cuts off."""


def golden_instances(shared_dir: Path) -> List[Dict[str, Any]]:
    lines = (shared_dir / "golden" / "record.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def our_instances(shared_dir: Path, root_dir: Path, **options: Any) -> List[Dict[str, Any]]:
    """As the shipped config reads them, but for the tokenizer's directory."""
    params = Params.from_file(str(root_dir / "training_configs" / "cloze_qa" / "record.jsonnet"))
    reader = params["dataset_reader"].as_dict()
    reader["tokenizer"]["model_name"] = str(shared_dir / "data" / "roberta_tokenizer")
    ours = []
    for instance in DatasetReader.from_params(Params({**reader, **options})).read(
        str(shared_dir / "golden" / "record_input.json")
    ):
        data = instance["metadata"].metadata
        placeholder, *spans = instance["entities"].spans.tolist()
        assert instance["entities"].ids.tolist() == [1] * (1 + len(spans))
        ours.append(
            {
                "question": data["key"],
                "id": data["id"],
                "window": data["window"],
                "word_ids": instance["words"].ids.tolist(),
                "placeholder": placeholder,
                "spans": spans,
                "candidates": [list(span) for span in data["candidates"]],
                "labels": [bool(label) for label in instance["labels"].tensor],
            }
        )
    return ours


def differences(theirs: Dict[str, Any], ours: Dict[str, Any]) -> List[str]:
    return [name for name, value in ours.items() if theirs[name] != value]


def test_instances(shared_dir: Path, root_dir: Path) -> None:
    golden = golden_instances(shared_dir)
    ours = our_instances(shared_dir, root_dir)
    assert len(golden) == len(ours) == 25
    fixed = 0
    for theirs, mine in zip(golden, ours, strict=True):
        if theirs["question"] != CUT:
            assert differences(theirs, mine) == []
            continue
        # The query has the same length, so that all else stands where it stood.
        fixed += 1
        assert differences(theirs, mine) == ["word_ids", "placeholder"]
        assert "[PLACEHOLDER]" not in theirs["tokens"]
        (place, _), marker = mine["placeholder"], 50266
        assert [at for at, word in enumerate(mine["word_ids"]) if word == marker] == [place]
        assert place <= 90 and mine["word_ids"][91:] == theirs["word_ids"][91:]
    assert fixed == 11


def test_the_original_is_restored(shared_dir: Path, root_dir: Path) -> None:
    ours = our_instances(shared_dir, root_dir, cut_placeholder=True, duplicate_highlight_text=True)
    for theirs, mine in zip(golden_instances(shared_dir), ours, strict=True):
        assert differences(theirs, mine) == []


class RecordLosses(TrainerCallback):
    """Keeps the loss of every micro-batch."""

    def __init__(self, losses: List[float]) -> None:
        super().__init__("")
        self.losses = losses

    def on_batch(
        self, trainer: Any, batch_inputs: Any, batch_outputs: List[Dict[str, Any]], *_: Any, **__: Any
    ) -> None:
        self.losses.extend(outputs["loss"].item() for outputs in batch_outputs)


def test_training(shared_dir: Path, root_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = shared_dir / "golden" / "training"
    expected = json.loads((directory / "cloze_qa.json").read_text())

    monkeypatch.setenv("LUKE_MODEL", str(directory / "luke"))
    params = Params.from_file(
        str(root_dir / "training_configs" / "cloze_qa" / "record.jsonnet"),
        {
            "train_data_path": str(shared_dir / "golden" / "record_input.json"),
            "validation_data_path": None,
            "dataset_reader.max_instances": expected["instances"],
            "data_loader.batch_size": expected["batch_size"],
            "data_loader.shuffle": False,
            "model.embedder.hidden_dropout": 0.0,
            "model.embedder.attention_dropout": 0.0,
            "trainer.num_epochs": expected["epochs"],
            "trainer.num_gradient_accumulation_steps": expected["accumulation"],
            "trainer.optimizer.lr": expected["learning_rate"],
            "trainer.learning_rate_scheduler.warmup_steps": expected["warmup_steps"],
            "trainer.validation_metric": "-loss",
            "trainer.cuda_device": -1,
        },
    )
    prepare_environment(params)
    for key in ("distributed", "evaluation"):
        params.pop(key, None)
    loop = TrainModel.from_params(params=params, serialization_dir=str(tmp_path / "run"), local_rank=0)
    instances: List[Instance] = list(loop.trainer.data_loader.iter_instances())
    golden = [window for window in golden_instances(shared_dir) if window["question"] != CUT]
    assert [instance["words"].ids.tolist() for instance in instances] == [
        window["word_ids"] for window in golden[: expected["instances"]]
    ]

    heads = load_file(directory / "heads.safetensors")
    with torch.no_grad():
        loop.model.scorer.weight.copy_(heads["cloze_qa.scorer.weight"])
        loop.model.scorer.bias.copy_(heads["cloze_qa.scorer.bias"])
    losses: List[float] = []
    loop.trainer._callbacks.append(RecordLosses(losses))
    loop.run()

    assert len(losses) == len(expected["losses"]) == 18
    assert losses == pytest.approx(expected["losses"], rel=1e-4)
    weights = dict(loop.model.named_parameters())
    assert any(name.startswith("scorer.") for name in expected["final_norms"])
    for name, norm in expected["final_norms"].items():
        parameter = weights[name if name.startswith("scorer.") else f"embedder.luke.{name}"]
        assert parameter.norm().item() == pytest.approx(norm, rel=1e-3), name
