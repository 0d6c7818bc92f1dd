"""What the processes of a run tell each other, so that they continue, stop and fail together."""

from typing import Any, Callable, List, NamedTuple, NoReturn, Optional, Sequence, Tuple, Union

import torch
import torch.distributed as dist
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import is_distributed
from torch.utils import _pytree as pytree


def rank_and_world_size() -> Tuple[int, int]:
    """Of this process among those of all machines; (0, 1) if there is one process."""
    return (dist.get_rank(), dist.get_world_size()) if is_distributed() else (0, 1)


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


def least_over_processes(number: int) -> int:
    """The smallest of the processes' numbers."""
    least = torch.tensor(number)
    if is_distributed():
        least = least.to("cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(least, dist.ReduceOp.MIN)
    return int(least)


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


def map_tensors(function: Callable[[Any], Any], batch: Any, kind: type = torch.Tensor) -> Any:
    """
    Applies a function to the tensors in nested dictionaries and in lists of tensors, or to values of another
    kind. Other values, such as metadata, stay as they are.
    """
    if isinstance(batch, kind):
        return function(batch)
    if isinstance(batch, dict):
        return {name: map_tensors(function, value, kind) for name, value in batch.items()}
    if isinstance(batch, list) and batch and isinstance(batch[0], kind):
        return [map_tensors(function, value, kind) for value in batch]
    return batch


def to_device(batch: Any, device: torch.device) -> Any:
    """
    Copies the tensors of a batch to a device without waiting for the copy: a GPU fetches pinned tensors while
    the next kernels are being queued.
    """
    return map_tensors(lambda tensor: tensor.to(device, non_blocking=True), batch)
