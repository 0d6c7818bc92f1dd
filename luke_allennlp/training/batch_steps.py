"""Steps from any data loader."""

import random
from itertools import islice
from typing import Any, Iterator, List, Tuple

import numpy as np
import torch
from allennlp.data import DataLoader

from luke_allennlp.training.processes import least_over_processes, rank_and_world_size
from luke_allennlp.training.steps import Step


class BatchSteps:
    """
    Makes steps of the batches of a data loader that knows none. Its batches must depend on the state of the
    random number generators alone, which are seeded for each epoch. Where a run resumes, the batches before
    are made again and dropped.

    # Parameters

    loader : `DataLoader`
        With a length. In distributed training, each process gets its own share of the data from it.
    batches_per_step : `int`
        Each counts equally.
    """

    def __init__(self, loader: DataLoader, batches_per_step: int, seed: int) -> None:
        self._loader: Any = loader
        self._batches_per_step = batches_per_step
        self._seed = seed
        loader.set_target_device(torch.device("cpu"))
        # An epoch ends with the first process that has no batch left.
        self._batches = least_over_processes(len(self._loader))

    @property
    def steps_per_epoch(self) -> int:
        return -(-self._batches // self._batches_per_step)

    def steps(self, epoch: int, start_step: int = 0) -> Iterator[Step]:
        """As of `StepSource`."""
        own = _seeded([self._seed, epoch])
        batches = islice(self._loader, self._batches)
        _, world_size = rank_and_world_size()
        for step in range(self.steps_per_epoch):
            # The training draws from the same generators.
            outer = _exchanged(own)
            chosen = list(islice(batches, self._batches_per_step))
            own = _exchanged(outer)
            if step >= start_step:
                yield Step(chosen, [1 / len(chosen) / world_size] * len(chosen))


def _states() -> Tuple[Any, ...]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _exchanged(states: Tuple[Any, ...]) -> Tuple[Any, ...]:
    """Sets the states of the random number generators, and returns those before."""
    before = _states()
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    return before


def _seeded(entropy: List[int]) -> Tuple[Any, ...]:
    before = _states()
    seeds = np.random.SeedSequence(entropy).generate_state(3).tolist()
    random.seed(seeds[0])
    np.random.seed(seeds[1])
    torch.manual_seed(seeds[2])
    return _exchanged(before)
