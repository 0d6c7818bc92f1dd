"""Checkpoints on disk: whole, or not there."""

import errno
import logging
import os
from pathlib import Path
from typing import Any, List

import pytest
import torch
from allennlp.common.checks import ConfigurationError

from luke_allennlp.training import checkpoint_files
from luke_allennlp.training.checkpoint_files import SavedState, StepCheckpointer


def state(value: float) -> SavedState:
    weight = torch.full((3, 2), value)
    weights = {"a": weight, "tied": weight, "b": torch.arange(4)[::2], "extra": {"x": 1}}
    return SavedState(weights, {"steps_completed": value})


def names(directory: Path) -> List[str]:
    return sorted(os.listdir(directory / "checkpoints"))


def check(found: Any, value: float) -> None:
    assert found.training == {"steps_completed": value}
    expected = state(value).weights
    assert found.weights.keys() == expected.keys() and found.weights["extra"] == {"x": 1}
    assert all(torch.equal(found.weights[name], expected[name]) for name in ("a", "tied", "b"))


def test_round_trip(tmp_path: Path) -> None:
    checkpointer = StepCheckpointer(tmp_path, keep_most_recent_by_count=2)
    assert checkpointer.load() is None
    for step in (9, 10, 11):
        checkpointer.save(step, state(step))
    assert names(tmp_path) == ["step-10", "step-11"]
    check(StepCheckpointer(tmp_path).load(), 11)


@pytest.mark.parametrize("file", ["model.safetensors", "training.pt", "checkpoint.json"])
@pytest.mark.parametrize("damage", ["removed", "cut", "changed"])
def test_the_newest_whole_one_is_used(
    tmp_path: Path, file: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    checkpointer = StepCheckpointer(tmp_path)
    for step in (1, 2):
        checkpointer.save(step, state(step))
    path = tmp_path / "checkpoints" / "step-2" / file
    content = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        half = len(content) // 2
        path.write_bytes(content[:half] + (b"" if damage == "cut" else b"\0" + content[half + 1 :]))
    with caplog.at_level(logging.WARNING):
        check(StepCheckpointer(tmp_path).load(), 1)
    assert "step-2 is damaged" in caplog.text and names(tmp_path) == ["step-1"]


def test_what_a_kill_leaves_is_removed(tmp_path: Path) -> None:
    checkpointer = StepCheckpointer(tmp_path)
    checkpointer.save(1, state(1))
    (tmp_path / "checkpoints" / ".step-2.0123456789ab.tmp").mkdir()
    check(StepCheckpointer(tmp_path).load(), 1)
    assert names(tmp_path) == ["step-1"]


@pytest.mark.parametrize("place", ["save_file", "sync", "write_json"])
def test_a_full_disk_leaves_the_last_one(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpointer = StepCheckpointer(tmp_path)
    checkpointer.save(1, state(1))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint_files, place, full)
    with pytest.raises(ConfigurationError, match="step-2: the checkpoint cannot be written .No space left"):
        checkpointer.save(2, state(2))
    monkeypatch.undo()
    assert names(tmp_path) == ["step-1"]
    check(checkpointer.load(), 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_torch_s_error_of_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpointer = StepCheckpointer(tmp_path)
    save = torch.save
    monkeypatch.setattr(torch, "save", lambda value, path: save(value, "/dev/full"))
    with pytest.raises(ConfigurationError, match="step-2: the checkpoint cannot be written"):
        checkpointer.save(2, state(2))
    assert names(tmp_path) == []
