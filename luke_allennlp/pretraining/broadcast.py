"""States that one process has read, for all."""

from typing import Any, Dict, List, NamedTuple

import torch
import torch.distributed as dist


class _Place(NamedTuple):
    """Where a tensor was."""

    number: int


def broadcast_state(state: Any, device: torch.device) -> Any:
    """
    Gives all processes what the first one has. Tensors go one by one, so that no process needs more memory
    than the result takes, and the largest tensor on the device.

    # Parameters

    state : `Any`
        Dictionaries, lists and tuples of tensors and of what can be pickled; of the first process. What the
        others give is not used.
    device : `torch.device`
        A device of this process that the process group can send from.

    # Returns

    `Any`
        The state, with tensors on the CPU.
    """
    tensors: List[torch.Tensor] = []
    is_source = dist.get_rank() == 0
    outline: List[Any] = [None, None]
    if is_source:
        outline[0] = _take_out(state, tensors)
        outline[1] = [(tensor.shape, tensor.dtype) for tensor in tensors]
    dist.broadcast_object_list(outline, src=0, device=device)
    skeleton, kinds = outline
    received: List[torch.Tensor] = []
    for number, (shape, dtype) in enumerate(kinds):
        tensor = tensors[number].to(device) if is_source else torch.empty(shape, dtype=dtype, device=device)
        dist.broadcast(tensor.contiguous(), src=0)
        received.append(tensors[number] if is_source else tensor.cpu())
    return _put_back(skeleton, received)


def _take_out(state: Any, tensors: List[torch.Tensor]) -> Any:
    if isinstance(state, torch.Tensor):
        tensors.append(state.detach())
        return _Place(len(tensors) - 1)
    if isinstance(state, dict):
        result: Dict[Any, Any] = {key: _take_out(value, tensors) for key, value in state.items()}
        return result
    if type(state) in (list, tuple):
        return type(state)(_take_out(value, tensors) for value in state)
    return state


def _put_back(skeleton: Any, tensors: List[torch.Tensor]) -> Any:
    if isinstance(skeleton, _Place):
        return tensors[skeleton.number]
    if isinstance(skeleton, dict):
        return {key: _put_back(value, tensors) for key, value in skeleton.items()}
    if type(skeleton) in (list, tuple):
        return type(skeleton)(_put_back(value, tensors) for value in skeleton)
    return skeleton
