"""Work on items of which some never end, or take the process with them."""

import errno
import faulthandler
import os
import signal
import time
from pathlib import Path
from typing import Any, List

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.wikipedia.guard import Limits, Watch, guarded


def die(signal_: int) -> None:
    faulthandler.disable()  # that would tell of it
    os.kill(os.getpid(), signal_)
    time.sleep(60)


def test_what_is_returned() -> None:
    def function(watch: Watch) -> List[Any]:
        return [os.getpid(), watch.skipped, "x" * 200_000]

    pid, skipped, text = guarded(function, Limits())
    assert pid != os.getpid() and skipped == {} and len(text) == 200_000


def test_what_is_raised() -> None:
    def configuration(watch: Watch) -> None:
        raise ConfigurationError("wrong")

    def system(watch: Watch) -> None:
        raise OSError(errno.ENOSPC, "full")

    class Odd(Exception):
        """Cannot be unpickled."""

        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} {two}")

    def odd(watch: Watch) -> None:
        raise Odd(1, 2)

    with pytest.raises(ConfigurationError, match="wrong"):
        guarded(configuration, Limits())
    with pytest.raises(OSError, match="full") as error:
        guarded(system, Limits())
    assert error.value.errno == errno.ENOSPC
    with pytest.raises(RuntimeError, match="Odd: 1 2"):
        guarded(odd, Limits())


def test_an_item_that_never_ends() -> None:
    def function(watch: Watch) -> List[int]:
        done = []
        for index in range(5):
            if index not in watch.skipped:
                watch.begin(index)
                while index in (1, 3):
                    pass
                watch.end()
                done.append(index)
        assert watch.skipped == {1: "time", 3: "time"}
        return done

    assert guarded(function, Limits(seconds=0.1)) == [0, 2, 4]


def test_time_between_items_does_not_count() -> None:
    def function(watch: Watch) -> str:
        for index in range(3):
            watch.begin(index)
            watch.end()
            start = time.process_time()
            while time.process_time() < start + 0.2:
                pass
        watch.begin(3)
        time.sleep(0.2)  # nor does waiting
        watch.end()
        return "done"

    assert guarded(function, Limits(seconds=0.1)) == "done"


@pytest.mark.parametrize(
    "number, kind", [(signal.SIGKILL, "memory"), (signal.SIGABRT, "crash"), (signal.SIGSEGV, "crash")]
)
def test_an_item_that_kills(tmp_path: Path, number: int, kind: str) -> None:
    def function(watch: Watch) -> str:
        with open(tmp_path / "attempts", "a") as file:
            file.write("x")
        watch.begin(7)
        if 7 not in watch.skipped:
            die(number)
        watch.end()
        return watch.skipped[7]

    assert guarded(function, Limits()) == kind
    assert (tmp_path / "attempts").read_text() == "xxx"


def test_an_item_is_not_left_out_for_one_death(tmp_path: Path) -> None:
    def function(watch: Watch) -> Any:
        watch.begin(7)
        if not (tmp_path / "once").exists():
            (tmp_path / "once").touch()
            die(signal.SIGKILL)
        watch.end()
        return watch.skipped

    assert guarded(function, Limits()) == {}


def test_death_between_items() -> None:
    def function(watch: Watch) -> None:
        watch.begin(1)
        watch.end()
        die(signal.SIGKILL)

    with pytest.raises(ConfigurationError, match=r"died twice \(SIGKILL\).*enough memory"):
        guarded(function, Limits())


def test_memory_is_limited() -> None:
    def function(watch: Watch) -> List[str]:
        results = []
        for index, megabytes in enumerate((100, 400, 100)):
            watch.begin(index)
            try:
                results.append(str(len(bytearray(megabytes << 20)) >> 20))
            except MemoryError:
                results.append("too much")
            watch.end()
        return results

    assert guarded(function, Limits(memory_mb=200)) == ["100", "too much", "100"]


def test_memory_between_items_is_not_limited() -> None:
    def function(watch: Watch) -> List[int]:
        sizes = []
        for index in range(2):
            watch.begin(index)
            watch.end()
            sizes.append(len(bytearray(400 << 20)) >> 20)
        return sizes

    assert guarded(function, Limits(memory_mb=200)) == [400, 400]


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    parent = os.fork()
    if parent == 0:
        try:
            os.close(read_end)

            def function(watch: Watch) -> None:
                (tmp_path / "started").touch()
                time.sleep(60)

            guarded(function, Limits())
        finally:
            os._exit(1)
    os.close(write_end)
    while not (tmp_path / "started").exists():
        time.sleep(0.01)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    # Ends when nobody holds the other end: neither of the two.
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read() == b""


def test_an_interrupt_ends_the_child(tmp_path: Path) -> None:
    def function(watch: Watch) -> None:
        (tmp_path / "pid").write_text(str(os.getpid()))
        # Python swallows an interrupt that comes while it forks, which takes long on a busy machine.
        for pause in (0.2, *[2] * 30):
            time.sleep(pause)
            os.kill(os.getppid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        guarded(function, Limits())
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
