"""Reads a pretraining dataset in optimizer steps."""

from functools import partial
from typing import Iterator, List, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader, DatasetReader, Instance, Vocabulary
from allennlp.data.data_loaders.data_loader import TensorDict
from overrides import overrides

from luke_allennlp.common.text_lines import shown
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.pretraining.dataset import PretrainingDataset
from luke_allennlp.pretraining.masking import LukeMasking, Masking
from luke_allennlp.pretraining.step_builder import StepBuilder
from luke_allennlp.training.processes import rank_and_world_size, to_device
from luke_allennlp.training.steps import Step
from luke_allennlp.training.workers import build_in_advance


@DataLoader.register("luke_pretraining")
class PretrainingDataLoader(DataLoader):
    """
    Registered as a `DataLoader` with name "luke_pretraining".

    Streams the shards of a dataset built by `allennlp pretraining-dataset`. There are no instances: sequences
    go as arrays from memory-mapped files to batches, and are masked on the way, so memory does not grow with
    the dataset.

    An epoch has each sequence once, in an order that depends on the seed and the epoch. The content of a step
    and its masks are the same for any number of processes and workers, any `max_tokens` and any starting
    point.

    # Parameters

    reader : `DatasetReader`, optional
        Given by AllenNLP, and not used to read. The dataset must have been built with its tokenizer.
    data_path : `str`
        The dataset's directory: `train_data_path` or `validation_data_path` of the configuration.
    split : `str`, optional (default = `"train"`)
        "train" or "validation".
    global_batch_size : `int`, optional (default = `2048`)
        Sequences of an optimizer step in all processes together. The last step of an epoch has the rest.
    max_tokens : `int`, optional (default = `16384`)
        The limit of tokens and entities of a micro-batch on one device, padding included.
    max_length : `int`, optional (default = `512`)
        Longer sequences, start and end tokens included, are truncated together with their entities.
    entities : `bool`, optional (default = `True`)
        If false, entities are dropped: RoBERTa's pretraining is continued.
    masking : `Masking`, optional (default = `LukeMasking()`)
        What is masked; `luke` by default.
    shuffle : `bool`, optional (default = `True`)
        If false, sequences keep the dataset's order and every epoch has the same masks: for validation.
    seed : `int`, optional (default = `0`)
        Of the order and of the masks.
    num_workers : `int`, optional (default = `0`)
        Processes that prepare steps in advance.
    datasets : `List[str]`, optional (default = `None`)
        Directories of further datasets with the same vocabularies, such as of other languages.
    sampling_exponent : `float`, optional (default = `1.0`)
        A dataset's share of an epoch is proportional to its size to this power; multilingual models are
        trained with 0.7 or less, to sample small languages more often. An epoch has as many sequences as all
        datasets together.
    start_method : `str`, optional (default = `"fork"`)
        Of the workers.

    # Raises

    `ConfigurationError`
        An option is invalid, a dataset is missing, damaged or empty, its longest sequence exceeds
        `max_tokens`, datasets have different vocabularies, or the reader has another tokenizer.
    """

    def __init__(
        self,
        reader: Optional[DatasetReader],
        data_path: str,
        *,
        split: str = "train",
        global_batch_size: int = 2048,
        max_tokens: int = 16384,
        max_length: int = 512,
        entities: bool = True,
        masking: Optional[Masking] = None,
        shuffle: bool = True,
        seed: int = 0,
        num_workers: int = 0,
        datasets: Optional[List[str]] = None,
        sampling_exponent: float = 1.0,
        start_method: str = "fork",
    ) -> None:
        least = {"global_batch_size": (global_batch_size, 1), "max_length": (max_length, 3)}
        least.update(max_tokens=(max_tokens, 1), num_workers=(num_workers, 0), seed=(seed, 0))
        for name, (value, bound) in least.items():
            if value < bound:
                raise ConfigurationError(f"data_loader: {name} is {value}; expected {bound} or more.")
        self.datasets = [PretrainingDataset(path, split) for path in (data_path, *(datasets or ()))]
        _check_datasets(self.datasets)
        tokenizer = getattr(reader, "tokenizer", None)
        if isinstance(tokenizer, WordTokenizer):
            _check_tokenizer(self.datasets[0], tokenizer)
        self._shuffle = shuffle
        self._num_workers = num_workers
        self._start_method = start_method
        self._device: Optional[torch.device] = None
        self._epochs_begun = 0
        for dataset in self.datasets:
            largest = min(max_length, dataset.longest + 2) + dataset.most_entities * entities
            if largest > max_tokens:
                raise ConfigurationError(
                    f"{dataset.path}: a sequence with its entities may take {largest} tokens; max_tokens is "
                    f"{max_tokens}: raise it, or lower max_length."
                )
        self._builder = StepBuilder(
            self.datasets,
            global_batch_size,
            max_tokens,
            max_length,
            entities,
            masking or LukeMasking(),
            seed,
            shuffle,
            sampling_exponent,
        )

    @property
    def steps_per_epoch(self) -> int:
        """The last may be smaller."""
        return self._builder.steps

    def steps(self, epoch: int, start_step: int = 0) -> Iterator[Step]:
        """
        The steps of this process in an epoch, from `start_step`; earlier ones are not read. Tensors are on
        the CPU, pinned if the target device is a GPU.

        # Returns

        `Iterator[Step]`
            Equally many in every process, each with equally many batches. A process without sequences gets a
            batch with nothing to predict.

        # Raises

        `ConfigurationError`
            A shard is missing or damaged.
        """
        rank, world_size = rank_and_world_size()
        pin_memory = self._device is not None and self._device.type == "cuda"
        build = partial(self._builder.build, epoch if self._shuffle else 0, rank=rank, world_size=world_size)
        steps = range(start_step, self.steps_per_epoch)
        for packed in build_in_advance(build, steps, self._num_workers, self._start_method):
            yield packed.unpack(pin_memory)

    def __iter__(self) -> Iterator[TensorDict]:
        """The batches of an epoch on the target device; each time of the next epoch, if shuffled."""
        epoch = self._epochs_begun
        self._epochs_begun += 1
        for step in self.steps(epoch):
            for batch in step.batches:
                yield batch if self._device is None else to_device(batch, self._device)

    @overrides
    def iter_instances(self) -> Iterator[Instance]:
        """There are none: nothing is counted for a vocabulary."""
        return iter(())

    @overrides
    def index_with(self, vocab: Vocabulary) -> None:
        """The dataset has ids already."""

    @overrides
    def set_target_device(self, device: torch.device) -> None:
        self._device = device


def _check_datasets(datasets: List[PretrainingDataset]) -> None:
    first = datasets[0]
    for dataset in datasets:
        if len(dataset) == 0:
            raise ConfigurationError(f"{dataset.path}: its split {dataset.split!r} has no sequences.")
        for key, name in (("vocabulary", "entity vocabulary"), ("tokenizer", "tokenizer")):
            fields = ("sha256",) if key == "vocabulary" else ("class", "vocab_size")
            if any(dataset.metadata[key].get(field) != first.metadata[key].get(field) for field in fields):
                raise ConfigurationError(
                    f"{dataset.path}: has another {name} than {first.path}; datasets that are read together "
                    "need the same."
                )


def _check_tokenizer(dataset: PretrainingDataset, tokenizer: WordTokenizer) -> None:
    """The model's tokenizer may have more tokens, such as those that an export appends."""
    vocabulary = WordTokenizer(str(dataset.tokenizer_directory)).vocabulary
    differing = [
        (index, token)
        for token, index in vocabulary.items()
        if index < dataset.vocab_size and tokenizer.find(token) != index
    ]
    if differing:
        index, token = min(differing)
        own = tokenizer.find(token)
        raise ConfigurationError(
            f"{dataset.path}: was made with another tokenizer than that of {tokenizer.model_name!r}: "
            f"{shown(token)} is {index} there and {'no token' if own is None else own} here; start from "
            "the model whose tokenizer the dataset was made with, or build the dataset with this one's."
        )
