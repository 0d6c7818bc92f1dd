"""Runs that are ended from outside, at any moment, and resumed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow
# More take minutes: `KILLS=20 python -m pytest -m slow tests/training/test_kills.py`.
KILLS = int(os.environ.get("KILLS", "4"))


@pytest.mark.parametrize(
    "task, workers, processes",
    [
        ("ner/demo", 0, 1),
        ("relation_classification/tacred", 2, 1),
        ("reading_comprehension/squad", 0, 1),
        ("ner/demo", 2, 2),
    ],
)
def test_ends_as_if_it_had_not_been(tmp_path: Path, task: str, workers: int, processes: int) -> None:
    """With dropout and several micro-batches a step: to the bit, and nothing else is left."""
    options = {"place": str(tmp_path), "task": task, "workers": workers, "processes": processes}
    options.update(kills=KILLS, terminations=max(KILLS // 4, 2))
    finished = subprocess.run(
        [sys.executable, "-m", "tests.training.killed_runs", json.dumps(options)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    log = (tmp_path / "log").read_text()[-3000:]
    assert finished.returncode == 0, finished.stderr + log
    ends = json.loads(finished.stdout.splitlines()[-1])
    assert sum(ends["SIGKILL"].values()) == KILLS and any("-9" in end for end in ends["SIGKILL"])
    # A run that is asked to end has its own exit code, unless it was done.
    assert set(ends["SIGTERM"]) <= {str([code] * processes) for code in (0, 75)}
