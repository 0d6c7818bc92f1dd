"""
Calls that may take too much time or memory, or crash: they run in a child process. A parser written in C
cannot be interrupted from Python, but its process can be killed; only the call that it was working on is
lost.
"""

import ctypes
import gc
import itertools
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Callable, Deque, Iterable, Iterator, List, NamedTuple, Optional, Tuple, TypeVar

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.requirements import required

S = TypeVar("S")
T = TypeVar("T")

TIME, MEMORY, CRASH = "time", "memory", "crash"

# Items that are sent to the child process together, and batches that wait there.
_BATCH, _AHEAD = 32, 4
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>

# The function of the child process.
_function: Optional[Callable[[Any], Any]] = None


class Limits(NamedTuple):
    """Of an item, by the clock; and what the child process may allocate beyond what it has at its start."""

    seconds: float = 60.0
    memory_mb: int = 2048


def guarded_map(
    function: Callable[[S], T], items: Iterable[S], limits: Limits
) -> Iterator[Tuple[S, Optional[T], Optional[str]]]:
    """
    Calls a function on items in a child process, which dies with this process. Returns each item in order,
    with its result, or `None` and "time", "memory" or "crash". An item that exceeds the time is given up at
    once; one that kills the process is tried again first, since anyone may kill a process. The function's
    exceptions are raised here, except `MemoryError`. It need not be picklable, but items and results are
    pickled.
    """
    pool = required("pebble").ProcessPool(
        1,
        initializer=_begin_child,
        initargs=(function, os.getpid(), limits.memory_mb),
        context=multiprocessing.get_context("fork"),
    )
    waiting: Deque[Tuple[List[S], "Future[List[T]]"]] = deque()

    def submit(batch: List[S]) -> "Future[List[T]]":
        return pool.schedule(_call, (batch,), timeout=limits.seconds)

    def outcomes() -> Iterator[Tuple[S, Optional[T], Optional[str]]]:
        batch, future = waiting.popleft()
        results, failure = _result(future)
        if failure is None:
            yield from ((item, result, None) for item, result in zip(batch, results, strict=True))
            return
        for item in batch:
            results, failure = _result(submit([item]))
            if failure not in (None, TIME):
                results, failure = _result(submit([item]))
            yield item, None if failure else results[0], failure

    try:
        iterator = iter(items)
        while batch := list(itertools.islice(iterator, _BATCH)):
            waiting.append((batch, submit(batch)))
            if len(waiting) > _AHEAD:
                yield from outcomes()
        while waiting:
            yield from outcomes()
    finally:
        pool.stop()
        pool.join()


def _result(future: "Future[List[T]]") -> Tuple[List[T], Optional[str]]:
    try:
        return future.result(), None
    except TimeoutError:
        return [], TIME
    except MemoryError:
        return [], MEMORY
    except BrokenProcessPool:
        raise ConfigurationError(
            "The parser's process was killed between two pages; see that there is enough memory. Start the "
            "command again to resume."
        ) from None
    except required("pebble").ProcessExpired as error:
        # So does the kernel when memory is short.
        return [], MEMORY if error.exitcode == -signal.SIGKILL else CRASH


def _call(items: List[Any]) -> List[Any]:
    assert _function is not None
    return list(map(_function, items))


def _begin_child(function: Callable[[Any], Any], parent: int, memory_mb: int) -> None:
    global _function
    _function = function
    die_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a handler in Python would wait for the parser
    gc.freeze()  # what the parent has imported is never collected here
    if sys.platform == "linux":  # others do not enforce the limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = _data_bytes() + memory_mb * 1024 * 1024
        if soft == resource.RLIM_INFINITY or limit < soft:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def die_with_parent(parent: int) -> None:
    """Makes this process be killed when its parent, of this id, ends in any way."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _data_bytes() -> int:
    """What this process has allocated."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^VmData:\s*([0-9]+) kB$", status, re.M)
    return int(found[1]) * 1024 if found else 0
