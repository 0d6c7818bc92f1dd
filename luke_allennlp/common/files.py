"""Files and directories that are written completely or not at all, JSON files, and hashes of files."""

import fnmatch
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Sequence

from allennlp.common.checks import ConfigurationError


def temporary_path(path: Path) -> Path:
    """
    A name in the same directory to write a file under until it is complete. It differs from call to call, so
    that two attempts at a task, perhaps on different machines, never write to the same file.
    """
    return path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")


def is_temporary(name: str, of: str = "*") -> bool:
    """Whether a file name, without its directory, comes from `temporary_path` of a file named `of`."""
    return fnmatch.fnmatchcase(name, f".{of}.*.tmp")


def remove_temporaries(directory: Path) -> None:
    """Removes the temporary files of killed attempts, not those in subdirectories."""
    for path in list(directory.iterdir()):
        if is_temporary(path.name):
            path.unlink(missing_ok=True)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """
    Writes a file atomically, and its missing parent directories: an error or an interrupt leaves what was
    there before. Gives a temporary path to write to, renamed to `path` once the block has ended without an
    error. A pipe or a device, such as `/dev/stdout`, is written to itself. An `OSError` becomes a
    `ConfigurationError`.
    """
    # Where standard output is a file, /dev/stdout is a link to it.
    is_link = path.is_symlink() and path.parent.resolve().parts[1:2] in (("dev",), ("proc",))
    is_special = path.exists() and not path.is_dir() and (is_link or not path.is_file())
    temporary = temporary_path(path)
    try:
        if is_special:
            yield path
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def sync(path: Path) -> None:
    """Flushes a file or a directory's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def new_directory(path: Path, force: bool, what: str, inputs: Sequence[Path] = ()) -> Iterator[Path]:
    """
    Writes a directory atomically: an error or an interrupt leaves what was there before. Gives a temporary
    directory to fill, renamed to `path` once the block has ended without an error.

    # Parameters

    path : `Path`
        If it is a symbolic link, its target is replaced.
    force : `bool`
        Whether to replace a directory that is not empty.
    what : `str`
        What is written, for error messages.
    inputs : `Sequence[Path]`, optional (default = `()`)
        What it is made from, which is never replaced.

    # Raises

    `ConfigurationError`
        `path` exists and is not empty, is or contains one of the inputs, or cannot be written.
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
            for parent in reversed([parent for parent in path.parents if not parent.is_dir()]):
                parent.mkdir(exist_ok=True)  # another process may make it, too
                parents.append(parent)
            temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            yield temporary
            with _named(given, what):
                for file in (*temporary.rglob("*"), temporary):
                    sync(file)
                temporary.chmod(0o755)
                _put_in_place(temporary, path)
                sync(path.parent)
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


def file_sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from None


def write_text(path: Path, text: str) -> None:
    """
    Writes a UTF-8 file atomically. Half surrogate pairs, as in a broken title, become backslash escapes.
    """
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file atomically, indented."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_json_lines(path: Path, items: Iterable[Any]) -> None:
    """Writes a file of JSON lines atomically; `records.read_object_lines` reads it."""
    with written_whole(path) as temporary:
        with open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


def read_object(path: Path) -> Dict[str, Any]:
    """The JSON object in a file; an empty one if the file does not exist."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path.name} is not JSON ({error}).") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path.name} holds a JSON {type(content).__name__}; expected an object.")
    return content
