"""A training step of every task: the same for any packing and any number of processes, and in bfloat16."""

import json
import os
import socket
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
import torch.multiprocessing as mp
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.data import Vocabulary

from luke_allennlp.training import step_loader
from luke_allennlp.training.step_loader import StepDataLoader
from luke_allennlp.training.steps import Step
from tests.tasks.support import FIXTURES, TASKS, make_model, make_reader, randomise

CONFIGS = {
    "luke_entity_typing": ("entity_typing/open_entity", "open_entity/train.json"),
    "luke_relation_classification": ("relation_classification/tacred", "tacred/train.json"),
    "luke_cloze_qa": ("cloze_qa/record", "record/train.json"),
    "luke_reading_comprehension": ("reading_comprehension/squad", "squad/train-v1.1.json"),
    "luke_ner": ("ner/conll", "../ner/train.conll"),
}


@pytest.fixture(params=list(TASKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def loss_and_gradient(model: Any, steps: List[Step]) -> List[torch.Tensor]:
    """Of a step that processes share."""
    model.zero_grad()
    loss = torch.zeros(())
    for step in steps:
        for batch, weights in zip(step.batches, step.weights, strict=True):
            part = model(**batch, loss_weights=weights)["loss"]
            part.backward()
            loss += part.detach()
    gradients = [value.grad.flatten() for value in model.parameters() if value.grad is not None]
    return [loss, torch.cat(gradients)]


def test_any_packing_gives_the_same_step(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = make_reader(name, max_instances=12)
    path = str(FIXTURES / "data" / TASKS[name].data)
    vocab = Vocabulary.from_instances(reader.read(path))
    model = make_model(name, vocab, embedder={"hidden_dropout": 0, "attention_dropout": 0}, dropout=0)
    randomise(model).train()
    found = []
    for max_tokens, processes in ((10_000, 1), (150, 1), (150, 3)):
        loader = StepDataLoader(reader, path, batch_size=12, loss_batch_size=5, max_tokens=max_tokens)
        loader.index_with(vocab)
        steps = []
        for rank in range(processes):
            monkeypatch.setattr(step_loader, "rank_and_world_size", lambda r=rank, n=processes: (r, n))
            steps.append(next(loader.steps(0)))
        found.append(loss_and_gradient(model, steps))
    assert found[0][0] > 0.1
    for loss, gradient in found[1:]:
        torch.testing.assert_close(loss, found[0][0], rtol=1e-6, atol=0)
        torch.testing.assert_close(gradient, found[0][1], rtol=1e-4, atol=1e-5)


def params_of(name: str, **overrides: Any) -> Params:
    config, data = CONFIGS[name]
    path = str(FIXTURES / "data" / data)
    options: Dict[str, Any] = {
        "train_data_path": path,
        "validation_data_path": path,
        "test_data_path": None,
        "evaluate_on_test": False,
        "model.embedder.hidden_dropout": 0,
        "model.embedder.attention_dropout": 0,
        "model.dropout": 0,
        "data_loader.batch_size": 8,
        "data_loader.max_tokens": 600,
        "dataset_reader.max_instances": 40,
        "trainer.num_epochs": 4,
        "trainer.optimizer.lr": 2e-3,
        "trainer.log_every": 1,
        **overrides,
    }
    environment = {"LUKE_MODEL": str(FIXTURES / "tiny-luke"), "LUKE_DATA": str(FIXTURES / "data")}
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        file = FIXTURES.parent / "training_configs" / f"{config}.jsonnet"
        return Params.from_file(str(file), json.dumps(options))


def train(name: str, run: Path, **overrides: Any) -> List[float]:
    """The losses of the steps."""
    train_model(params_of(name, **{"trainer.cuda_device": -1, **overrides}), str(run))
    lines = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.slow
def test_bfloat16_learns_as_float32_does(name: str, tmp_path: Path) -> None:
    single = train(name, tmp_path / "float32", **{"trainer.precision": None})
    half = train(name, tmp_path / "bf16", **{"trainer.precision": "bf16"})
    assert len(single) == len(half) == 20 and single != half
    assert half == pytest.approx(single, rel=0.02)


def work(rank: int, ports: Dict[str, int], place: str) -> None:
    torch.set_num_threads(1)
    variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "GROUP_RANK": 0}
    os.environ.update({key: str(value) for key, value in variables.items()})
    os.environ.update(TORCHELASTIC_RUN_ID="test", MASTER_ADDR="127.0.0.1")
    for name, port in ports.items():
        os.environ["MASTER_PORT"] = str(port)
        train_model(params_of(name), str(Path(place) / name))


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """By torchrun's variables: the same losses, and the same metrics."""
    sockets = {name: socket.socket() for name in TASKS}
    for free in sockets.values():
        free.bind(("127.0.0.1", 0))
    ports = {name: free.getsockname()[1] for name, free in sockets.items()}
    for free in sockets.values():
        free.close()
    mp.spawn(work, (ports, str(tmp_path)), nprocs=2)
    for name in TASKS:
        losses = train(name, tmp_path / "one" / name)
        lines = [json.loads(line) for line in (tmp_path / name / "steps.jsonl").read_text().splitlines()]
        assert [line["loss"] for line in lines if "loss" in line] == pytest.approx(losses, rel=1e-5), name
        one, two = (
            json.loads((tmp_path / place / name / "metrics.json").read_text()) for place in ("one", "")
        )
        scores = {key for key in one if "validation_" in key and not key.endswith("loss")}
        assert {key: two[key] for key in scores} == {key: one[key] for key in scores}, name
        assert two["validation_loss"] == pytest.approx(one["validation_loss"], rel=1e-5), name
