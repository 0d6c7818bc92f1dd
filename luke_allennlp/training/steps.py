"""Optimizer steps: what one consists of, and the figures of a run."""

import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Union

import torch
from allennlp.data import TensorDict


class Step(NamedTuple):
    """
    What one process does for an update of the parameters.

    # Parameters

    batches : `List[TensorDict]`
        Micro-batches, equally many in every process. They may have nothing to predict.
    totals : `Dict[str, int]`
        By what the losses are divided: keyword arguments of the model, summed over all processes.
    """

    batches: List[TensorDict]
    totals: Dict[str, int]


class StepSums(NamedTuple):
    """
    Sums over the micro-batches of a step.

    # Parameters

    loss : `float`
        In nats; each micro-batch contributes its part.
    words : `float`
        Tokens, start and end tokens included, padding excluded.
    """

    loss: float
    sequences: float
    words: float
    entities: float


def batch_sums(batch: TensorDict, loss: torch.Tensor) -> torch.Tensor:
    """
    A micro-batch's contribution to `StepSums`, in their order. It stays on the device, so that nothing waits
    for it. Shape: (4,)
    """
    mask: Any = batch["words"]["mask"]  # type: ignore[index]
    entities: Any = batch.get("entities")
    number = mask.new_zeros(()) if entities is None else entities["entity_mask"].sum()
    # Filled on the device: copying a number there would wait.
    size = torch.full((), mask.size(0), device=mask.device)
    return torch.stack([value.detach().double() for value in (loss, size, mask.sum(), number)])


class StepWindow:
    """The steps since figures were last logged."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._sums: List[StepSums] = []
        self._start = time.perf_counter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time spent in this context is not counted."""
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
            The mean `loss` of a step, `step_seconds`, and the throughput per second of sequences, tokens and
            entities on all devices together.
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


class StepLog:
    """
    Appends figures to a file of JSON lines. When a killed run resumes, the lines after its last checkpoint
    are removed.

    # Parameters

    steps_completed : `int`
        Where the run starts: lines of later steps are removed, and so is an incomplete last line.
    """

    def __init__(self, path: Union[str, os.PathLike], steps_completed: int) -> None:
        self._path = Path(path)
        if self._path.exists():
            with self._path.open(encoding="utf-8") as file:
                lines = [line for line in file if line.endswith("\n")]
            kept = "".join(line for line in lines if json.loads(line)["step"] <= steps_completed)
            temporary = self._path.with_name(self._path.name + ".tmp")
            temporary.write_text(kept, encoding="utf-8")
            os.replace(temporary, self._path)

    def write(self, figures: Dict[str, Any]) -> None:
        """Appends a line; `figures["step"]` is the number of steps completed."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
