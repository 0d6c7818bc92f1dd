"""What the processes of a run tell each other, so that they continue, stop and fail together."""

from typing import Any, List, NamedTuple, NoReturn, Optional, Sequence, Union

import torch
import torch.distributed as dist
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import is_distributed
from torch.utils import _pytree as pytree


class RunStatus(NamedTuple):
    """
    How many processes are in each state, before a step or after a validation.

    # Parameters

    stopping : `int`, optional (default = `0`)
        Asked to stop.
    saving : `int`, optional (default = `0`)
        Due to save a checkpoint.
    failing : `int`, optional (default = `0`)
        Unable to continue because of an error.
    missing : `int`, optional (default = `0`)
        Without a batch.
    """

    stopping: int = 0
    saving: int = 0
    failing: int = 0
    missing: int = 0

    def of_all(self, device: torch.device) -> "RunStatus":
        """The sums over all processes, each of which must call this."""
        return RunStatus(*(int(value) for value in sum_over_processes(self, device)))


def sum_over_processes(values: Union[Sequence[float], torch.Tensor], device: torch.device) -> List[float]:
    """
    # Parameters

    values : `Union[Sequence[float], torch.Tensor]`
        Shape: (values,). Summed in float64.
    device : `torch.device`
        A device of this process that the process group can send from.
    """
    sums = torch.as_tensor(values, dtype=torch.float64)
    if is_distributed():
        sums = sums.to(device)
        dist.all_reduce(sums)
    return sums.tolist()


def fail_together(error: Optional[Exception]) -> NoReturn:
    """
    Ends this process because of its own error or another process's, which would otherwise wait for it. All
    processes must call this.

    # Raises

    `Exception`
        This process's own error.
    `ConfigurationError`
        It has none: the rank and the message of the first process that has.
    """
    messages: List[Any] = [None]
    if is_distributed():
        messages = [None] * dist.get_world_size()
        dist.all_gather_object(messages, None if error is None else _message(error))
    if error is not None:
        raise error
    rank, message = next((rank, message) for rank, message in enumerate(messages) if message is not None)
    raise ConfigurationError(f"Process {rank} of {len(messages)} could not go on: {message}")


def _message(error: Exception) -> str:
    return error.message if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {error}"


class _TensorShape(NamedTuple):
    """Stands for a tensor that is sent separately."""

    shape: torch.Size
    dtype: torch.dtype


def broadcast_state(state: Any, device: torch.device) -> Any:
    """
    Sends the first process's state to all. Tensors go one by one, so that no process needs more memory than
    the result takes, plus the largest tensor on the device.

    # Parameters

    state : `Any`
        Nested dictionaries, lists and tuples of tensors and picklable values. Ignored in other processes.
    device : `torch.device`
        As of `sum_over_processes`.

    # Returns

    `Any`
        The state, with tensors on the CPU.
    """
    is_source = dist.get_rank() == 0
    own, structure = pytree.tree_flatten(state)
    leaves = [
        _TensorShape(leaf.shape, leaf.dtype) if isinstance(leaf, torch.Tensor) else leaf for leaf in own
    ]
    outline: List[Any] = [leaves, structure] if is_source else [None, None]
    dist.broadcast_object_list(outline, src=0, device=device)
    received: List[Any] = []
    for number, leaf in enumerate(outline[0]):
        if isinstance(leaf, _TensorShape):
            if is_source:
                leaf = own[number].detach()
                dist.broadcast(leaf.to(device).contiguous(), src=0)
            else:
                tensor = torch.empty(leaf.shape, dtype=leaf.dtype, device=device)
                dist.broadcast(tensor, src=0)
                leaf = tensor.cpu()
        received.append(leaf)
    return pytree.tree_unflatten(received, outline[1])


def to_device(batch: Any, device: torch.device) -> Any:
    """
    Copies the tensors of a nested batch to a device without waiting for the copy: a GPU fetches pinned
    tensors while the next kernels are being queued. Other values stay as they are.
    """
    return pytree.tree_map_only(torch.Tensor, lambda value: value.to(device, non_blocking=True), batch)
