"""Where the tasks of a long job run (datatrove's executors), and which are done already."""

import argparse
import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm

from luke_allennlp.common.requirements import required
from luke_allennlp.wikipedia.guarded_pool import die_with_parent

LOGS = "logs"
LOCK = "lock"
# Slurm's arrays have 1001 at most; of several, the next stage would wait for the last one only.
_ARRAY = 1000

# Takes the number of a task; returns counts for the statistics. It must be picklable, and write its files
# atomically.
Work = Callable[[int], Optional[Mapping[str, int]]]

_Run = Callable[[int], Mapping[str, int]]
# The function of a worker process.
_run: Optional[_Run] = None


class Stage(NamedTuple):
    """
    A step of a job: tasks that run side by side when all tasks of the stage before are done. Its name is that
    of the directory of its logs and completion markers.
    """

    name: str
    work: Work
    tasks: int


class TaskStep:
    """A stage's work as a step of datatrove's pipelines, which reads `stats`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __call__(self, data: Any, rank: int, tasks: int) -> None:
        self.stats = required("datatrove.utils.stats").Stats(self._stage.name)
        for name, count in (self._stage.work(rank) or {}).items():
            self.stats[name].update(count)


class Executor(NamedTuple):
    """
    Processes of this machine ("local"), or jobs of "slurm" or "ray"; how many tasks run at a time (if `None`,
    one locally, and as many as a cluster has room for); the time and partition of Slurm's jobs; and the
    memory of a task on Slurm and Ray.
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
        markers. A `ConfigurationError` if tasks failed, or the cluster does not accept the jobs.
        """
        if self.kind == "slurm":
            self._submit(stages, directory)
            return False
        if self.kind == "ray":
            for stage in stages:
                executor = self._ray_executor(stage, directory / stage.name)
                with _quiet():
                    executor.run()
                _check_done(executor, stage, directory / stage.name)
            return True
        with locked(directory):
            for stage in stages:
                _run_locally(stage, directory / stage.name, self.workers or 1)
        return True

    def _submit(self, stages: Sequence[Stage], directory: Path) -> None:
        activate = Path(sys.prefix) / "bin" / "activate"
        previous: Any = None
        for stage in stages:
            previous = required("datatrove.executor.slurm").SlurmPipelineExecutor(
                [TaskStep(stage)],
                tasks=stage.tasks,
                tasks_per_job=-(-stage.tasks // _ARRAY),
                workers=self.workers or -1,
                time=self.time,
                partition=self.partition,
                mem_per_cpu_gb=self.memory_gb,
                job_name=f"luke-{stage.name}",
                qos="",  # the cluster's own
                logging_dir=str((directory / stage.name).absolute()),
                depends=previous,
                venv_path=str(activate) if activate.exists() else None,
            )
        try:
            with _quiet():
                previous.run()  # submits those that it depends on first
        except FileNotFoundError:
            raise ConfigurationError(
                "sbatch is not found; start this on a machine of Slurm's, or with --executor local."
            ) from None
        except subprocess.CalledProcessError as error:
            raise ConfigurationError(f"sbatch refused the job (exit status {error.returncode}).") from None

    def _ray_executor(self, stage: Stage, directory: Path) -> Any:
        if not _is_installed("ray"):
            raise ConfigurationError(
                "--executor ray needs Ray, which is not installed: pip install 'ray[default]'."
            )
        return required("datatrove.executor.ray").RayPipelineExecutor(
            [TaskStep(stage)],
            tasks=stage.tasks,
            workers=self.workers or -1,
            mem_per_cpu_gb=self.memory_gb,
            logging_dir=str(directory.absolute()),
        )


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _run_locally(stage: Stage, directory: Path, workers: int) -> None:
    executor = required("datatrove.executor.local").LocalPipelineExecutor(
        [TaskStep(stage)], tasks=stage.tasks, logging_dir=str(directory), start_method="fork"
    )

    def run(rank: int) -> Mapping[str, int]:
        found = executor._run_for_rank(rank).stats
        return {name: int(stat.total) for step in found for name, stat in step.stats.items()}

    ranks = executor.get_incomplete_ranks(range(stage.tasks))
    _run_tasks(stage.name, run, ranks, stage.tasks, workers, directory / LOGS)
    _check_done(executor, stage, directory)


def _run_tasks(name: str, run: _Run, ranks: Sequence[int], total: int, workers: int, logs: Path) -> None:
    """
    Runs those tasks of `total` that are left to do, side by side in forked processes, which have everything
    imported already. (Datatrove's own pool waits forever when a worker is killed, and its processes outlive
    the command.) A `ConfigurationError` says which task failed, or that a process died; then the others are
    stopped.
    """
    if not ranks:
        return
    context = multiprocessing.get_context("fork")
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(workers, len(ranks)), context, initializer=_begin_worker, initargs=(run, os.getpid())
    )
    try:
        futures = {pool.submit(_work, rank): rank for rank in ranks}
        counts: "Counter[str]" = Counter()
        with Tqdm.tqdm(
            total=total, initial=total - len(ranks), desc=name, unit="tasks", delay=0, leave=True
        ) as bar:
            for future in as_completed(futures):
                counts.update(_result(future, name, futures[future], logs))
                first = next(iter(counts), None)
                if first is not None:
                    bar.set_postfix_str(f"{counts[first]:,} {first}", refresh=False)
                bar.update()
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _result(future: "Future[Mapping[str, int]]", name: str, rank: int, logs: Path) -> Mapping[str, int]:
    again = "Start the command again to resume."
    try:
        return future.result()
    except ConfigurationError:
        raise
    except BrokenProcessPool:
        raise ConfigurationError(
            f"A process of {name!r} was killed; see that there is enough memory. {again}"
        ) from None
    except Exception as error:
        raise ConfigurationError(
            f"Task {rank} of {name!r} failed with {type(error).__name__}: {error} "
            f"({logs / f'task_{rank:05d}.log'} says more). {again}"
        ) from None


def _begin_worker(run: _Run, parent: int) -> None:
    global _run
    _run = run
    die_with_parent(parent)
    # Ctrl-C reaches all processes, but the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Processes share that of the bars: one that is killed while holding it would stop all others.
    Tqdm.set_lock(threading.RLock())
    # Datatrove logs each task to the terminal too; its log files have it.
    required("loguru").logger.remove()
    sys.stderr = open(os.devnull, "w", encoding="utf-8")


def _work(rank: int) -> Mapping[str, int]:
    assert _run is not None
    return _run(rank)


def _check_done(executor: Any, stage: Stage, directory: Path) -> None:
    """Datatrove's executor for Ray returns normally when tasks have failed."""
    ranks = executor.get_incomplete_ranks(range(stage.tasks))
    if ranks:
        more = f" and {len(ranks) - 3} more" if len(ranks) > 3 else ""
        raise ConfigurationError(
            f"Of the tasks of {stage.name!r}, {', '.join(map(str, ranks[:3]))}{more} failed; their logs are "
            f"in {directory / LOGS}. Start the command again to resume."
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
def locked(directory: Path) -> Iterator[None]:
    """Two processes with the same tasks would write the same files."""
    import fcntl

    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / LOCK, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"{directory.parent}: another process is working there.") from None
        except OSError:
            pass  # not every network file system has locks
        yield


def add_executor_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say where a command's tasks run."""
    group = parser.add_argument_group("where tasks run")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="tasks that run at a time (default: 1; as many as there is room for on Slurm and Ray)",
    )
    group.add_argument(
        "--executor",
        choices=("local", "slurm", "ray"),
        default="local",
        help="processes of this machine, or jobs of Slurm or Ray (default: local)",
    )
    group.add_argument("--slurm-partition", default="", metavar="NAME", help="for --executor slurm")
    group.add_argument(
        "--slurm-time", default="24:00:00", metavar="HH:MM:SS", help="of a job (default: 24:00:00)"
    )
    group.add_argument(
        "--memory-gb",
        type=int,
        default=4,
        metavar="N",
        help="of a task, on Slurm and Ray (default: 4); one for all stages, of which those that merge the "
        "counts of a whole Wikipedia need about 8",
    )


def executor_from_args(args: argparse.Namespace) -> Executor:
    """The executor of the options of `add_executor_arguments`; a `ConfigurationError` if one is wrong."""
    for option, value in (("--workers", args.workers), ("--memory-gb", args.memory_gb)):
        if value is not None and value < 1:
            raise ConfigurationError(f"{option} is {value}; expected 1 or more.")
    if args.executor == "slurm" and not args.slurm_partition:
        raise ConfigurationError("--executor slurm needs the partition: give --slurm-partition NAME.")
    return Executor(args.executor, args.workers, args.slurm_time, args.slurm_partition, args.memory_gb)
