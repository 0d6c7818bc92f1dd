"""Tasks in processes of this machine, of which none outlives the command."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Callable, Mapping, Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm

from luke_allennlp.common.requirements import required
from luke_allennlp.wikipedia.guarded_pool import die_with_parent

Run = Callable[[int], Mapping[str, int]]

# The function of the worker process.
_run: Optional[Run] = None


def run_tasks(name: str, run: Run, ranks: Sequence[int], total: int, workers: int, logs: Path) -> None:
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
        with Tqdm.tqdm(total=total, initial=total - len(ranks), desc=name, unit="tasks") as bar:
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


def _begin_worker(run: Run, parent: int) -> None:
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
