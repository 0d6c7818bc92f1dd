"""Calls of which some never end, or take the process with them."""

import os
import signal
import time
from pathlib import Path
from typing import Any, Callable, List

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.wikipedia.guarded_pool import Limits, guarded_map


def outcomes(function: Callable[[int], Any], count: int, limits: Limits) -> List[Any]:
    """The results, or the kinds of failures."""
    found = list(guarded_map(function, range(count), limits))
    assert [item for item, _, _ in found] == list(range(count))
    return [result if failure is None else failure for _, result, failure in found]


def test_results_of_another_process_in_order() -> None:
    found = outcomes(lambda item: (item, os.getpid(), "x" * 100_000), 300, Limits())
    assert [result[0] for result in found] == list(range(300))
    assert len({result[1] for result in found} | {os.getpid()}) == 2


def test_items_that_fail(tmp_path: Path) -> None:
    def function(item: int) -> Any:
        with open(tmp_path / str(item), "a") as file:
            file.write("x")
        attempts = len((tmp_path / str(item)).read_text())
        while item in (1, 40):
            pass
        if item in (3, 60) or item == 4 and attempts < 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if item == 5:
            os._exit(3)
        return len(bytearray((400 if item == 7 else 100) << 20)) if item in (7, 8) else item

    expected: List[Any] = list(range(70))
    for item in (1, 40):
        expected[item] = "time"
    for item in (3, 60, 7):
        expected[item] = "memory"
    # What kills once is tried again.
    expected[5], expected[8] = "crash", 100 << 20
    assert outcomes(function, 70, Limits(seconds=0.3, memory_mb=200)) == expected


def test_what_is_raised() -> None:
    def function(item: int) -> None:
        raise ConfigurationError("wrong")

    with pytest.raises(ConfigurationError, match="wrong"):
        outcomes(function, 1, Limits())


def test_an_interrupt_ends_the_child(tmp_path: Path) -> None:
    def function(item: int) -> None:
        (tmp_path / "pid").write_text(str(os.getpid()))
        while True:
            time.sleep(0.2)
            os.kill(os.getppid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        outcomes(function, 1, Limits())
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
