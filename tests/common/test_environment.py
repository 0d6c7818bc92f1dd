"""What a run ran on."""

import datetime
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from luke_allennlp.common.environment import environment


def test_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["allennlp", "train", "x.jsonnet"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = environment()
    assert list(found) == (
        ["python", "platform", "cpu", "cpu_count", "gpus", "versions", "command", "started", "git_commit"]
    )
    assert found["command"] == ["allennlp", "train", "x.jsonnet"] and found["git_commit"] is None
    assert found["cpu"] and found["cpu_count"] >= 1
    assert found["versions"]["torch"] == torch.__version__ and "luke-allennlp" in found["versions"]
    started = datetime.datetime.fromisoformat(found["started"])
    assert abs((datetime.datetime.now(datetime.timezone.utc) - started).total_seconds()) < 60
    assert len(found["gpus"]) == torch.cuda.device_count()


def test_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    author = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *command], check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    assert environment()["git_commit"] == commit
