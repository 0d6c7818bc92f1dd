"""Optimizer steps: what one consists of, and the figures of a run."""

import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Protocol, TextIO, Union

import torch
from allennlp.data import TensorDict

LOG_FILE = "steps.jsonl"
"""Of a run, with the figures of its steps."""


class Step(NamedTuple):
    """
    What one process does for an update of the parameters.

    # Parameters

    batches : `List[TensorDict]`
        Micro-batches on the CPU, equally many in every process. They may have nothing to predict.
    weights : `List[Union[float, torch.Tensor]]`
        By what the loss of each micro-batch is multiplied, so that those of all processes sum up to the loss
        of the step: a number, or a weight for each instance, which the model takes as `loss_weights`.
    totals : `Dict[str, int]`, optional (default = `{}`)
        Sums over all processes are passed to the model by these names.
    """

    batches: List[TensorDict]
    weights: List[Union[float, torch.Tensor]]
    totals: Dict[str, int] = {}


class StepSource(Protocol):
    """What a trainer takes its steps from."""

    @property
    def steps_per_epoch(self) -> int: ...

    def steps(self, epoch: int, start_step: int = 0) -> Iterator[Step]:
        """
        The steps of this process in an epoch, from `start_step`. They depend on the epoch and the source's
        seed alone.
        """


class StepSums(NamedTuple):
    """
    Sums over the micro-batches of a step.

    # Parameters

    loss : `float`
        In nats.
    words : `float`
        Tokens, start and end tokens included, padding excluded.
    """

    loss: float
    sequences: float
    words: float
    entities: float


def batch_counts(batch: Any) -> List[int]:
    """
    The numbers of sequences, tokens and entities of a batch on the CPU, from the tensors named `mask` and
    `entity_mask`. 0 for other batches.
    """
    sequences = words = entities = 0
    waiting = [batch]
    while waiting:
        tensors = waiting.pop()
        for name, value in tensors.items():
            if isinstance(value, dict):
                waiting.append(value)
            elif name == "mask":
                # Several can share a text.
                sequences, words = len(tensors.get("text_indices", value)), words + int(value.sum())
            elif name == "entity_mask":
                entities += int(value.sum())
    return [sequences, words, entities]


class StepWindow:
    """The steps since figures were last shown."""

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
            `step_seconds`, and the throughput per second of sequences, tokens and entities on all devices
            together.
        """
        seconds = max(time.perf_counter() - self._start, 1e-9)
        totals = StepSums(*(sum(values) for values in zip(*self._sums, strict=True)))
        return {
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

    steps_completed, steps_validated : `int`
        Where the run starts, and its last validation: lines of later steps and validations are removed, and
        so is an incomplete last line.
    """

    def __init__(self, path: Union[str, os.PathLike], steps_completed: int, steps_validated: int) -> None:
        self._path = Path(path)
        self._file: Optional[TextIO] = None
        if self._path.exists():
            with self._path.open(encoding="utf-8") as file:
                lines = [json.loads(line) for line in file if line.endswith("\n")]
            kept = "".join(
                json.dumps(line) + "\n"
                for line in lines
                if line["step"] <= (steps_completed if "loss" in line else steps_validated)
            )
            temporary = self._path.with_name(self._path.name + ".tmp")
            temporary.write_text(kept, encoding="utf-8")
            os.replace(temporary, self._path)

    def write(self, figures: Dict[str, Any]) -> None:
        """Appends a line; `figures["step"]` is the number of steps completed."""
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
        self._file.write(json.dumps(figures) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
