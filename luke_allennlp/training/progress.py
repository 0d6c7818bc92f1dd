"""The line that shows how a training is going."""

import resource
import sys
import time
from typing import Any, Dict, Iterable, Optional

import torch
from allennlp.common import Tqdm

from luke_allennlp.training.steps import batch_counts

# How long a device is left alone before its loss is read.
_SECONDS = 2.0


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


class EvaluationProgress:
    """The same line for the batches of a validation, of which there are `total`."""

    def __init__(self, batches: Iterable[Any], is_shown: bool, total: Optional[int] = None) -> None:
        self.batches: Any = Tqdm.tqdm(batches, desc="validation", disable=not is_shown, total=total)
        self._is_shown = is_shown
        self._start = self._last = time.perf_counter()
        self._tokens = 0

    def add(self, batch: Any, sums: torch.Tensor) -> None:
        """
        # Parameters

        sums : `torch.Tensor`
            The loss of all batches so far, and what to divide it by. Shape: (2,)
        """
        if not self._is_shown:
            return
        self._tokens += sum(batch_counts(batch)[1:])
        now = time.perf_counter()
        if now - self._last >= _SECONDS:
            loss, number = sums.tolist()
            speed = self._tokens / (now - self._start)
            parts = [
                f"loss {loss / max(number, 1):.4f}",
                f"{speed:,.0f} tokens/s",
                f"{memory() / 1e9:.1f} GB",
            ]
            self.batches.set_description(f"validation, {', '.join(parts)}", refresh=False)
            self._last = now


def memory() -> int:
    """In bytes."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
