"""The reader and the training against the original system: its instances, its losses, its final weights."""

import gzip
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
from luke_allennlp.ner.reader import NerReader

pytestmark = pytest.mark.shared

DOCUMENTS = (0, 1, 2, 3, 4, 5, 40, 77, 101)


def golden_instances(shared_dir: Path) -> List[Dict[str, Any]]:
    with gzip.open(shared_dir / "golden" / "ner_wikigold.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_instances(shared_dir: Path) -> None:
    reader = NerReader(WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer")))
    documents = reader.read_documents(str(shared_dir / "data" / "wikigold" / "wikigold.conll.txt"))
    ours = []
    for index in DOCUMENTS:
        before = 0  # words of the document before the sentence
        for chunks in reader.chunk_document(documents[index]):
            for chunk in chunks:
                instance = reader.text_to_instance(chunk, labeled=True)
                candidates = instance["metadata"].metadata["candidates"]
                ours.append(
                    {
                        "document": index,
                        "word_ids": instance["words"].ids.tolist(),
                        "spans": instance["entities"].spans.tolist(),
                        "words": (candidates + before).tolist(),
                        "labels": instance["labels"].human_readable_repr(),
                    }
                )
            before += len(chunks[0].sentence.words)
    golden = golden_instances(shared_dir)
    assert len(golden) == len(ours) == 456
    for theirs, mine in zip(golden, ours, strict=True):
        assert mine == theirs


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
    expected = json.loads((directory / "ner.json").read_text())
    vocabulary = tmp_path / "labels"
    vocabulary.mkdir()
    (vocabulary / "labels.txt").write_text("\n".join(expected["labels"]) + "\n")
    (vocabulary / "non_padded_namespaces.txt").write_text("*labels\n*tags\n")

    monkeypatch.setenv("LUKE_MODEL", str(directory / "luke"))
    params = Params.from_file(
        str(root_dir / "training_configs" / "ner" / "conll.jsonnet"),
        {
            "train_data_path": str(shared_dir / "data" / "wikigold" / "wikigold.conll.txt"),
            "validation_data_path": None,
            "test_data_path": None,
            "evaluate_on_test": False,
            "vocabulary": {"type": "from_files", "directory": str(vocabulary)},
            "dataset_reader.max_instances": expected["instances"],
            "data_loader.batch_size": expected["batch_size"],
            "data_loader.shuffle": False,
            "model.embedder.hidden_dropout": 0.0,
            "model.embedder.attention_dropout": 0.0,
            "trainer.num_epochs": expected["epochs"],
            "trainer.num_gradient_accumulation_steps": expected["accumulation"],
            "trainer.optimizer.lr": expected["learning_rate"],
            "trainer.learning_rate_scheduler.warmup_steps": expected["warmup_steps"],
            "trainer.callbacks": [],
            "trainer.validation_metric": "-loss",
            "trainer.cuda_device": -1,
        },
    )
    prepare_environment(params)
    for key in ("distributed", "evaluation"):
        params.pop(key, None)
    loop = TrainModel.from_params(params=params, serialization_dir=str(tmp_path / "run"), local_rank=0)
    instances: List[Instance] = list(loop.trainer.data_loader.iter_instances())
    golden = golden_instances(shared_dir)
    assert [instance["words"].ids.tolist() for instance in instances] == [
        instance["word_ids"] for instance in golden[: expected["instances"]]
    ]

    heads = load_file(directory / "heads.safetensors")
    with torch.no_grad():
        loop.model.classifier.weight.copy_(heads["ner.classifier.weight"])
        loop.model.classifier.bias.copy_(heads["ner.classifier.bias"])
    losses: List[float] = []
    loop.trainer._callbacks.append(RecordLosses(losses))
    loop.run()

    assert len(losses) == len(expected["losses"]) == 36
    assert losses == pytest.approx(expected["losses"], rel=1e-4)
    weights = dict(loop.model.named_parameters())
    for name, norm in expected["final_norms"].items():
        parameter = weights[name if name.startswith("classifier.") else f"embedder.luke.{name}"]
        assert parameter.norm().item() == pytest.approx(norm, rel=1e-3), name
