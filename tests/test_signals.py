"""Tests do not depend on which signals were ignored when they were started."""

import os
import signal
import subprocess
import sys
from typing import Iterator

import pytest

from tests.conftest import default_signal_handlers

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def ignored() -> Iterator[None]:
    """As after `trap '' INT TERM` in a shell."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("ignored")
def test_ignored_signals_get_python_s_handlers() -> None:
    with default_signal_handlers():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        for number in NUMBERS:
            # Processes inherit them.
            with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
                child.send_signal(number)
                assert child.wait(timeout=60) in (-number, 1), number
    assert [signal.getsignal(number) for number in NUMBERS] == [signal.SIG_IGN] * 2


def test_every_test_has_them() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
