"""The states of the random number generators that a training draws from."""

import random
from typing import Any, Dict

import numpy
import torch


def get_random_states() -> Dict[str, Any]:
    """
    The states of the generators of Python, NumPy and torch, the latter for the CPU and the GPUs in use, as a
    checkpoint can hold them.
    """
    state: Any = numpy.random.get_state()
    algorithm, keys, *rest = state
    return {
        "python": random.getstate(),
        "numpy": (algorithm, keys.tolist(), *rest),
        **get_torch_states(),
    }


def get_torch_states() -> Dict[str, Any]:
    """Those of torch alone: what dropout draws from."""
    initialized = torch.cuda.is_available() and torch.cuda.is_initialized()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if initialized else None,
    }


def set_random_states(states: Dict[str, Any]) -> None:
    """Sets the generators to states of `get_random_states` or `get_torch_states`."""
    if not states:  # of a batch that begins an epoch
        return
    if "python" in states:
        version, internal, gauss = states["python"]
        random.setstate((version, tuple(internal), gauss))
        algorithm, keys, *rest = states["numpy"]
        numpy.random.set_state((algorithm, numpy.array(keys, dtype=numpy.uint32), *rest))
    # A checkpoint's tensors may have been loaded onto the GPU.
    torch.set_rng_state(states["torch"].cpu())
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"].cpu())
