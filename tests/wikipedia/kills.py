"""Commands that are killed again and again until one comes to its end."""

import os
import random
import signal
import time
from contextlib import suppress
from typing import Callable


def run_in_group(function: Callable[[], object]) -> int:
    """Calls a function in a process with a group of its own; gives its id."""
    command = os.fork()
    if command == 0:
        try:
            os.setpgid(0, 0)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            function()
        finally:
            os._exit(0)
    with suppress(OSError):  # whichever of the two comes first
        os.setpgid(command, command)
    return command


def kill_until_done(function: Callable[[], object], seed: int, step: float, whole_group: bool) -> int:
    """
    Calls a function in processes that are killed at random moments, each `step` seconds later at the most,
    until one ends by itself. Either the process alone is killed, or its children as well; none may outlive
    it. Gives how many were killed.
    """
    random_ = random.Random(seed)
    for attempt in range(100):
        command = run_in_group(function)
        deadline = time.monotonic() + random_.uniform(0, 0.2 + step * attempt)
        ended = 0
        while not ended and time.monotonic() < deadline:
            time.sleep(0.001)
            ended = os.waitpid(command, os.WNOHANG)[0]
        if ended:
            return attempt
        if whole_group:
            os.killpg(command, signal.SIGKILL)
        else:
            os.kill(command, signal.SIGKILL)
        os.waitpid(command, 0)
        wait_for_group(command)
    raise AssertionError("it never comes to its end")


def wait_for_group(group: int) -> None:
    """Waits until a group has no process; fails if one outlives the command."""
    patience = time.monotonic() + 20
    with suppress(ProcessLookupError):
        while time.monotonic() < patience:
            os.killpg(group, 0)
            time.sleep(0.001)
        raise AssertionError("a process has outlived the command")
