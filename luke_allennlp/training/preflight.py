"""
What `allennlp train` checks before it reads or writes anything: the config's keys and types, its data files,
its models.

Importing this module adds the check to `allennlp.commands.train.preflight_checks`, where the installed
AllenNLP has it.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, Iterator, List, Set, Tuple

from allennlp.commands import train
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.resolve import check_available
from luke_allennlp.training.config_check import ConfiguredObject, configured_objects

_DATA_KEYS = ("train_data_path", "validation_data_path", "test_data_path")


def preflight(params: Params) -> None:
    """
    Raises a `ConfigurationError` with one clear sentence for the first thing in `params` that would stop a
    training later on. Called by `allennlp train` on a copy of its config.
    """
    objects = configured_objects(params)
    _check_data_paths(params)
    _check_models(objects)


def check_paths(params: Params) -> None:
    """
    Checks that the data files and the models which the config names are there.

    # Parameters

    params : `Params`
        The config of `allennlp train`. Local files among `train_data_path`, `validation_data_path` and
        `test_data_path` must exist; URLs, patterns and lists with commas are left to the dataset reader, and
        so are bare words, which some readers take as the name of a split. Each `model_name` of an object of
        this package must be the directory of a model, or a model which the Hugging Face hub or its cache has.
    """
    _check_data_paths(params)
    _check_models(configured_objects(params))


def _check_data_paths(params: Params) -> None:
    for key in _DATA_KEYS:
        for where, path in _strings(key, params.as_dict(quiet=True).get(key)):
            # "archive.tar.gz!file" is AllenNLP's way to name a file inside an archive.
            file = path.split("!")[0]
            if _is_local_file(file) and not os.path.exists(os.path.expanduser(file)):
                folder = "" if os.path.isabs(os.path.expanduser(file)) else f' in "{os.getcwd()}"'
                raise ConfigurationError(
                    f'{where}: no file "{file}"{folder}; set LUKE_DATA to the folder with the data, or '
                    "correct the path."
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
        if not isinstance(name, str) or name in checked or not cls.__module__.startswith("luke_allennlp."):
            continue
        checked.add(name)
        try:
            check_available(name)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}.model_name: {error.message}") from None


def _register() -> None:
    checks = getattr(train, "preflight_checks", None)
    if checks is not None and not any(check.__module__ == __name__ for check in checks):
        checks.append(preflight)


_register()
