"""What the steps of a run come to."""

import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple

import torch
from allennlp.data import TensorDict


class StepSums(NamedTuple):
    """
    Summed over the micro-batches of a step.

    # Parameters

    loss : `float`
        In nats; each micro-batch has its part of it.
    sequences : `float`
    words : `float`
        Sub-words, start and end tokens included, padding excluded.
    entities : `float`
    """

    loss: float
    sequences: float
    words: float
    entities: float


def batch_sums(batch: TensorDict, loss: torch.Tensor) -> torch.Tensor:
    """
    What a micro-batch adds to `StepSums`, in their order. It stays on the device, so that nothing waits for
    it. Shape: (4,)
    """
    mask: Any = batch["words"]["mask"]  # type: ignore[index]
    entities: Any = batch.get("entities")
    number = mask.new_zeros(()) if entities is None else entities["entity_mask"].sum()
    # Filled on the device: a number that is copied there would be waited for.
    size = torch.full((), mask.size(0), device=mask.device)
    return torch.stack([value.detach().double() for value in (loss, size, mask.sum(), number)])


class StepWindow:
    """The steps since figures were written last."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._sums: List[StepSums] = []
        self._start = time.perf_counter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done in this context takes none of the steps' time."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._start += time.perf_counter() - start

    def add(self, sums: StepSums) -> None:
        self._sums.append(sums)

    def figures(self) -> Dict[str, float]:
        """
        # Returns

        `Dict[str, float]`
            The mean `loss` of a step; how many sequences, sub-words and entities went in per second, on all
            devices together; and `step_seconds`. Time in `paused` does not count.
        """
        seconds = max(time.perf_counter() - self._start, 1e-9)
        totals = StepSums(*(sum(values) for values in zip(*self._sums, strict=True)))
        return {
            "loss": totals.loss / len(self._sums),
            "step_seconds": seconds / len(self._sums),
            "sequences_per_second": totals.sequences / seconds,
            "words_per_second": totals.words / seconds,
            "entities_per_second": totals.entities / seconds,
        }
