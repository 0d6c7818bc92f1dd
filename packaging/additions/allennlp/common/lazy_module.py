"""Modules that take long to import, and are imported when something of them is used."""

import importlib
import warnings
from types import ModuleType
from typing import Any, Optional


class LazyModule:
    """
    Stands for a module that is imported when an attribute is first asked for.

    # Parameters

    name : `str`
        The dotted name of the module.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: Optional[ModuleType] = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            with warnings.catch_warnings():
                # Some libraries, such as Google's, have their say on the Python version when imported.
                warnings.simplefilter("ignore", FutureWarning)
                self._module = importlib.import_module(self._name)
        return getattr(self._module, attribute)

    def __repr__(self) -> str:
        return f"<lazy module {self._name!r}>"
