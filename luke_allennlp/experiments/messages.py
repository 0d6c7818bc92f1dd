"""What is logged while data is read."""

import logging
from contextlib import contextmanager
from typing import Iterator, List


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps what AllenNLP and this package log, errors excepted, from the console."""
    loggers = [logging.getLogger(name) for name in ("allennlp", "luke_allennlp")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def messages_of(path: str) -> Iterator[List[logging.LogRecord]]:
    """Collects what this package logs about a file, and keeps it from the console."""
    handler = _Collector()
    handler.addFilter(lambda record: record.getMessage().startswith(f"{path}: "))
    logger = logging.getLogger("luke_allennlp")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: List[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record)
