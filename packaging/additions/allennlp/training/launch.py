"""The processes of a training: started here or by torchrun, interrupted, and told to stop."""

import atexit
import functools
import os
import signal
import sys
import threading
from argparse import Namespace
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from allennlp.common.util import SigTermReceived

INTERRUPTED = 75
"""The exit code of a training that a signal interrupted and that can resume."""

# While the first process reads data for the vocabulary, the others wait.
_TIMEOUT = timedelta(days=1)


class Launched(NamedTuple):
    """What torchrun tells a process in its environment."""

    rank: int
    world_size: int
    local_rank: int
    local_world_size: int
    node_rank: int

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def distributed(self) -> Dict[str, Any]:
        """The `distributed` block of such a run."""
        local = range(self.local_world_size)
        return {
            "cuda_devices": list(local) if torch.cuda.is_available() else [-1 for _ in local],
            "num_nodes": self.world_size // self.local_world_size,
        }


def launched() -> Optional[Launched]:
    """`None` in a process that torchrun has not started, or alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK")
    return Launched(*(int(os.environ[name]) for name in names))


def work(worker: Callable[..., Any], process: Launched, arguments: Optional[List[Any]]) -> List[Any]:
    """
    Runs a training's worker in this process, which torchrun has started.

    # Parameters

    worker : `Callable[..., Any]`
        Called with the rank among the processes of this machine, and the arguments.
    arguments : `List[Any]`, optional
        In the first process. The others get them from there.

    # Returns

    `List[Any]`
        The arguments.
    """
    is_cuda = torch.cuda.is_available()
    if is_cuda:
        torch.cuda.set_device(process.local_rank)
    dist.init_process_group("nccl" if is_cuda else "gloo", timeout=_TIMEOUT)
    shared = [arguments]
    dist.broadcast_object_list(shared, src=0)
    assert shared[0] is not None
    worker(process.local_rank, *shared[0])
    return shared[0]


def spawn(worker: Callable[..., Any], arguments: Any, processes: int) -> None:
    """
    As `torch.multiprocessing.spawn`, but signals are passed on, so that each process can save what it has.

    # Raises

    `SystemExit`
        The processes were interrupted, and can resume.
    """
    context: Any = mp.start_processes(
        worker, args=arguments, nprocs=processes, join=False, start_method="spawn"
    )
    received: List[int] = []

    def pass_on(number: int, frame: Any) -> None:
        if number == signal.SIGINT and signal.SIGINT in received:
            raise KeyboardInterrupt
        received.append(number)
        for process in context.processes:
            if process.is_alive():
                # Of Ctrl-C a terminal tells all processes itself, and a second one stops them at once.
                os.kill(process.pid, signal.SIGTERM if number == signal.SIGINT else number)

    with handled(pass_on):
        try:
            while not context.join(timeout=1):
                pass
        except mp.ProcessExitedException as error:
            if received or error.exit_code == INTERRUPTED:
                sys.exit(INTERRUPTED)
            raise
        finally:
            for process in context.processes:
                if process.is_alive():
                    process.terminate()
                process.join()


@contextmanager
def handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Handles SIGINT, SIGTERM and SIGUSR1 in the main thread."""
    before: Dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for known, previous in before.items():
            signal.signal(known, previous)


@functools.lru_cache(maxsize=None)
def _finish_undisturbed() -> None:
    """A signal while this process ends, with all done, must not make it look like a failure."""

    def ignore() -> None:
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)

    atexit.register(ignore)


def resumable(command: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """
    Makes the function of `allennlp train` end the process with `INTERRUPTED` on SIGINT, SIGTERM and SIGUSR1,
    as far as the trainer does not handle them: while data is read, for example. A `KeyboardInterrupt` of the
    trainer's, after a second Ctrl-C, is passed on.
    """
    received: List[int] = []

    def interrupt(number: int, frame: Any) -> None:
        received.append(number)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SigTermReceived

    @functools.wraps(command)
    def run(arguments: Namespace) -> None:
        _finish_undisturbed()
        with handled(interrupt):
            try:
                command(arguments)
            except (KeyboardInterrupt, SigTermReceived):
                if not received:
                    raise
                print("allennlp: interrupted. Resume with the same command and --recover", file=sys.stderr)
                sys.exit(INTERRUPTED)

    return run
