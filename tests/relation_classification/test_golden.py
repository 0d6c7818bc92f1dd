"""The reader and the training against the original system: its instances, its losses, its final weights."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.common.util import prepare_environment
from allennlp.data import Instance
from allennlp.training import TrainerCallback
from safetensors.torch import load_file

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.relation_classification.reader import RelationReader

pytestmark = pytest.mark.shared


def golden_instances(shared_dir: Path) -> List[Dict[str, Any]]:
    lines = (shared_dir / "golden" / "relation.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_instances(shared_dir: Path) -> None:
    tokenizer = WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer"), ["[HEAD]", "[TAIL]"])
    instances = list(RelationReader(tokenizer).read(str(shared_dir / "golden" / "relation_input.json")))
    golden = golden_instances(shared_dir)
    assert len(golden) == len(instances) == 8
    for theirs, mine in zip(golden, instances, strict=True):
        assert mine["words"].ids.tolist() == theirs["word_ids"]
        assert mine["entities"].ids.tolist() == [1, 2]
        assert mine["entities"].spans.tolist() == theirs["spans"]
        assert mine["label"].label == theirs["label"]


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
    expected = json.loads((directory / "relation_classification.json").read_text())
    vocabulary = tmp_path / "labels"
    vocabulary.mkdir()
    (vocabulary / "labels.txt").write_text("\n".join(expected["labels"]) + "\n")
    (vocabulary / "non_padded_namespaces.txt").write_text("*labels\n*tags\n")

    monkeypatch.setenv("LUKE_MODEL", str(directory / "luke"))
    params = Params.from_file(
        str(root_dir / "training_configs" / "relation_classification" / "tacred.jsonnet"),
        {
            "train_data_path": str(shared_dir / "golden" / "relation_input.json"),
            "validation_data_path": None,
            "test_data_path": None,
            "evaluate_on_test": False,
            "vocabulary": {"type": "from_files", "directory": str(vocabulary)},
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
    # What the original keeps of the entity table, and where its markers come from.
    embedder = params["model"]["embedder"]
    assert list(embedder["entities"]) == expected["entity_rows"]
    assert [source for _, source in embedder["marker_tokens"]] == expected["markers_copied_from"]
    prepare_environment(params)
    for key in ("distributed", "evaluation"):
        params.pop(key, None)
    loop = TrainModel.from_params(params=params, serialization_dir=str(tmp_path / "run"), local_rank=0)
    instances: List[Instance] = list(loop.trainer.data_loader.iter_instances())
    assert [instance["words"].ids.tolist() for instance in instances] == [
        instance["word_ids"] for instance in golden_instances(shared_dir)
    ]

    heads = load_file(directory / "heads.safetensors")
    assert loop.model.embedder.luke.embeddings.word_embeddings.num_embeddings == expected["words"]
    with torch.no_grad():
        loop.model.classifier.weight.copy_(heads["relation_classification.classifier.weight"])
    assert loop.model.classifier.bias is None
    losses: List[float] = []
    loop.trainer._callbacks.append(RecordLosses(losses))
    loop.run()

    assert len(losses) == len(expected["losses"]) == 12
    assert losses == pytest.approx(expected["losses"], rel=1e-4)
    weights = dict(loop.model.named_parameters())
    for name, norm in expected["final_norms"].items():
        parameter = weights[name if name.startswith("classifier.") else f"embedder.luke.{name}"]
        assert parameter.norm().item() == pytest.approx(norm, rel=1e-3), name
