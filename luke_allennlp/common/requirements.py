"""Packages that only pretraining and its data need."""

import importlib
from typing import Any

from allennlp.common.checks import ConfigurationError


def required(module: str) -> Any:
    """
    Imports a module of a package that `luke-allennlp[pretraining]` installs; a `ConfigurationError` if it is
    not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != module.split(".")[0]:
            raise
        raise ConfigurationError(
            f"{module.split('.')[0]} is not installed; Wikipedia's dumps and pretraining need it: "
            "pip install 'luke-allennlp[pretraining]'."
        ) from None
