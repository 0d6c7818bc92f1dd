"""Ctrl-C and SIGTERM, which wait for the end of a step."""

import atexit
import logging
import multiprocessing
import multiprocessing.util
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Dict, Optional, Type
from weakref import WeakSet

from allennlp.common.util import SigTermReceived

logger = logging.getLogger(__name__)


class Interruption:
    """
    Between entering and leaving this context, the first Ctrl-C (SIGINT) or SIGTERM, which is how Slurm ends a
    job, is only noted: the trainer takes a checkpoint first. A second Ctrl-C is the exception it always is.

    Outside of the main thread, which alone can have signals handled, nothing changes.
    """

    def __init__(self) -> None:
        self.signal: Optional[int] = None
        self._before: Dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        return self.signal is not None

    def exception(self) -> BaseException:
        """What the signal would have raised; a SIGTERM's if it came to another process."""
        return KeyboardInterrupt() if self.signal == signal.SIGINT else SigTermReceived()

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        exception_type: Optional[Type[BaseException]],
        exception: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: Optional[FrameType]) -> None:
        if number == signal.SIGINT and self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is None:
            logger.warning(
                "%s: saving a checkpoint at the end of this step.%s",
                signal.Signals(number).name,
                " Once more, to stop at once." if number == signal.SIGINT else "",
            )
            self.signal = number


class WorkersOutlast:
    """
    Lets processes that make data outlast what ends a run: a shell and Slurm send their signals to all
    processes of it, and without its data a step would not come to its end. In this context, Ctrl-C and the
    first SIGTERM do nothing in processes that call this as torch's `worker_init_fn`. Once it is left, or this
    process ends within it, for an error say, SIGTERM ends them: with that, Python sees to it that no such
    process stays behind, and waits for them.

    # Parameters

    start_method : `str`, optional
        Of the processes; the platform's own if `None`.
    """

    def __init__(self, start_method: Optional[str]) -> None:
        # Without a lock, so that a signal handler can read it.
        self._ending = multiprocessing.get_context(start_method).RawValue("b", 0)

    def __enter__(self) -> "WorkersOutlast":
        _entered.add(self)
        return self

    def __exit__(self, *exception: Any) -> None:
        self.end()

    def __call__(self, worker: int = 0) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, number: int, frame: Optional[FrameType]) -> None:
        if self._ending.value:
            os._exit(0)
        signal.signal(number, lambda *_: os._exit(0))

    def end(self) -> None:
        """From now on, SIGTERM ends the processes."""
        self._ending.value = 1


_entered: "WeakSet[WorkersOutlast]" = WeakSet()


# It comes before what multiprocessing does at the end, since it is registered later.
@atexit.register
def _end_all() -> None:
    for workers in _entered:
        workers.end()
