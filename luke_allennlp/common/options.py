"""Checks of the options of components."""

from typing import Any, Iterable, Optional

from allennlp.common.checks import ConfigurationError


def check_at_least(least: int, **options: Optional[int]) -> None:
    """Raises a `ConfigurationError` that names the option which is smaller; `None` is allowed."""
    for name, value in options.items():
        if value is not None and value < least:
            raise ConfigurationError(f"{name} is {value}; expected at least {least}.")


def check_choice(choices: Iterable[Any], **options: Any) -> None:
    """Raises a `ConfigurationError` that names the option whose value is none of the choices."""
    choices = list(choices)
    for name, value in options.items():
        if value not in choices:
            raise ConfigurationError(f"{name} is {value!r}; expected {' or '.join(map(repr, choices))}.")
