"""Reads instances, and gives them in optimizer steps."""

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np
import torch
from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DataLoader, DatasetReader, Instance, Vocabulary
from allennlp.data.data_loaders.data_loader import TensorDict
from overrides import overrides

from luke_allennlp.data.batching import default_max_tokens, evaluation_batches, sizes_of, texts_of
from luke_allennlp.training.packing import pack_micro_batches
from luke_allennlp.training.processes import map_tensors, rank_and_world_size, to_device
from luke_allennlp.training.steps import Step
from luke_allennlp.training.workers import build_in_advance

_Spec = Tuple[Any, List[Union[float, np.ndarray]]]


@DataLoader.register("luke")
class StepDataLoader(DataLoader):
    """
    Registered as a `DataLoader` with name "luke".

    Gives the instances of a reader in optimizer steps, for the trainer "luke". What a step consists of
    depends on the seed and the epoch alone: not on the number of processes or workers, nor on where a run
    resumes, and steps before that are not built. Every process keeps all instances in memory.

    The instances of a step are packed by length into micro-batches of up to `max_tokens`, shared out evenly
    over the processes. The loss and the gradient of the step are the same for any packing, up to rounding.

    In validation and evaluation, each process has a contiguous share of the instances, in batches sorted by
    length across the share, the longest first. The next batch is prepared while the model computes one.

    # Parameters

    reader : `DatasetReader`
        Given by AllenNLP. If it has `num_targets(instance)`, the number of predictions of an instance, each
        prediction counts equally; otherwise each instance does.
    data_path : `str`
        Of the data: `train_data_path` and the like of the configuration.
    batch_size : `int`, optional (default = `8`)
        Instances of a step in all processes together. The last step of an epoch has the rest. In evaluation,
        the limit of instances of a batch.
    max_tokens : `int`, optional (default = `None`)
        The limit of tokens and entities of a micro-batch on one device, padding included. A longer instance
        is a micro-batch of its own. By default as many as the device's memory is estimated to hold; 4096 on a
        CPU. In evaluation, the limit of a batch without padding: by default 16384 on a GPU, 4096 on a CPU.
    shuffle : `bool`, optional (default = `False`)
        Whether each epoch has an order of its own.
    seed : `int`, optional (default = `0`)
        Of the order.
    loss_batch_size : `int`, optional (default = `None`)
        If given, the loss of a step is the mean of the means over groups of so many successive instances, as
        in the original system, which accumulated gradients over batches of this size. By default it is the
        mean over all predictions of the step.
    pack : `bool`, optional (default = `True`)
        If false, the micro-batches are the groups of `loss_batch_size` instances, in their order, as in the
        original system.
    num_workers : `int`, optional (default = `0`)
        Processes that build steps in advance.
    start_method : `str`, optional (default = `"fork"`)
        Of the workers.

    # Raises

    `ConfigurationError`
        An option is invalid, or the data has no instances.
    """

    def __init__(
        self,
        reader: DatasetReader,
        data_path: Any,
        *,
        batch_size: int = 8,
        max_tokens: Optional[int] = None,
        shuffle: bool = False,
        seed: int = 0,
        loss_batch_size: Optional[int] = None,
        pack: bool = True,
        num_workers: int = 0,
        start_method: str = "fork",
    ) -> None:
        least = {"batch_size": (batch_size, 1), "num_workers": (num_workers, 0), "seed": (seed, 0)}
        least.update(max_tokens=(max_tokens or 1, 1), loss_batch_size=(loss_batch_size or 1, 1))
        for name, (value, bound) in least.items():
            if value < bound:
                raise ConfigurationError(f"data_loader.{name} is {value}; expected {bound} or more.")
        self.reader, self.data_path = reader, data_path
        self.batch_size = batch_size
        self.max_tokens = max_tokens
        self.takes_loss_weights = True
        self._shuffle, self._seed = shuffle, seed
        self._group = loss_batch_size or batch_size
        self._pack = pack
        self._num_workers, self._start_method = num_workers, start_method
        self._device: Optional[torch.device] = None
        self._vocab: Optional[Vocabulary] = None
        self._instances = _read_all(reader, data_path)
        if not self._instances:
            raise ConfigurationError(f"{data_path}: no instances were read from it.")
        num_targets = getattr(reader, "num_targets", lambda instance: 1)
        self._targets = np.array([num_targets(instance) for instance in self._instances])
        self._words, self._entities = sizes_of(self._instances)

    def __len__(self) -> int:
        return self.steps_per_epoch

    @property
    def steps_per_epoch(self) -> int:
        """The last may be smaller."""
        return -(-len(self._instances) // self.batch_size)

    def steps(self, epoch: int, start_step: int = 0) -> Iterator[Step]:
        """
        The steps of this process in an epoch, from `start_step`.

        # Returns

        `Iterator[Step]`
            Equally many in every process, each with equally many batches. A process without instances gets a
            batch of weight 0.
        """
        builder = _StepBuilder(self, self._order(epoch), *rank_and_world_size())
        pin_memory = self._device is not None and self._device.type == "cuda"
        steps = range(start_step, self.steps_per_epoch)
        for batches, weights in build_in_advance(builder, steps, self._num_workers, self._start_method):
            batches = [map_tensors(torch.from_numpy, batch, np.ndarray) for batch in batches]
            weights = map_tensors(torch.from_numpy, weights, np.ndarray)
            if pin_memory:
                batches = [map_tensors(torch.Tensor.pin_memory, batch) for batch in batches]
                weights = map_tensors(torch.Tensor.pin_memory, weights)
            yield Step(batches, weights)

    def _order(self, epoch: int) -> np.ndarray:
        if not self._shuffle:
            return np.arange(len(self._instances))
        # Unlike a `Generator`, a `RandomState` draws the same numbers in every version of NumPy.
        seeds = np.random.SeedSequence([self._seed, epoch]).generate_state(8)
        return np.random.RandomState(seeds).permutation(len(self._instances))

    def build(self, chosen: np.ndarray, rank: int, world_size: int) -> _Spec:
        """
        A step of the instances with these numbers: batches and weights, with arrays for tensors, which takes
        no file descriptors between processes.
        """
        shares = self._shares(chosen)
        groups = [chosen[start : start + self._group] for start in range(0, len(chosen), self._group)]
        if self._pack:
            packed = pack_micro_batches(
                self._words[chosen], self._entities[chosen], self.max_tokens or 4096, world_size
            )
            own = [chosen[numbers] for numbers in packed[rank]]
        else:
            rounds = -(-len(groups) // world_size) * world_size
            own = [*groups, *[chosen[:0]] * (rounds - len(groups))][rank::world_size]
        batches, weights = [], []
        for numbers in own:
            filler = numbers if len(numbers) else chosen[np.argmin(self._words[chosen])][None]
            share = np.array([shares[number] if len(numbers) else 0.0 for number in filler.tolist()])
            batches.append(map_tensors(torch.Tensor.numpy, self._collate(filler)))
            if self.takes_loss_weights:
                weights.append((share / np.maximum(self._targets[filler], 1)).astype(np.float32))
            else:
                weights.append(float(share.sum()))
        return batches, weights

    def _shares(self, chosen: np.ndarray) -> Dict[int, float]:
        """What part of a step's loss each of its instances is."""
        shares: Dict[int, float] = {}
        groups = -(-len(chosen) // self._group)
        for start in range(0, len(chosen), self._group):
            group = chosen[start : start + self._group]
            targets = self._targets[group] if self.takes_loss_weights else np.ones(len(group))
            parts = targets / max(targets.sum(), 1) / groups
            shares.update(zip(group.tolist(), parts.tolist(), strict=True))
        return shares

    def _collate(self, numbers: np.ndarray) -> TensorDict:
        return Batch([self._instances[number] for number in numbers.tolist()]).as_tensor_dict()

    def __iter__(self) -> Iterator[TensorDict]:
        """As `numbered_batches`, in the order of the file and on the target device."""
        for _, batch in self.numbered_batches(is_sorted=False):
            yield batch if self._device is None else to_device(batch, self._device)

    def evaluation_batches(self, is_sorted: bool = True) -> List[np.ndarray]:
        """The numbers of the instances in each batch of this process's share."""
        start, end = _share(len(self._instances))
        batches = evaluation_batches(
            self._words[start:end],
            self._entities[start:end],
            self.max_tokens or default_max_tokens(self._device or torch.device("cpu")),
            self.batch_size,
            texts_of(self._instances[start:end]),
            is_sorted,
        )
        return [start + batch for batch in batches]

    def numbered_batches(self, is_sorted: bool = True) -> Iterator[Tuple[np.ndarray, TensorDict]]:
        """
        The batches of this process's share, each with its instances' numbers. The tensors are on the CPU, in
        pinned memory if the target device is a GPU. A thread makes the next batch.
        """
        batches = self.evaluation_batches(is_sorted)
        with ThreadPoolExecutor(1) as thread:
            futures = (thread.submit(self._evaluation_batch, numbers) for numbers in batches)
            waiting = list(islice(futures, 1))
            for numbers in batches:
                batch = waiting.pop().result()
                waiting += islice(futures, 1)
                yield numbers, batch

    def _evaluation_batch(self, numbers: np.ndarray) -> TensorDict:
        batch = self._collate(numbers)
        if self._device is not None and self._device.type == "cuda":
            batch = map_tensors(torch.Tensor.pin_memory, batch)
        return batch

    @overrides
    def iter_instances(self) -> Iterator[Instance]:
        return iter(self._instances)

    @overrides
    def index_with(self, vocab: Vocabulary) -> None:
        for instance in self._instances:
            instance.index_fields(vocab)

    @overrides
    def set_target_device(self, device: torch.device) -> None:
        self._device = device


class _StepBuilder:
    """What a worker calls with the number of a step."""

    def __init__(self, loader: StepDataLoader, order: np.ndarray, rank: int, world_size: int) -> None:
        self._loader, self._order = loader, order
        self._rank, self._world_size = rank, world_size

    def __call__(self, step: int) -> _Spec:
        size = self._loader.batch_size
        chosen = self._order[step * size : (step + 1) * size]
        return self._loader.build(chosen, self._rank, self._world_size)


def _share(number: int) -> Tuple[int, int]:
    rank, world_size = rank_and_world_size()
    return number * rank // world_size, number * (rank + 1) // world_size


def _read_all(reader: DatasetReader, data_path: Any) -> List[Instance]:
    """All instances in every process, of which AllenNLP would give each a part."""
    part, reader._distributed_info = reader._distributed_info, None
    try:
        is_silent = rank_and_world_size()[0] > 0
        return list(Tqdm.tqdm(reader.read(data_path), desc="loading instances", disable=is_silent))
    finally:
        reader._distributed_info = part
