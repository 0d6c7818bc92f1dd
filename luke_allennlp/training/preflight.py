"""
What `allennlp train` checks before it trains or writes anything: the config's keys and types, its data files
and what is in them, its models.

Importing this module adds the check to `allennlp.commands.train.preflight_checks`, where the installed
AllenNLP has it.
"""

import logging
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Dict, Iterator, List, Set, Tuple

import torch
from allennlp.commands import train
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.modules import TokenEmbedder

from luke_allennlp.checkpoints.model_files import at_revision, check_available
from luke_allennlp.checkpoints.tensors import open_checkpoint
from luke_allennlp.training.config_check import ConfiguredObject, configured_objects
from luke_allennlp.training.hooks import add_hook
from luke_allennlp.training.value_checks import check_devices, check_numbers, check_validation_metric
from luke_allennlp.training.word_check import check_words

_READER_KEYS = ("dataset_reader", "validation_dataset_reader")
_DATA_KEYS = ("train_data_path", "validation_data_path", "test_data_path")


def preflight(params: Params) -> None:
    """
    Raises a `ConfigurationError` with one clear sentence for the first thing in `params` that would stop a
    training later on. Called by `allennlp train` on a copy of its config.

    # Parameters

    params : `Params`
        The config of `allennlp train`. Its keys and types must be known, its numbers in range, its GPUs
        there, and its `validation_metric` one of the model's. Local files among `train_data_path`,
        `validation_data_path` and `test_data_path` must exist; URLs, patterns and lists with commas are left
        to the dataset reader, and so are bare words, which some readers take as the name of a split. A reader
        with a method `check_file` looks through them. Each `model_name` of an object of this package must be
        the directory of a model, or a model which the Hugging Face hub or its cache has, with weights where
        an embedder takes them. The checkpoints of tokenizers, token indexers and the embedder must have the
        same words.

    # Raises

    `ConfigurationError`
    """
    objects = configured_objects(params)
    check_numbers(objects)
    check_validation_metric(objects)
    check_devices(params.as_dict(quiet=True))
    _check_data_paths(params)
    _check_amp(params)
    _check_models(objects)
    check_words(objects)
    _check_data(params, objects)


def _check_data_paths(params: Params) -> None:
    for key in _DATA_KEYS:
        for where, path in _strings(key, params.as_dict(quiet=True).get(key)):
            # "archive.tar.gz!file" is AllenNLP's way to name a file inside an archive.
            file = path.split("!")[0]
            if _is_local_file(file) and not os.path.exists(os.path.expanduser(file)):
                folder = "" if os.path.isabs(os.path.expanduser(file)) else f' in "{os.getcwd()}"'
                raise ConfigurationError(
                    f'{where}: no file "{file}"{folder}; correct the path, or set '
                    "LUKE_DATA, from which the shipped configs take the folder with the data."
                )


def _strings(key: str, value: Any) -> Iterator[Tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _strings(f"{key}.{name}", item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _strings(f"{key}.{index}", item)


def _is_local_file(path: str) -> bool:
    if "://" in path or re.search(r"[*?\[\]{},]", path):
        return False
    return "/" in path or os.sep in path or bool(re.search(r"\.\w+$", path))


def _check_models(objects: List[ConfiguredObject]) -> None:
    checked: Set[str] = set()
    for path, cls, options in objects:
        name = options.get("model_name")
        if not isinstance(name, str) or not _is_ours(cls):
            continue
        with _under(f"{path}.model_name"):
            name = at_revision(name, options.get("revision"))
            if name not in checked:
                check_available(name)
            checked.add(name)
            # The hub's are fetched now, which they would be anyway once the data is read.
            if _takes_weights(cls, options):
                with ExitStack() as stack:
                    open_checkpoint(name, stack)


def _check_amp(params: Params) -> None:
    trainer = params.as_dict(quiet=True).get("trainer")
    if isinstance(trainer, Mapping) and trainer.get("use_amp") is True and not torch.cuda.is_available():
        raise ConfigurationError(
            "trainer.use_amp: mixed precision needs a GPU, and torch sees none here; set it to false."
        )


def _takes_weights(cls: type, options: Dict[str, Any]) -> bool:
    if not issubclass(cls, TokenEmbedder) or options.get("override_weights_file") is not None:
        return False
    return options.get("load_weights") is not False


def _check_data(params: Params, objects: List[ConfiguredObject]) -> None:
    """Has readers that can look through their files do so: it takes a small part of the time of reading."""
    readers = {path: cls for path, cls, _ in objects if path in _READER_KEYS}
    made: Dict[str, Any] = {}
    seen: Set[Tuple[str, str]] = set()
    for key in _DATA_KEYS:
        data = params.get(key)
        name = _READER_KEYS[key != "train_data_path" and _READER_KEYS[1] in readers]
        if not isinstance(data, str) or (name, data) in seen or not hasattr(readers.get(name), "check_file"):
            continue
        seen.add((name, data))
        # What it has to say, it says when the data is read.
        with _quiet():
            if name not in made:
                with _under(name):
                    made[name] = DatasetReader.from_params(params.get(name).duplicate())
            made[name].check_file(data, training=key == "train_data_path")


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("luke_allennlp.")


@contextmanager
def _under(key: str) -> Iterator[None]:
    """Puts the key in front of an error's message."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{key}: {error.message}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the log empty."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


add_hook(train, "preflight_checks", preflight)
