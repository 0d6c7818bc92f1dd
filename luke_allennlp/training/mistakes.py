"""The mistakes of a config, which are reported together."""

from contextlib import contextmanager
from typing import Iterator, List, NamedTuple, Sequence

from allennlp.common.checks import ConfigurationError


class Mistake(NamedTuple):
    """
    # Parameters

    path : `str`
        The keys of what is wrong, joined by dots; empty for the config itself.
    message : `str`
        A sentence that names the path, what was found and what was expected.
    """

    path: str
    message: str


class ConfigMistakes(ConfigurationError):
    """
    Several mistakes at once; `allennlp` prints a line for each.

    # Parameters

    mistakes : `Sequence[Mistake]`
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(mistake.message for mistake in mistakes))
        self.mistakes = list(mistakes)
        self.lines = [mistake.message for mistake in mistakes]

    def __reduce__(self) -> object:
        return type(self), (self.mistakes,)


def raise_mistakes(mistakes: Sequence[Mistake]) -> None:
    """Raises `ConfigMistakes` if there are any."""
    if mistakes:
        raise ConfigMistakes(mistakes)


@contextmanager
def collected(mistakes: List[Mistake], path: str = "") -> Iterator[None]:
    """
    Adds a `ConfigurationError` to the mistakes. After other mistakes a check may stumble in any way over what
    they left, which is none of its own.
    """
    before = bool(mistakes)
    try:
        yield
    except ConfigMistakes as error:
        mistakes += error.mistakes
    except ConfigurationError as error:
        mistakes.append(Mistake(path, error.message))
    except Exception:
        if not before:
            raise
