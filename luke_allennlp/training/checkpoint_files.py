"""Checkpoints on disk: a directory each, complete or not there."""

import logging
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Union

import torch
from allennlp.common import FromParams
from allennlp.common.checks import ConfigurationError
from safetensors.torch import load_file, save_file

from luke_allennlp.common.files import file_sha256, read_object, sync, temporary_path, write_json

logger = logging.getLogger(__name__)

DIRECTORY = "checkpoints"
_WEIGHTS, _STATE, _MARKER = "model.safetensors", "training.pt", "checkpoint.json"


class SavedState(NamedTuple):
    """
    # Parameters

    weights : `Dict[str, Any]`
        The model's state dict.
    training : `Dict[str, Any]`
        All else, of types that torch loads with `weights_only`.
    """

    weights: Dict[str, Any]
    training: Dict[str, Any]


class StepCheckpointer(FromParams):
    """
    Saves the checkpoints of a trainer that counts in steps, and says when one is due.

    A checkpoint is a directory `checkpoints/step-N` in the run's directory, taken after N steps. It is
    written under a temporary name, flushed to disk, and renamed; the last file in it, `checkpoint.json`, has
    the sizes and hashes of the others, with which they are compared on loading.

    # Parameters

    serialization_dir : `str`
        This argument does not get an entry in a configuration file for the object.
    save_every_num_steps : `int`, optional (default = `1000`)
        `None`: not by steps.
    save_every_num_minutes : `float`, optional (default = `30.0`)
        `None`: not by the clock.
    keep_most_recent_by_count : `int`, optional (default = `2`)
        How many to keep; `None` for all.
    """

    def __init__(
        self,
        serialization_dir: Union[str, os.PathLike],
        save_every_num_steps: Optional[int] = 1000,
        save_every_num_minutes: Optional[float] = 30.0,
        keep_most_recent_by_count: Optional[int] = 2,
    ) -> None:
        for name, value in (
            ("save_every_num_steps", save_every_num_steps),
            ("save_every_num_minutes", save_every_num_minutes),
            ("keep_most_recent_by_count", keep_most_recent_by_count),
        ):
            if value is not None and value <= 0:
                raise ConfigurationError(
                    f"trainer.checkpointer.{name} is {value}; expected a number above 0, or null."
                )
        self.directory = Path(serialization_dir) / DIRECTORY
        self._every_steps, self._every_minutes = save_every_num_steps, save_every_num_minutes
        self._keep = keep_most_recent_by_count
        self._last_save = time.monotonic()
        # AllenNLP's trainer sets it.
        self.state_is_sharded = False

    def is_due_by_steps(self, steps_completed: int) -> bool:
        """Whether a checkpoint is due after so many steps: the same in all processes."""
        return self._every_steps is not None and steps_completed % self._every_steps == 0

    def is_due_by_clock(self) -> bool:
        """Whether a checkpoint is due by the time since the last one, or the start."""
        minutes = self._every_minutes
        return minutes is not None and time.monotonic() - self._last_save >= 60 * minutes

    def save(self, steps_completed: int, state: SavedState) -> None:
        """
        # Raises

        `ConfigurationError`
            It cannot be written, as on a full disk. The checkpoints before are kept.
        """
        path = self._path(steps_completed)
        temporary = temporary_path(path)
        try:
            temporary.mkdir(parents=True)
            _write(temporary, steps_completed, state)
            shutil.rmtree(path, ignore_errors=True)
            os.replace(temporary, path)
            sync(self.directory)
        # torch and safetensors have errors of their own for what the operating system refuses.
        except Exception as error:
            shutil.rmtree(temporary, ignore_errors=True)
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigurationError(
                f"{path}: the checkpoint cannot be written ({reason}). Those before it are kept: make room, "
                "and resume with --recover."
            ) from error
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        self._last_save = time.monotonic()
        if self._keep is not None:
            for old in self.paths()[: -self._keep]:
                _remove(old)

    def load(self) -> Optional[SavedState]:
        """The newest complete checkpoint; a warning for each that is not. Removes what killed runs left."""
        for leftover in self.directory.glob(".*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
        for path in reversed(self.paths()):
            damage = _damage(path)
            if damage is None:
                weights: Dict[str, Any] = load_file(path / _WEIGHTS)
                training = torch.load(path / _STATE, map_location="cpu", weights_only=True)
                weights.update(training.pop("other_weights"))
                for name, source in training.pop("shared_weights").items():
                    weights[name] = weights[source]
                return SavedState(weights, training)
            logger.warning("%s is damaged (%s); the checkpoint before it is used, if any.", path, damage)
            _remove(path)
        return None

    def paths(self) -> List[Path]:
        """Of all checkpoints, oldest first."""
        found = (re.fullmatch(r"step-(\d+)", path.name) for path in self.directory.glob("step-*"))
        return [self._path(step) for step in sorted(int(match[1]) for match in found if match)]

    def _path(self, steps_completed: int) -> Path:
        return self.directory / f"step-{steps_completed}"


def _write(directory: Path, steps_completed: int, state: SavedState) -> None:
    tensors: Dict[str, torch.Tensor] = {}
    shared: Dict[str, str] = {}
    other: Dict[str, Any] = {}
    by_place: Dict[Any, str] = {}
    for name, value in state.weights.items():
        if not isinstance(value, torch.Tensor):
            other[name] = value
            continue
        # safetensors refuses names that share their memory.
        place = (value.data_ptr(), value.shape, value.stride(), value.dtype)
        first = by_place.setdefault(place, name) if value.numel() else name
        if first == name:
            tensors[name] = value.detach().cpu().contiguous()
        else:
            shared[name] = first
    save_file(tensors, directory / _WEIGHTS)
    torch.save({**state.training, "other_weights": other, "shared_weights": shared}, directory / _STATE)
    files = {}
    for name in (_WEIGHTS, _STATE):
        sync(directory / name)
        files[name] = {"bytes": (directory / name).stat().st_size, "sha256": file_sha256(directory / name)}
    write_json(directory / _MARKER, {"version": 1, "step": steps_completed, "files": files})


def _damage(path: Path) -> Optional[str]:
    try:
        files = read_object(path / _MARKER).get("files")
        if not isinstance(files, dict) or set(files) != {_WEIGHTS, _STATE}:
            return f"{_MARKER} is missing or incomplete"
        for name, expected in files.items():
            if not (path / name).is_file() or (path / name).stat().st_size != expected["bytes"]:
                return f"{name} is missing or has another size"
            if file_sha256(path / name) != expected["sha256"]:
                return f"{name} has other contents than were written"
    except (ConfigurationError, KeyError, TypeError) as error:
        return str(error)
    return None


def _remove(path: Path) -> None:
    """Under another name, so that a kill leaves no part of a checkpoint."""
    temporary = temporary_path(path)
    os.replace(path, temporary)
    shutil.rmtree(temporary, ignore_errors=True)
