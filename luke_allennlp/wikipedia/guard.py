"""
A guard of time and memory for work on many items, of which some may never end, or take the process with
them.

A parser that is written in C cannot be interrupted from Python. So the work is done in a child process, which
the kernel ends when an item takes too long; then it is started again without that item.
"""

import ctypes
import gc
import mmap
import os
import pickle
import signal
import struct
import sys
import threading
import time
import warnings
from typing import Any, Callable, Dict, Mapping, NamedTuple, NoReturn, Optional, Tuple, TypeVar

from allennlp.common.checks import ConfigurationError

T = TypeVar("T")

TIME, MEMORY, CRASH = "time", "memory", "crash"

_NOWHERE = -1
_INDEX = struct.Struct("q")
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


class Limits(NamedTuple):
    """
    # Parameters

    seconds : `float`, optional (default = `60.0`)
        Of computing time, for an item: a process that has to wait does not use it up.
    memory_mb : `int`, optional (default = `2048`)
        What the process may allocate for an item, beyond what it has when it starts.
    """

    seconds: float = 60.0
    memory_mb: int = 2048


class _MemoryLimit:
    """What this process may allocate beyond what it has."""

    def __init__(self, megabytes: int) -> None:
        # Elsewhere the kernel does not keep to such a limit.
        used = _data_bytes() if sys.platform == "linux" else None
        self._limits: Optional[Tuple[int, int, int]] = None
        if used is not None:
            import resource

            lifted, hard = resource.getrlimit(resource.RLIMIT_DATA)
            limit = used + megabytes * 1024 * 1024
            if lifted != resource.RLIM_INFINITY:
                limit = min(limit, lifted)
            self._limits = (limit, lifted, hard)
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))

    def set(self) -> None:
        self._apply(0)

    def lift(self) -> None:
        self._apply(1)

    def _apply(self, which: int) -> None:
        if self._limits is not None:
            import resource

            resource.setrlimit(resource.RLIMIT_DATA, (self._limits[which], self._limits[2]))


class Watch:
    """
    What a guarded function says of where it is, and what it hears of earlier attempts.

    # Parameters

    seconds : `float`
        The time of an item.
    skipped : `Mapping[int, str]`
        Items that are to be left out, and why: "time", "memory" or "crash".
    """

    def __init__(self, seconds: float, skipped: Mapping[int, str]) -> None:
        self.skipped = skipped
        self._seconds = seconds
        self._shared = mmap.mmap(-1, _INDEX.size)
        self._memory: Optional[_MemoryLimit] = None
        self.end()

    def begin(self, index: int) -> None:
        """Says that work on an item begins; the clock runs."""
        _INDEX.pack_into(self._shared, 0, index)
        if self._memory is not None:
            self._memory.set()
        # Nobody handles the signal, so the kernel ends the process, whatever it is doing.
        signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def end(self) -> None:
        """Says that work on the item is over: what follows is not its fault."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        if self._memory is not None:
            self._memory.lift()
        _INDEX.pack_into(self._shared, 0, _NOWHERE)

    def limit_memory(self, megabytes: int) -> None:
        """Says what this process may allocate while it works on an item."""
        self._memory = _MemoryLimit(megabytes)

    @property
    def index(self) -> int:
        """The item that is worked on, or -1."""
        return _INDEX.unpack_from(self._shared)[0]


def guarded(function: Callable[[Watch], T], limits: Limits) -> T:
    """
    Calls a function in a child process. If that dies, the function is called again, without the item at which
    it did: at once if that took too long, and when it has happened twice otherwise, since anybody may kill a
    process. The child dies with this process.

    # Parameters

    function : `Callable[[Watch], T]`
        It must give the same items the same numbers whenever it is called, begin from scratch, and keep
        nothing in memory that is wanted afterwards.

    # Returns

    `T`
        What the function returns, or raises.

    # Raises

    `ConfigurationError`
        The child died twice between two items.
    """
    skipped: Dict[int, str] = {}
    deaths: Dict[int, int] = {}
    while True:
        watch = Watch(limits.seconds, dict(skipped))
        content, status = _attempt(function, watch, limits)
        if status == 0:
            succeeded, result = pickle.loads(content)
            if succeeded:
                return result
            raise result
        index, kind = watch.index, _kind(status)
        deaths[index] = deaths.get(index, 0) + 1
        if kind != TIME and deaths[index] < 2:
            continue
        if index == _NOWHERE:
            raise ConfigurationError(
                f"A process died twice ({_describe(status)}) while it read or wrote; "
                "see that there is enough memory, and start the command again to go on."
            )
        skipped[index] = kind


def die_with_parent(parent: int) -> None:
    """
    Makes that this process is killed when its parent ends in any way.

    # Parameters

    parent : `int`
        The id of the parent.
    """
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


def _attempt(function: Callable[[Watch], Any], watch: Watch, limits: Limits) -> Tuple[bytes, int]:
    """Gives what the child sent, and how it ended as `os.waitpid` tells it."""
    parent = os.getpid()
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        # Of other threads, which Python warns of, the child needs nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(read_end)
        _be_child(function, watch, limits, parent, write_end)
    os.close(write_end)
    try:
        with os.fdopen(read_end, "rb") as pipe:
            content = pipe.read()  # ends when the child does
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return content, os.waitpid(child, 0)[1]


def _be_child(
    function: Callable[[Watch], Any], watch: Watch, limits: Limits, parent: int, write_end: int
) -> NoReturn:
    # Whatever happens, nothing of the parent's is run here: no `finally`, no flushing of its files.
    status = 1
    try:
        die_with_parent(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # that is the parent's to handle
        for number in (signal.SIGPROF, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        # What the parent has imported would be looked through at every collection.
        gc.freeze()
        watch.limit_memory(limits.memory_mb)
        content = _outcome(function, watch)
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(content)
        status = 0
    finally:
        os._exit(status)


def _outcome(function: Callable[[Watch], Any], watch: Watch) -> bytes:
    try:
        result = (True, function(watch))
    except Exception as error:
        watch.end()
        result = (False, error)
        try:
            # Some exceptions can be pickled, but not unpickled.
            return pickle.dumps(pickle.loads(pickle.dumps(result)))
        except Exception:
            result = (False, RuntimeError(f"{type(error).__name__}: {error}"))
    return pickle.dumps(result)


def _data_bytes() -> Optional[int]:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return None


def _kind(status: int) -> str:
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) == signal.SIGPROF:
            return TIME
        if os.WTERMSIG(status) == signal.SIGKILL:  # so does the kernel when memory is short
            return MEMORY
    return CRASH


def _describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit status {os.waitstatus_to_exitcode(status)}"
