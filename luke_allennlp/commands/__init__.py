"""Subcommands of `allennlp`. They are found by their files: there is no list of them to edit."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
