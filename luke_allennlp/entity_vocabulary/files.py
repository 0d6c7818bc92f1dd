"""What the readers of the three formats share."""

import gc
import os
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown

# An id, its titles with their languages, and its count.
Entry = Tuple[int, Sequence[Tuple[str, Optional[str]]], int]
# The number of the line or entry it comes from, and the id, title, language and count.
Row = Tuple[int, int, str, Optional[str], int]


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """
    Opens a UTF-8 file, with or without a byte order mark.

    # Raises

    `ConfigurationError`
        The file cannot be read or, once it is read, is not UTF-8.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield file
    except UnicodeDecodeError:
        raise _undecodable(path) from None
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: there is no such file. Check the path (it counts from {os.getcwd()})."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from None


def _undecodable(path: Path) -> ConfigurationError:
    # The error's position is relative to the block being decoded.
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return ConfigurationError(
            f"{path}, line {line}: the byte 0x{data[error.start]:02x} at {error.start:,} of the file is not "
            "UTF-8; convert the file, or fetch it again if it is damaged."
        )
    return ConfigurationError(f"{path}: is not UTF-8; convert the file, or fetch it again.")


def read_lines(path: Path) -> Iterator[Tuple[int, str]]:
    """
    The lines of a file with their numbers, from 1, without empty ones at the end.

    # Raises

    `ConfigurationError`
        The file cannot be read, is empty, or is not UTF-8.
    """
    number = last = 0
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            line = line.rstrip("\n")
            if line:
                for empty in range(last + 1, number):
                    yield empty, ""
                yield number, line
                last = number
    if last == 0:
        raise ConfigurationError(f"{path}: is empty; expected an entity vocabulary.")


def entry_problem(index: object, titles: object, count: object) -> Optional[str]:
    """What is wrong with the parts of an entry: an id, its titles with their languages, and a count."""
    for name, value in (("id", index), ("count", count)):
        if type(value) is not int or not 0 <= value < 1 << 63:
            return f'the "{name}" is {shown(value)}; expected a whole number >= 0'
    if not isinstance(titles, (list, tuple)) or not titles:
        return f'"entities" is {shown(titles)}; expected a list of [title, language], one or more'
    for pair in titles:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not _is_title(*pair):
            return f"found the entity {shown(pair)}; expected [title, language], with null for no language"
        if not is_text(pair[0]):
            return f"{shown(pair)} has half of a surrogate pair; expected text"
    return None


def _is_title(title: object, language: object) -> bool:
    if not isinstance(title, str) or not title:
        return False
    return language is None or isinstance(language, str) and language != "" and ":" not in language


def is_text(title: str) -> bool:
    """Whether a string can be encoded, that is, has no half surrogate pair."""
    try:
        title.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Millions of objects without cycles: to look for these takes longer than to read a vocabulary."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
