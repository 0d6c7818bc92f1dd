"""
What `allennlp train` checks before it trains or writes anything: the config's keys, types and values, its
data files and their content, its models.

Importing this module adds the check to AllenNLP's `preflight_checks`.
"""

import logging
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Dict, Iterator, List, Set, Tuple

from allennlp.commands import train
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.modules import TokenEmbedder

from luke_allennlp.checkpoints.archives import archive_file, find_archive
from luke_allennlp.checkpoints.model_files import at_revision, check_available
from luke_allennlp.checkpoints.tensors import open_checkpoint
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.base.continuation import no_archive, other_archive
from luke_allennlp.training.config_check import ConfiguredObject, find_mistakes
from luke_allennlp.training.hooks import add_hook
from luke_allennlp.training.mistakes import Mistake, collected, raise_mistakes
from luke_allennlp.training.span_attention_check import check_shared_windows
from luke_allennlp.training.tokenizer_check import check_tokenizers
from luke_allennlp.training.tracking import StepTracking
from luke_allennlp.training.value_checks import check_devices, check_numbers, check_validation_metric

_READER_KEYS = ("dataset_reader", "validation_dataset_reader")
_DATA_KEYS = ("train_data_path", "validation_data_path", "test_data_path")


def preflight(params: Params) -> None:
    """
    Raises `ConfigMistakes`, a sentence each, for all in `params` that would stop a training later. Called by
    `allennlp train` on a copy of its config.

    # Parameters

    params : `Params`
        The config of `allennlp train`. Its keys and types must be known, its numbers in range, its GPUs
        present, its `validation_metric` one of the model's, and the packages that its callbacks need
        installed. Local files among `train_data_path`, `validation_data_path` and `test_data_path` must
        exist; URLs, patterns, lists with commas and bare words are left to the dataset reader. A reader with
        a method `check_file` checks their content. Each `model_name` of an object of this package must be the
        directory of a model, or a model that the Hugging Face hub or its cache has, with weights if an
        embedder loads them. The checkpoints of tokenizers, token indexers and the embedder must have the same
        vocabulary. Sentences may share windows only if words do not see their spans.

    # Raises

    `ConfigMistakes`
    """
    objects, mistakes = check_settings(params)
    # These would stumble over what is wrong already, and take longer.
    raise_mistakes(mistakes)
    config = params.as_dict(quiet=True)
    check_devices(config)
    _check_tracking(objects)
    for key in _DATA_KEYS:
        for where, path in _strings(key, config.get(key)):
            with collected(mistakes, where):
                _check_path(where, path)
    raise_mistakes(mistakes)
    _check_starts(objects)
    _check_models(objects)
    check_tokenizers(objects)
    _check_data(params, objects)


def check_settings(params: Params) -> Tuple[List[ConfiguredObject], List[Mistake]]:
    """
    The part of `preflight` that needs neither data, nor checkpoints, nor GPUs.

    # Returns

    `Tuple[List[ConfiguredObject], List[Mistake]]`
        The objects of the config, and all mistakes.
    """
    objects, mistakes = find_mistakes(params)
    for key in _DATA_KEYS:
        value = params.params.get(key)
        # A reader of several tasks has a path for each.
        if value is not None and not isinstance(value, (str, Mapping)):
            mistakes.append(Mistake(key, f"{key}: expected the path of a file, found {shown(value)}."))
    with collected(mistakes):
        check_numbers(objects)
    with collected(mistakes, "trainer.validation_metric"):
        check_validation_metric(objects)
    with collected(mistakes):
        check_shared_windows(objects)
    return objects, mistakes


def _strings(key: str, value: Any) -> Iterator[Tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, (Mapping, list, tuple)):
        for name, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _strings(f"{key}.{name}", item)


def _check_path(where: str, path: str) -> None:
    # "archive.tar.gz!file" is AllenNLP's way to name a file inside an archive.
    file = path.split("!")[0]
    if "://" in file or re.search(r"[*?\[\]{},]", file) or not re.search(r"[/\\]|\.\w+$", file):
        return
    if not os.path.exists(os.path.expanduser(file)):
        folder = "" if os.path.isabs(os.path.expanduser(file)) else f' in "{os.getcwd()}"'
        raise ConfigurationError(
            f'{where}: no file "{file}"{folder}; correct the path, or set LUKE_DATA, the folder with '
            "the data of the shipped configs."
        )


def _check_models(objects: List[ConfiguredObject]) -> None:
    checked: Set[str] = set()
    for path, cls, options in objects:
        name = options.get("model_name")
        if not isinstance(name, str) or not cls.__module__.startswith("luke_allennlp."):
            continue
        with _under(f"{path}.model_name"):
            name = at_revision(name, options.get("revision"))
            if name not in checked:
                check_available(name)
            checked.add(name)
            # This downloads them from the hub, before the data is read.
            if _loads_weights(cls, options):
                with ExitStack() as stack:
                    open_checkpoint(name, stack)


def _check_tracking(objects: List[ConfiguredObject]) -> None:
    for path, cls, _ in objects:
        if isinstance(cls, type) and issubclass(cls, StepTracking):
            with _under(path):
                cls.needed()


def _check_starts(objects: List[ConfiguredObject]) -> None:
    for path, _, options in objects:
        name, embedder = options.get("start_from"), options.get("embedder")
        if not isinstance(name, str) or not isinstance(embedder, Mapping):
            continue
        archive = find_archive(name)
        if archive is None:
            raise ConfigurationError(f"{path}.{no_archive(name)}")
        model_name = str(embedder.get("model_name"))
        if embedder.get("type") == "luke" and archive_file(model_name) != archive.path:
            raise ConfigurationError(f"{path}.{other_archive(name, model_name)}")


def _loads_weights(cls: type, options: Dict[str, Any]) -> bool:
    if not issubclass(cls, TokenEmbedder) or options.get("override_weights_file") is not None:
        return False
    return options.get("load_weights") is not False


def _check_data(params: Params, objects: List[ConfiguredObject]) -> None:
    """Lets readers that can check their files do so: it takes a small part of the time of reading."""
    readers = {path: cls for path, cls, _ in objects if path in _READER_KEYS}
    made: Dict[str, Any] = {}
    seen: Set[Tuple[str, str]] = set()
    for key in _DATA_KEYS:
        data = params.get(key)
        name = _READER_KEYS[key != "train_data_path" and _READER_KEYS[1] in readers]
        if not isinstance(data, str) or (name, data) in seen or not hasattr(readers.get(name), "check_file"):
            continue
        seen.add((name, data))
        # Warnings come when the data is read.
        with _quiet():
            if name not in made:
                with _under(name):
                    made[name] = DatasetReader.from_params(params.get(name).duplicate())
            made[name].check_file(data, training=key == "train_data_path")


@contextmanager
def _under(key: str) -> Iterator[None]:
    """Prefixes an error's message with the key."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{key}: {error.message}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Disables logging."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


add_hook(train, "preflight_checks", preflight)
