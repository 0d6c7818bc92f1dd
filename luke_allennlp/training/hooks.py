"""Hooks that the AllenNLP which `packaging/` builds calls: lists of functions in its modules."""

from types import ModuleType
from typing import Any, Callable


def add_hook(module: ModuleType, name: str, hook: Callable[..., Any]) -> None:
    """Adds `hook` to a list of `module`, once. Does nothing with an AllenNLP that has no such list."""
    hooks = getattr(module, name, None)
    own = (hook.__module__, hook.__name__)
    if hooks is not None and own not in [(other.__module__, other.__name__) for other in hooks]:
        hooks.append(hook)
