"""What AllenNLP's commands change in their process, put back afterwards."""

import logging
import os
import random
import signal
import sys
import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import torch
from allennlp.common import logging as allennlp_logging
from allennlp.common.checks import ConfigurationError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
# Those that a training gives handlers to, and those that an evaluation silences.
_LOGGERS = (
    None,
    "tqdm",
    "allennlp.common.params",
    "allennlp.nn.initializers",
    "allennlp.modules.token_embedders.embedding",
)
_VARIABLES = ("ALLENNLP_PROCS_PER_NODE",)

_working = threading.Lock()


@contextmanager
def process_kept() -> Iterator[None]:
    """
    Afterwards, logging, hooks, signal handlers, random numbers, the working directory and torch's settings
    are as before. Since they belong to the whole process, one such block may run at a time.

    # Raises

    `ConfigurationError`
        Another thread is in such a block.
    """
    if not _working.acquire(blocking=False):
        raise ConfigurationError(
            "Another training or evaluation is running in this process; wait for its end, or start this one "
            "in a process of its own."
        )
    try:
        with _logging_kept(), _signals_kept(), _torch_kept():
            hook, directory, random_state = sys.excepthook, os.getcwd(), random.getstate()
            numpy_state: Any = np.random.get_state()
            variables = {name: os.environ.get(name) for name in _VARIABLES}
            friendly = allennlp_logging.FILE_FRIENDLY_LOGGING
            try:
                yield
            finally:
                allennlp_logging.FILE_FRIENDLY_LOGGING = friendly
                sys.excepthook = hook
                os.chdir(directory)
                random.setstate(random_state)
                np.random.set_state(numpy_state)
                for name, value in variables.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value
    finally:
        _working.release()


@contextmanager
def _logging_kept() -> Iterator[None]:
    before: List[Tuple[logging.Logger, List[logging.Handler], int, bool]] = []
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        before.append((logger, logger.handlers[:], logger.level, logger.disabled))
    disabled = logging.root.manager.disable
    try:
        yield
    finally:
        known = {handler for _, handlers, _, _ in before for handler in handlers}
        for logger, handlers, level, is_disabled in before:
            for handler in logger.handlers:
                if handler not in known and isinstance(handler, logging.FileHandler):
                    handler.close()
            logger.handlers[:] = handlers
            logger.setLevel(level)
            logger.disabled = is_disabled
        logging.disable(disabled)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Only the main thread can set handlers, so no other thread can have changed them."""
    before: Dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextmanager
def _torch_kept() -> Iterator[None]:
    settings = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    backends: Any = torch.backends
    tf32 = backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        torch.set_default_dtype(settings[0])
        torch.set_grad_enabled(settings[1])
        if torch.get_num_threads() != settings[2]:
            torch.set_num_threads(settings[2])
        backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = tf32
