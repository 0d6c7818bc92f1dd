"""Batches on their way to a device."""

from typing import Any

import torch


def to_device(batch: Any, device: torch.device) -> Any:
    """
    Moves a batch without waiting for it: a GPU fetches pinned tensors by itself while the next kernels are
    being queued.

    # Parameters

    batch : `Any`
        Tensors, in dictionaries, lists and tuples or not; anything else in them stays as it is.
    device : `torch.device`

    # Returns

    `Any`
        The same with tensors on the device. `batch` itself is left where it is.
    """
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if type(batch) in (list, tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch
