"""Tests do not depend on which signals were ignored when they were started."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator

import pytest

from tests.conftest import default_signal_handlers


@pytest.fixture
def ignored() -> Iterator[None]:
    """As after `trap '' INT TERM` in a shell."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("ignored")
class TestIgnored:
    def test_handlers_are_python_s_own(self) -> None:
        with default_signal_handlers():
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        for number in (signal.SIGINT, signal.SIGTERM):
            assert signal.getsignal(number) == signal.SIG_IGN

    def test_processes_inherit_them(self) -> None:
        with default_signal_handlers():
            for number in (signal.SIGINT, signal.SIGTERM):
                child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
                child.send_signal(number)
                assert child.wait(timeout=60) in (-number, 1), number
                assert child.stdin is not None
                child.stdin.close()

    @pytest.mark.slow
    def test_the_tests_pass(self, root_dir: Path, environment: Dict[str, str]) -> None:
        """Those that send SIGINT, with pytest started as `trap '' INT TERM; make test` starts it."""
        tests = [
            "tests/wikipedia/test_guarded_pool.py::test_an_interrupt_ends_the_child",
            "tests/wikipedia/test_executors.py::test_no_process_outlives_the_command",
            "tests/test_signals.py::test_every_test_has_them",
        ]
        finished = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *tests],
            cwd=root_dir,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in (2, 15)],
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert "4 passed" in finished.stdout


def test_every_test_has_them() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
