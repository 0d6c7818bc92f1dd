"""Signals that end a training: deferred until a checkpoint is saved."""

import logging
import multiprocessing
import multiprocessing.util
import os
import signal
import threading
from types import FrameType
from typing import Any, Dict, Optional

logger = logging.getLogger(__name__)


INTERRUPTED = 75
"""
The exit code of a training that a signal interrupted and that can resume: `EX_TEMPFAIL` of sysexits.h, by
which a scheduler can tell it from a failure.
"""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class TrainingInterrupted(SystemExit):
    """
    Ends a process with the exit code `INTERRUPTED`.

    # Parameters

    signal : `int`, optional (default = `None`)
        What this process got, if it was this one.
    """

    def __init__(self, signal: Optional[int] = None) -> None:
        super().__init__(INTERRUPTED)
        self.signal = signal


class SignalGuard:
    """
    In this context the first Ctrl-C (SIGINT), SIGTERM or SIGUSR1, by which Slurm announces the end of a job,
    is only recorded, so that the trainer can save a checkpoint first. A second Ctrl-C raises at once.

    Does nothing outside of the main thread, which alone can handle signals.
    """

    def __init__(self) -> None:
        self.signal: Optional[int] = None
        self._before: Dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> "SignalGuard":
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._record)
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _record(self, number: int, frame: Optional[FrameType]) -> None:
        if number == signal.SIGINT and self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is None:
            logger.warning(
                "%s: saving a checkpoint.%s",
                signal.Signals(number).name,
                " Press Ctrl-C again to stop at once." if number == signal.SIGINT else "",
            )
            self.signal = number


class WorkerSignalGuard:
    """
    Keeps a data loader's workers alive until the step is done: shells and Slurm signal all processes of a
    run, and without its data a step would not end. In processes that call this as torch's `worker_init_fn`,
    Ctrl-C, SIGUSR1 and the first SIGTERM do nothing in this context. After it, or when this process ends
    within it, SIGTERM ends them: that is how Python makes sure that no worker outlives its parent.

    # Parameters

    start_method : `str`, optional
        Of the workers; the platform's default if `None`.
    """

    def __init__(self, start_method: Optional[str]) -> None:
        # Without a lock, so that a signal handler can read it.
        self._ending = multiprocessing.get_context(start_method).RawValue("b", 0)

    def __enter__(self) -> "WorkerSignalGuard":
        # A process that multiprocessing started waits for its children before any `atexit` function runs.
        multiprocessing.util.Finalize(self, setattr, args=(self._ending, "value", 1), exitpriority=0)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._ending.value = 1

    def __call__(self, worker: int = 0) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, number: int, frame: Optional[FrameType]) -> None:
        if self._ending.value:
            os._exit(0)
        signal.signal(number, lambda *_: os._exit(0))
