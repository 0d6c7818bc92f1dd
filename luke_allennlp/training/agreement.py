"""What the processes of a run tell each other between micro-batches, without waiting for a device."""

from typing import Any, Callable, Dict, Generic, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

import torch
import torch.distributed as dist
from allennlp.common.util import is_distributed

Report = TypeVar("Report")


class RunStatus(NamedTuple):
    """
    How many processes are in each state.

    # Parameters

    stopping : `float`, optional (default = `0`)
        Asked to stop.
    saving : `float`, optional (default = `0`)
        Due to save a checkpoint.
    failing : `float`, optional (default = `0`)
        Unable to continue because of an error.
    working : `float`, optional (default = `0`)
        In an evaluation: with a batch.
    """

    stopping: float = 0
    saving: float = 0
    failing: float = 0
    working: float = 0


class Exchange:
    """
    Sums over the processes of a run that nobody waits for: they are queued on the device, and read when the
    next ones are sent. Each process must send equally often, and equally many values.

    # Parameters

    device : `torch.device`
        A device of this process that the process group can send from.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._is_cuda = device.type == "cuda"
        self._sent: Optional[torch.Tensor] = None
        self._is_sent: Any = None

    def send(self, values: Sequence[float], more: torch.Tensor) -> torch.Tensor:
        """
        # Parameters

        values : `Sequence[float]`
        more : `torch.Tensor`
            On the device, in float64. Shape: (more values,)

        # Returns

        `torch.Tensor`
            The sums, on the device. Shape: (values + more values,)
        """
        own = torch.tensor(values, dtype=torch.float64, pin_memory=self._is_cuda)
        sums = torch.cat([own.to(self._device, non_blocking=True), more])
        if is_distributed():
            dist.all_reduce(sums)
        if self._is_cuda:
            self._sent = torch.empty(sums.shape, dtype=sums.dtype, pin_memory=True)
            self._sent.copy_(sums, non_blocking=True)
            self._is_sent = torch.cuda.Event()
            self._is_sent.record()
        else:
            self._sent = sums
        return sums

    def receive(self) -> Optional[List[float]]:
        """The sums of what was sent last, if that was not read yet."""
        if self._sent is None:
            return None
        if self._is_cuda:
            self._is_sent.synchronize()
        sums, self._sent = self._sent.tolist(), None
        return sums


class Agreement(Generic[Report]):
    """
    How the processes of a training continue, stop, save and fail together, and learn the loss of a step. With
    each micro-batch they exchange their state, and hear what was sent with the micro-batch before.

    # Parameters

    device : `torch.device`
    report : `Callable[[Report, List[float]], None]`
        Called with what `finish` was given, and its sums over all processes.
    """

    def __init__(self, device: torch.device, report: Callable[[Report, List[float]], None]) -> None:
        self._device = device
        self._is_distributed = is_distributed()
        self._exchange = Exchange(device)
        self._report = report
        self._finished: Optional[Tuple[Report, torch.Tensor]] = None
        self._sent: Optional[Report] = None
        self._num_sums = 0
        self.heard = RunStatus()

    def finish(self, step: Report, sums: torch.Tensor) -> None:
        """This process's sums of a step. They are sent with the next micro-batch. Shape: (sums,)"""
        self._finished, self._num_sums = (step, sums), len(sums)

    def listen(self, own: RunStatus) -> RunStatus:
        """
        What was sent with the last micro-batch, the same in all processes. One process alone hears its own
        state at once.
        """
        if self._is_distributed:
            self._receive()
        else:
            self.heard = RunStatus(*map(max, self.heard, own))
        return self.heard

    def send(self, own: RunStatus, totals: Dict[str, int]) -> Dict[str, Any]:
        """The totals of all processes."""
        if not self._is_distributed:
            if self._finished is not None:
                self._receive()
                self._send(own, {})
            return totals
        return self._send(own, totals)

    def settle(self) -> None:
        """Waits for the sums of all steps so far. All processes must call this."""
        self._receive()
        if self._finished is not None:
            self._send(RunStatus(), {})
            self._receive()

    def _send(self, own: RunStatus, totals: Dict[str, int]) -> Dict[str, Any]:
        values = [*own, *totals.values()]
        sums = torch.zeros(0, dtype=torch.float64, device=self._device)
        if self._finished is not None:
            self._sent, sums = self._finished
            self._finished = None
        sent = self._exchange.send(values, sums)
        return dict(zip(totals, sent[len(own) :], strict=False))

    def _receive(self) -> None:
        received = self._exchange.receive()
        if received is None:
            return
        self.heard = RunStatus(*map(max, self.heard, received[: len(RunStatus._fields)]))
        step, self._sent = self._sent, None
        if step is not None:
            self._report(step, received[-self._num_sums :])
