"""Calls of which some never end, or take the process with them."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.wikipedia.guarded_pool import Limits, guarded_map


def test_results_in_order_and_what_kills_once_is_tried_again(tmp_path: Path) -> None:
    def function(item: int) -> Any:
        if item == 40 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item, os.getpid() == parent, "x" * 100_000

    parent = os.getpid()
    found = list(guarded_map(function, range(300), Limits()))
    assert found == [(item, (item, False, "x" * 100_000), None) for item in range(300)]


def test_what_is_raised() -> None:
    def function(item: int) -> None:
        raise ConfigurationError("wrong")

    with pytest.raises(ConfigurationError, match="wrong"):
        list(guarded_map(function, [1], Limits()))


def test_an_interrupt_ends_the_child(tmp_path: Path) -> None:
    def function(item: int) -> None:
        (tmp_path / "pid").write_text(str(os.getpid()))
        while True:
            time.sleep(0.2)
            os.kill(os.getppid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        list(guarded_map(function, [1], Limits()))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
