"""JSON files, and directories that are written whole or not at all."""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from allennlp.common.checks import ConfigurationError


@contextmanager
def new_directory(path: Path, force: bool, what: str, inputs: Sequence[Path] = ()) -> Iterator[Path]:
    """
    A directory to fill, which takes its name once it is full: an error or an interrupt leaves nothing.

    # Parameters

    path : `Path`
        If it is a symbolic link, what it leads to is replaced.
    force : `bool`
        Whether a directory that is there already is replaced.
    what : `str`
        What is written, for messages.
    inputs : `Sequence[Path]`, optional (default = `()`)
        What it is made from, which is never replaced.

    # Raises

    `ConfigurationError`
        It is there already, and not empty; or it is, or holds, one of the inputs; or it cannot be written.
    """
    given, path = path, Path(os.path.realpath(path))
    for item in inputs:
        source = Path(os.path.realpath(item))
        if path == source or path in source.parents:
            raise ConfigurationError(
                f"{given}: is, or holds, {item}, which {what} is made from; give another directory."
            )
    parents: List[Path] = []
    with _named(given, what):
        if path.exists() and (not path.is_dir() or any(path.iterdir())) and not force:
            raise ConfigurationError(
                f"{given}: is there already; {what} goes to a new directory. Give another one, or --force to "
                "replace it."
            )
    try:
        with _named(given, what):
            _make_parents(path, parents)
            temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            yield temporary
            with _named(given, what):
                _sync(temporary)
                temporary.chmod(0o755)
                _put_in_place(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except BaseException:
        for parent in reversed(parents):
            with suppress(OSError):  # another process may have put something there
                parent.rmdir()
        raise


@contextmanager
def _named(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {what} cannot be written there ({error.strerror or error}); give another directory."
        ) from None


def _make_parents(path: Path, made: List[Path]) -> None:
    """Makes the directories above it, and notes which of them were not there."""
    for parent in reversed([parent for parent in path.parents if not parent.is_dir()]):
        parent.mkdir()
        made.append(parent)


def _sync(directory: Path) -> None:
    for file in directory.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())


def _put_in_place(temporary: Path, path: Path) -> None:
    if not path.is_dir():
        if path.exists():
            path.unlink()
        os.replace(temporary, path)
        return
    old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
    try:
        os.replace(path, old)
    except BaseException:
        old.rmdir()
        raise
    try:
        os.replace(temporary, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_object(path: Path) -> Dict[str, Any]:
    """
    The JSON object in a file; an empty one if there is no such file.

    # Raises

    `ConfigurationError`
        The file holds something else.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path.name} is not JSON ({error}).") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path.name} holds a JSON {type(content).__name__}; expected an object.")
    return content
