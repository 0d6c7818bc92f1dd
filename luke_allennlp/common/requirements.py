"""Packages that only some parts need."""

import importlib
from typing import Any

from allennlp.common.checks import ConfigurationError


def required(
    module: str, extra: str = "pretraining", needed_by: str = "Wikipedia's dumps and pretraining need it"
) -> Any:
    """
    Imports a module of a package that `luke-allennlp[extra]` installs; a `ConfigurationError`, which says who
    needs it, if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != module.split(".")[0]:
            raise
        raise ConfigurationError(
            f"{module.split('.')[0]} is not installed; {needed_by}: pip install 'luke-allennlp[{extra}]'."
        ) from None
