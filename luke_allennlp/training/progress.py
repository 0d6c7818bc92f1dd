"""The line that shows how a training is going."""

import resource
import sys
from typing import Any, Dict

import torch


def describe(figures: Dict[str, Any], steps_per_epoch: int) -> str:
    """
    Epoch, step in it, loss, accuracy if known, learning rate, throughput, and the most memory used so far: of
    the GPU if there is one, otherwise of this process.
    """
    epoch, place = divmod(figures["step"] - 1, steps_per_epoch)
    tokens = figures["words_per_second"] + figures["entities_per_second"]
    parts = [f"epoch {epoch + 1} step {place + 1}/{steps_per_epoch}", f"loss {figures['loss']:.4f}"]
    parts += [f"{name} {value:.3f}" for name, value in figures.items() if name.endswith("accuracy")]
    parts += [f"lr {figures['learning_rate']:.2e}", f"{tokens:,.0f} tokens/s", f"{memory() / 1e9:.1f} GB"]
    return ", ".join(parts)


def memory() -> int:
    """In bytes."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
