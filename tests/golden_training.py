"""
Training as the original system trained, from the same weights with the same data in the same order, by a
shipped config.
"""

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest
import torch
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.common.util import prepare_environment
from allennlp.training import TrainerCallback
from safetensors.torch import load_file


class RecordLosses(TrainerCallback):
    """Keeps the loss of every micro-batch, each of which is an equal part of the loss of its step."""

    def __init__(self, losses: List[float]) -> None:
        super().__init__("")
        self.losses = losses

    def on_batch(
        self, trainer: Any, batch_inputs: Any, batch_outputs: List[Dict[str, Any]], *_: Any, **__: Any
    ) -> None:
        self.losses.extend(outputs["loss"].item() * len(batch_outputs) for outputs in batch_outputs)


class GoldenTraining:
    """A shipped config, with overrides (its data among them), for the reference training of this name."""

    def __init__(self, shared_dir: Path, tmp_path: Path, task: str, config: Path, **overrides: Any) -> None:
        self.directory = shared_dir / "golden" / "training"
        self.task = task
        self.expected = json.loads((self.directory / f"{task}.json").read_text())
        expected = self.expected
        options: Dict[str, Any] = {
            "validation_data_path": None,
            "test_data_path": None,
            "evaluate_on_test": False,
            "dataset_reader.max_instances": expected["instances"],
            "data_loader.batch_size": expected["batch_size"] * expected["accumulation"],
            "data_loader.loss_batch_size": expected["batch_size"],
            "data_loader.pack": False,
            "data_loader.shuffle": False,
            "model.embedder.hidden_dropout": 0.0,
            "model.embedder.attention_dropout": 0.0,
            "trainer.num_epochs": expected["epochs"],
            "trainer.optimizer.lr": expected["learning_rate"],
            "trainer.learning_rate_scheduler.warmup_steps": expected["warmup_steps"],
            "trainer.callbacks": [],
            "trainer.keep": "last",
            "trainer.cuda_device": -1,
        }
        if expected["labels"] is not None:
            # In the original's order: the head's rows are in it.
            vocabulary = tmp_path / "labels"
            vocabulary.mkdir()
            (vocabulary / "labels.txt").write_text("\n".join(expected["labels"]) + "\n")
            (vocabulary / "non_padded_namespaces.txt").write_text("*labels\n*tags\n")
            options["vocabulary"] = {"type": "from_files", "directory": str(vocabulary)}
        patch = pytest.MonkeyPatch()
        with patch.context() as context:
            context.setenv("LUKE_MODEL", str(self.directory / "luke"))
            params = Params.from_file(str(config), {**options, **overrides})
        embedder = params["model"]["embedder"]
        markers = embedder.get("marker_tokens") or []
        pairs = markers.as_dict(quiet=True).items() if isinstance(markers, Params) else markers
        assert [source for _, source in pairs] == expected["markers_copied_from"]
        if isinstance(expected["entity_rows"], list):
            assert list(embedder["entities"]) == expected["entity_rows"]
        prepare_environment(params)
        for key in ("distributed", "evaluation"):
            params.pop(key, None)
        self.loop = TrainModel.from_params(
            params=params, serialization_dir=str(tmp_path / "run"), local_rank=0
        )
        self.model: Any = self.loop.model
        assert self.model.embedder.luke.embeddings.word_embeddings.num_embeddings == expected["words"]

    def check_instances(self, golden: Sequence[Dict[str, Any]]) -> None:
        """That it trains on the words of the golden instances, the first of these."""
        instances: Any = list(self.loop.trainer.data_loader.iter_instances())
        assert [instance["words"].ids.tolist() for instance in instances] == [
            instance["word_ids"] for instance in golden[: self.expected["instances"]]
        ]

    def check_training(self, head: str, original_head: str, batches: int) -> None:
        """
        Trains, from the original's head, and compares the losses of all micro-batches and the norms of the
        final weights.
        """
        heads = load_file(self.directory / "heads.safetensors")
        with torch.no_grad():
            for name, parameter in getattr(self.model, head).named_parameters():
                parameter.copy_(heads.pop(f"{self.task}.{original_head}.{name}"))
        assert not [name for name in heads if name.startswith(f"{self.task}.")]
        losses: List[float] = []
        self.loop.trainer._callbacks.append(RecordLosses(losses))
        self.loop.run()

        assert len(losses) == len(self.expected["losses"]) == batches
        assert losses == pytest.approx(self.expected["losses"], rel=1e-4)
        weights = dict(self.model.named_parameters())
        norms = self.expected["final_norms"]
        assert any(name.startswith(f"{original_head}.") for name in norms)
        for name, norm in norms.items():
            ours = f"embedder.luke.{name}"
            if name.startswith(f"{original_head}."):
                ours = head + name[len(original_head) :]
            assert weights[ours].norm().item() == pytest.approx(norm, rel=1e-3), name
