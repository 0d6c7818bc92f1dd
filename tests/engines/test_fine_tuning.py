"""Fine-tuning in two processes that Slurm interrupts and requeues ends as if it had not been interrupted."""

import json
from pathlib import Path
from typing import Any, Dict

import pytest
import torch

from tests.conftest import ROOT, Command
from tests.engines.conftest import Slurm, wait_for
from tests.training.killed_runs import TASKS, losses

pytestmark = [pytest.mark.engine, pytest.mark.slow]

CONFIG = "training_configs/ner/demo.jsonnet"
OVERRIDES: Dict[str, Any] = {
    **TASKS["ner/demo"],
    "distributed": {"cuda_devices": [-1, -1]},
    "data_loader.num_workers": 1,
    "trainer.callbacks": [{"type": "slow_at_first"}],
    # Only the signal makes one.
    "trainer.checkpointer": {"save_every_num_steps": None, "save_every_num_minutes": None},
}
OPTIONS = ("-o", json.dumps(OVERRIDES), "--include-package", "slowing")

# Imported by `--include-package`: until it is requeued, a job takes longer than its time.
PACKAGE = """
import os, time

from allennlp.training.callbacks import TrainerCallback


@TrainerCallback.register("slow_at_first", exist_ok=True)
class SlowAtFirst(TrainerCallback):
    def on_batch(self, *args, is_training=True, **kwargs):
        if is_training and "SLURM_JOB_ID" in os.environ and "SLURM_RESTART_COUNT" not in os.environ:
            time.sleep(5)
"""


@pytest.fixture(scope="module")
def whole(workplace: Path, allennlp_process: Command) -> Path:
    """A run that nothing interrupts."""
    (workplace / "slowing.py").write_text(PACKAGE)
    finished = allennlp_process(
        "train", CONFIG, "-s", "whole", *OPTIONS, "--include-package", "luke_allennlp"
    )
    assert finished.status == 0, finished.err
    return workplace / "whole"


class Job:
    """A job of the documented script."""

    def __init__(self, slurm: Slurm, run: Path, environment: Dict[str, str], *options: str) -> None:
        self.slurm, self.run, self.log = slurm, run, run.with_suffix(".log")
        script = str(ROOT / "docs/slurm/fine_tuning.sbatch")
        # Two, for sbatch counts the CPUs of tasks.
        command = ("sbatch", "--parsable", f"--output={self.log}", "--cpus-per-task=2", *options, script)
        variables = {**environment, "SLURM_CONF": slurm.conf}
        self.number = slurm.run(*command, CONFIG, run.name, *OPTIONS, cwd=run.parent, env=variables).strip()

    def has_begun(self) -> bool:
        """To train."""
        assert self.state() in ("PENDING", "RUNNING"), self.log_end()
        return (self.run / "steps.jsonl").exists() and len(losses(self.run)) >= 2

    def log_end(self) -> str:
        return self.log.read_text()[-3000:] if self.log.exists() else "no log"

    def state(self) -> str:
        return self.slurm.job(self.number, "JobState")

    def is_requeued(self) -> bool:
        return self.slurm.job(self.number, "Restarts") == "1" and self.state() == "PENDING"

    def is_over(self) -> bool:
        return self.state() not in ("PENDING", "RUNNING", "COMPLETING")


def check_resumes(job: Job, whole: Path) -> None:
    wait_for(job.is_requeued, 240, f"the interruption of {job.run}")
    steps = len(losses(job.run))
    assert 0 < steps < len(losses(whole))
    wait_for(job.is_over, 600, f"the end of {job.run}")
    assert job.state() == "COMPLETED", job.log_end()
    assert losses(job.run) == losses(whole)
    found, expected = (torch.load(run / "best.th", weights_only=True) for run in (job.run, whole))
    assert found.keys() == expected.keys()
    assert all(torch.equal(weight, expected[name]) for name, weight in found.items())


def test_time_is_up(slurm: Slurm, workplace: Path, whole: Path, environment: Dict[str, str]) -> None:
    """Slurm sends the signal up to 60 seconds earlier than told; maybe to the requeued job, too."""
    job = Job(slurm, workplace / "time", environment, "--time=2", "--signal=TERM@30")
    check_resumes(job, whole)


def test_another_signal(slurm: Slurm, workplace: Path, whole: Path, environment: Dict[str, str]) -> None:
    job = Job(slurm, workplace / "usr1", environment)
    wait_for(job.has_begun, 120, f"the steps of {job.run}")
    slurm.run("scancel", "--signal=USR1", job.number)
    check_resumes(job, whole)


def test_a_cancelled_job_is_not_requeued(
    slurm: Slurm, workplace: Path, whole: Path, environment: Dict[str, str]
) -> None:
    job = Job(slurm, workplace / "cancelled", environment)
    wait_for(job.has_begun, 120, f"the steps of {job.run}")
    slurm.run("scancel", job.number)
    wait_for(job.is_over, 120, f"the end of {job.run}")
    assert job.state() == "CANCELLED" and slurm.job(job.number, "Restarts") == "0"
