"""Where the tasks of a long job run (datatrove's executors), and which are done already."""

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, Sequence

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import is_temporary, write_json
from luke_allennlp.common.requirements import required
from luke_allennlp.wikipedia.local_tasks import run_tasks

PLAN_FILE = "plan.json"
LOGS = "logs"

_LOCK = "lock"
# Slurm's arrays have 1001 at most; of several, the next stage would wait for the last one only.
_ARRAY = 1000

# Takes the number of a task and of all tasks; returns counts for the statistics. It must be picklable,
# and write its files atomically.
Work = Callable[[int, int], Optional[Mapping[str, int]]]


class Stage(NamedTuple):
    """
    A step of a job: tasks that run side by side when all tasks of the stage before are done. Its name is that
    of the directory of its logs and completion markers.
    """

    name: str
    work: Work
    tasks: int


class Executor(NamedTuple):
    """
    # Parameters

    kind : `str`, optional (default = `"local"`)
        "local" for processes of this machine, "slurm" or "ray".
    workers : `int`, optional (default = `None`)
        How many tasks run at a time. If `None`, one locally, and as many as a cluster has room for.
    time, partition : `str`, optional
        Of Slurm's jobs.
    memory_gb : `int`, optional (default = `4`)
        Of a task, on Slurm and Ray.
    """

    kind: str = "local"
    workers: Optional[int] = None
    time: str = "24:00:00"
    partition: str = ""
    memory_gb: int = 4

    def run(self, stages: Sequence[Stage], directory: Path) -> bool:
        """
        Runs what is not done yet. Locally and on Ray it returns true when all is done; on Slurm it returns
        false when the jobs are submitted. The directory is for datatrove's logs, statistics and completion
        markers.

        # Raises

        `ConfigurationError`
            Tasks failed, or the cluster does not accept the jobs.
        """
        if self.kind == "local":
            with _locked(directory):
                for stage in stages:
                    _run_locally(stage, directory / stage.name, self.workers or 1)
            return True
        if self.kind == "ray":
            for stage in stages:
                executor = self._ray_executor(stage, directory / stage.name)
                with _quiet():
                    executor.run()
                _check_done(executor, stage, directory / stage.name)
            return True
        previous = None
        for stage in stages:
            previous = self._slurm_executor(stage, directory / stage.name, previous)
        if previous is not None:
            try:
                with _quiet():
                    previous.run()  # submits those that it depends on first
            except FileNotFoundError:
                raise ConfigurationError(
                    "sbatch is not found; start this on a machine of Slurm's, or with --executor local."
                ) from None
            except subprocess.CalledProcessError as error:
                raise ConfigurationError(
                    f"sbatch refused the job (exit status {error.returncode})."
                ) from None
        return False

    def _slurm_executor(self, stage: Stage, directory: Path, previous: Optional[Any]) -> Any:
        activate = Path(sys.prefix) / "bin" / "activate"
        return required("datatrove.executor.slurm").SlurmPipelineExecutor(
            [_step_class()(stage)],
            tasks=stage.tasks,
            tasks_per_job=-(-stage.tasks // _ARRAY),
            workers=self.workers or -1,
            time=self.time,
            partition=self.partition,
            mem_per_cpu_gb=self.memory_gb,
            job_name=f"luke-{stage.name}",
            qos="",  # the cluster's own
            logging_dir=str(directory.absolute()),
            depends=previous,
            venv_path=str(activate) if activate.exists() else None,
        )

    def _ray_executor(self, stage: Stage, directory: Path) -> Any:
        if not _is_installed("ray"):
            raise ConfigurationError(
                "--executor ray needs Ray, which is not installed: pip install 'ray[default]'."
            )
        return required("datatrove.executor.ray").RayPipelineExecutor(
            [_step_class()(stage)],
            tasks=stage.tasks,
            workers=self.workers or -1,
            mem_per_cpu_gb=self.memory_gb,
            logging_dir=str(directory.absolute()),
        )


def begin(directory: Path, plan: Mapping[str, Any], force: bool = False) -> None:
    """
    Creates a job's directory, or checks that an unfinished job can be resumed there.

    # Parameters

    plan : `Mapping[str, Any]`
        Inputs and options: all that the output depends on, for JSON.
    force : `bool`, optional (default = `False`)
        Whether to remove a job of another plan.

    # Raises

    `ConfigurationError`
        The directory is of another plan or of no job, or a process is working in a job that is to be
        removed.
    """
    directory = Path(os.path.realpath(directory))
    path = directory / PLAN_FILE
    replaced = directory.with_name(f".{directory.name}.replaced")
    if replaced.exists():
        shutil.rmtree(replaced)
    plan = json.loads(json.dumps(plan))
    if path.exists():
        try:
            found = read_json(path)
        except ValueError:
            found = {}
        if found == plan:
            return
        if not force:
            differing = sorted(key for key in {*found, *plan} if found.get(key) != plan.get(key))
            raise ConfigurationError(
                f"{directory}: was begun with other {', '.join(differing) or 'options'}; repeat it with the "
                "same options to resume, choose another directory, or replace it with --force."
            )
        with ExitStack() as locks:
            for lock in sorted(directory.glob(f"*/{_LOCK}")):
                locks.enter_context(_locked(lock.parent))
            # Under another name first: half removed, it would be taken for a job to resume.
            os.rename(directory, replaced)
        # The locks are closed: NFS keeps files that are open.
        shutil.rmtree(replaced)
    elif os.path.lexists(directory) and (
        not directory.is_dir() or any(not is_temporary(item.name, PLAN_FILE) for item in directory.iterdir())
    ):
        raise ConfigurationError(f"{directory}: exists and is not of this command; choose another directory.")
    directory.mkdir(parents=True, exist_ok=True)
    write_json(path, plan)


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


@functools.lru_cache(maxsize=None)
def _step_class() -> Any:
    base = required("datatrove.pipeline.base").PipelineStep

    class TaskStep(base):  # type: ignore[misc, valid-type]
        """A stage's work as a step of datatrove's pipelines."""

        type = "LUKE"

        def __init__(self, stage: Stage) -> None:
            self.name = stage.name
            super().__init__()
            self.work = stage.work

        def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
            counts: Mapping[str, int] = self.work(rank, world_size) or {}
            for name, count in counts.items():
                self.stat_update(name, value=count)
            yield from ()

    # A job of Slurm finds it under this name, see `__getattr__`.
    TaskStep.__qualname__ = TaskStep.__name__
    return TaskStep


def __getattr__(name: str) -> Any:
    # Made when it is needed: AllenNLP imports every module of this package.
    if name == "TaskStep":
        return _step_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _run_locally(stage: Stage, directory: Path, workers: int) -> None:
    step = _step_class()
    executor = required("datatrove.executor.local").LocalPipelineExecutor(
        [], tasks=stage.tasks, logging_dir=str(directory), start_method="fork"
    )

    def run(rank: int) -> Mapping[str, int]:
        executor.pipeline = [step(stage)]  # with statistics of its own
        executor._run_for_rank(rank)
        return {name: int(stat.total) for name, stat in executor.pipeline[0].stats.stats.items()}

    ranks = executor.get_incomplete_ranks(range(stage.tasks))
    run_tasks(stage.name, run, ranks, stage.tasks, workers, directory / LOGS)
    _check_done(executor, stage, directory)


def _check_done(executor: Any, stage: Stage, directory: Path) -> None:
    """Datatrove's executor for Ray returns normally when tasks have failed."""
    ranks = executor.get_incomplete_ranks(range(stage.tasks))
    if ranks:
        more = len(ranks) - 3
        raise ConfigurationError(
            f"Task{'s' * (len(ranks) > 1)} {', '.join(map(str, ranks[:3]))}"
            + (f" and {more} other{'s' * (more > 1)}" if more > 0 else "")
            + f" of {stage.name!r} failed; their logs are in {directory / LOGS}. Start the command again to "
            "resume."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences datatrove, whose errors are exceptions."""
    logger = required("loguru").logger
    logger.disable("datatrove")
    try:
        yield
    finally:
        logger.enable("datatrove")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Two processes with the same tasks would write the same files."""
    import fcntl

    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / _LOCK, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"{directory.parent}: another process is working there.") from None
        except OSError:
            pass  # not every network file system has locks
        yield
