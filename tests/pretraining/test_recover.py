"""Runs of `allennlp train` that are ended from outside go on where they were."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch

from tests.conftest import FIXTURES, ROOT
from tests.pretraining.trainers import make_dataset

pytestmark = pytest.mark.slow
OVERRIDES: Dict[str, Any] = {
    "trainer.num_steps": 14,
    "trainer.log_every": 1,
    "trainer.validate_every": 6,
    "trainer.checkpointer.save_every_num_steps": 5,
    "trainer.learning_rate_scheduler.warmup_steps": 4,
    "trainer.optimizer.lr": 1e-3,
    "data_loader.global_batch_size": 8,
    "data_loader.max_tokens": 150,
    "data_loader.num_workers": 1,
    "validation_data_loader.num_workers": 0,
}
TWO: Dict[str, Any] = {"distributed": {"cuda_devices": [-1, -1]}}


@pytest.fixture(scope="module")
def place(workplace: Path) -> Path:
    make_dataset(workplace / "data/pretraining/en")
    (workplace / "fixtures/tiny-roberta").symlink_to(FIXTURES / "tiny-roberta")
    return workplace


def arguments(run: Path, overrides: Dict[str, Any]) -> List[str]:
    config = "training_configs/pretraining/luke_base_stage2.jsonnet"
    return ["train", config, "-s", str(run), "-o", json.dumps({**OVERRIDES, **overrides})]


@pytest.fixture
def train(allennlp: Callable, monkeypatch: pytest.MonkeyPatch, place: Path) -> Callable[..., int]:
    monkeypatch.setenv("LUKE_MODEL", "fixtures/tiny-roberta")
    monkeypatch.setenv("LUKE_DATA", "data")
    # For processes that are spawned.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def train(run: Path, overrides: Dict[str, Any], *others: str) -> int:
        return allennlp(*arguments(run, overrides), *others).status

    return train


def interrupt(
    place: Path,
    environment: Dict[str, str],
    run: Path,
    overrides: Dict[str, Any],
    after: int,
    number: signal.Signals,
) -> int:
    """Sends a signal to all processes of a run after some steps: as a shell or Slurm does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "allennlp", *arguments(run, overrides), "--include-package", "luke_allennlp"],
        cwd=place,
        env={**environment, "LUKE_MODEL": "fixtures/tiny-roberta", "LUKE_DATA": "data"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while last_step(run) < after:
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.005)
        os.killpg(process.pid, number)
        return process.wait(timeout=100)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def last_step(run: Path) -> int:
    log = run / "steps.jsonl"
    return len(re.findall('"epoch"', log.read_text())) if log.exists() else 0


def checkpoints(run: Path) -> List[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in (run / "checkpoints").iterdir())


def figures(run: Path) -> List[Dict[str, float]]:
    """Without those of time and memory."""
    lines = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
    measured = re.compile("second|memory")
    return [{name: line[name] for name in line if not measured.search(name)} for line in lines]


def check_same(run: Path, whole: Path) -> None:
    expected = torch.load(whole / "best.th", weights_only=True)
    found = torch.load(run / "best.th", weights_only=True)
    assert found.keys() == expected.keys()
    assert not [name for name in found if not torch.equal(found[name], expected[name])]
    assert figures(run) == figures(whole)
    assert (run / "model.tar.gz").exists()


def test_killed(place: Path, environment: Dict[str, str], train: Callable) -> None:
    whole, run = place / "whole", place / "run"
    assert interrupt(place, environment, run, {}, 6, signal.SIGKILL) == -signal.SIGKILL
    (saved,) = checkpoints(run)
    assert saved == 5
    assert train(run, {}) == 1  # without --recover
    assert train(run, {}, "--recover") == 0
    assert train(whole, {}) == 0
    check_same(run, whole)


def test_two_processes_asked_to_end(place: Path, environment: Dict[str, str], train: Callable) -> None:
    whole, run = place / "whole_of_two", place / "run_of_two"
    status = interrupt(place, environment, run, TWO, 6, signal.SIGTERM)
    assert status == 75
    saved = checkpoints(run)[-1]
    assert saved >= 6 and saved == last_step(run)
    assert not (run / "model.tar.gz").exists()
    assert train(run, TWO, "--recover") == 0
    assert train(whole, TWO) == 0
    check_same(run, whole)
