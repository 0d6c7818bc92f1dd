"""What a run's directory holds, as far as it is there."""

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import read_object

_METRICS = "metrics.json"


@dataclass
class Run:
    """
    A run's files.

    # Parameters

    name : `str`
        Of its directory, with as many of the parents' names as tell it from other runs.
    steps, validations : `List[Dict[str, Any]]`
        The lines of `steps.jsonl`, in order.
    metrics : `Dict[str, Any]`
        Of `metrics.json`, or if the run has not ended of the last epoch.
    notes : `List[str]`
        What is missing, in sentences.
    """

    directory: Path
    name: str
    config: Dict[str, Any] = field(default_factory=dict)
    environment: Dict[str, Any] = field(default_factory=dict)
    metrics: Dict[str, Any] = field(default_factory=dict)
    steps: List[Dict[str, Any]] = field(default_factory=list)
    validations: List[Dict[str, Any]] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)

    @property
    def archive(self) -> Optional[Path]:
        path = self.directory / "model.tar.gz"
        return path if path.is_file() else None

    @property
    def task(self) -> str:
        """The type of the model."""
        model = self.config.get("model")
        return str(model.get("type", "unknown")) if isinstance(model, dict) else "unknown"

    def scores(self, prefix: str) -> Dict[str, float]:
        """The metrics whose name starts with it, such as `"test_"`, without it."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.metrics.items()
            if name.startswith(prefix) and isinstance(value, (int, float)) and not isinstance(value, bool)
        }


def read_runs(directories: List[str]) -> List[Run]:
    """
    Reads runs.

    # Raises

    `ConfigurationError`
        A directory is missing, holds no run, or is named twice.
    """
    paths = [Path(name) for name in directories]
    resolved = [path.resolve() for path in paths]
    for path, real in zip(paths, resolved, strict=True):
        if resolved.count(real) > 1:
            raise ConfigurationError(f"{path}: is given twice; name each run once.")
    return [_read(path, name) for path, name in zip(paths, _names(resolved), strict=True)]


def _names(paths: List[Path]) -> List[str]:
    """The shortest ends of the paths that differ."""
    for length in itertools.count(1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    raise AssertionError


def _read(path: Path, name: str) -> Run:
    if path.name == "model.tar.gz":
        raise ConfigurationError(f"{path}: is an archive; give the directory of the run, {path.parent}.")
    if not path.is_dir():
        what = "is a file" if path.exists() else "there is no such directory"
        raise ConfigurationError(f"{path}: {what}; expected the directory of a run, as given to `train -s`.")
    if not (path / "config.json").is_file():
        raise ConfigurationError(
            f"{path}: has no config.json; expected the directory of a run, as given to `train -s`."
        )
    run = Run(path, name)
    run.config = _object(run, "config.json")
    run.environment = _object(run, "environment.json")
    if not run.environment:
        run.notes.append("The run did not record its environment (environment.json).")
    _read_steps(run)
    _read_metrics(run)
    return run


def _object(run: Run, name: str) -> Dict[str, Any]:
    """The JSON object in a file; a damaged one is noted."""
    try:
        return read_object(run.directory / name)
    except ConfigurationError as error:
        run.notes.append(f"{error.message} It is left out.")
        return {}


def _read_steps(run: Run) -> None:
    path = run.directory / "steps.jsonl"
    if not path.is_file():
        run.notes.append("There is no steps.jsonl, so there are no curves; the trainer `luke` writes it.")
        return
    broken = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                figures = json.loads(line)
                known = run.steps if "loss" in figures else run.validations
                known.append({**figures, "step": int(figures["step"])})
            except (ValueError, KeyError, TypeError):
                broken += bool(line.strip())
    if broken:
        run.notes.append(f"{broken} lines of steps.jsonl are incomplete or no JSON and are left out.")
    if not run.steps:
        run.notes.append("steps.jsonl has no training step yet.")


def _read_metrics(run: Run) -> None:
    run.metrics = _object(run, _METRICS)
    if run.metrics:
        return
    epochs = sorted(
        run.directory.glob("metrics_epoch_*.json"),
        key=lambda path: int("".join(filter(str.isdigit, path.stem)) or 0),
    )
    if epochs:
        run.metrics = _object(run, epochs[-1].name)
        run.notes.append(
            f"The run has not ended (there is no {_METRICS}): its scores are those of {epochs[-1].name}."
        )
    else:
        run.notes.append(f"The run has not ended an epoch (there is no {_METRICS}): it has no scores yet.")
