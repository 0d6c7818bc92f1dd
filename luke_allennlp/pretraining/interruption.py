"""Ctrl-C and SIGTERM, which wait for the end of a step."""

import logging
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Dict, Optional, Type

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


def outlast_interruptions(worker: int = 0) -> None:
    """
    For a process that makes data, as torch's `worker_init_fn`. A shell and Slurm send their signals to all
    processes of a run, and without its data a step would not come to its end. So Ctrl-C and the first SIGTERM
    do nothing here; the process ends when the trainer asks it to, or is no more.
    """

    def handle(number: int, frame: Optional[FrameType]) -> None:
        signal.signal(number, lambda *_: os._exit(0))

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, handle)
