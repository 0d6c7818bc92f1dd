"""The line that shows how a training is going."""

import resource
import sys
import time
from typing import Any, Dict, Iterable, List, Optional

import torch
from allennlp import console
from allennlp.common import Tqdm

from luke_allennlp.training.scores import console_width
from luke_allennlp.training.steps import batch_counts

# How long a device is left alone before its loss is read.
_SECONDS = 2.0


def bar_options() -> Dict[str, Any]:
    """Options of a progress bar, whose line fits a terminal of 80 characters. A wider one has a bar, too."""
    bar = " {bar:10}" if console.is_terminal() and console_width() >= 100 else ""
    return {
        "bar_format": "{desc}" + bar + " {percentage:3.0f}%, {n_fmt}/{total_fmt}, {remaining} left{postfix}"
    }


def describe(figures: Dict[str, Any]) -> str:
    """
    Loss, accuracy if known, learning rate, throughput, and the most memory used so far: of the GPU if there
    is one, otherwise of this process.
    """
    tokens = figures["words_per_second"] + figures["entities_per_second"]
    parts = [f"loss {figures['loss']:.3f}"]
    parts += [f"{name} {value:.3f}" for name, value in figures.items() if name.endswith("accuracy")]
    parts += [f"lr {figures['learning_rate']:.1e}", *_speed_and_memory(tokens)]
    return ", ".join(parts)


def _speed_and_memory(tokens_per_second: float) -> List[str]:
    thousands = tokens_per_second / 1000
    speed = f"{thousands:.1f}k" if thousands < 100 else f"{thousands:,.0f}k"
    return [f"{speed} tok/s", f"{memory() / 1e9:.1f} GB"]


class EvaluationProgress:
    """The same line for the batches of a validation, of which there are `total`."""

    def __init__(self, batches: Iterable[Any], is_shown: bool, total: Optional[int] = None) -> None:
        # In the place of the training's line, which waits.
        self.batches: Any = Tqdm.tqdm(
            batches, desc="validation", disable=not is_shown, total=total, position=0, **bar_options()
        )
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
            parts = [f"loss {loss / max(number, 1):.3f}", *_speed_and_memory(speed)]
            self.batches.set_postfix_str(", ".join(parts), refresh=False)
            self._last = now


def memory() -> int:
    """In bytes."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
