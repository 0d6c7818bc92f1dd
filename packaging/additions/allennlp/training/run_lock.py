"""One run at a time in a serialization directory."""

import functools
import inspect
import os
import socket
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, Callable, Iterator, List, TypeVar, Union

from allennlp.common.checks import ConfigurationError
from allennlp.training.launch import launched
from filelock import FileLock, SoftFileLock, Timeout

LOCK_FILE = ".lock"

Run = TypeVar("Run", bound=Callable[..., Any])


def directory_contents(serialization_dir: Union[str, PathLike]) -> List[str]:
    """The names of what is in a directory, without the files of locks."""
    return [name for name in os.listdir(serialization_dir) if not name.startswith(LOCK_FILE)]


@contextmanager
def locked_directory(serialization_dir: Union[str, PathLike], node_rank: int = 0) -> Iterator[None]:
    """
    Holds the lock of a serialization directory, which is created if it is not there, and removed in the end
    if nothing was written to it.

    The operating system releases the lock when the process ends, however it does. Forked data workers do not
    keep it: `filelock` closes its files in them. Spawned workers do not inherit it.

    # Parameters

    serialization_dir : `str`
        The directory in which a run saves its results and logs.
    node_rank : `int`, optional (default = `0`)
        In distributed training over several nodes, which share the directory, each has a lock of its own.

    # Raises

    `ConfigurationError`
        Another process holds the lock, and nothing was changed; or there is a file of that name.
    """
    directory = Path(serialization_dir)
    path = directory / (f"{LOCK_FILE}.{node_rank}" if node_rank else LOCK_FILE)
    created = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigurationError(
            f"Serialization directory ({serialization_dir}) cannot be made: there is a file of this name, or "
            "of that of a directory above. Give another one with --serialization-dir."
        ) from None
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigurationError(
            f"Serialization directory ({serialization_dir}) belongs to a run that is still going on"
            f"{_holder(path)}. Wait until it has ended, end it, or give another directory with "
            "--serialization-dir."
        ) from None
    try:
        if not isinstance(lock, SoftFileLock):  # which says so itself, where there is no other kind
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        # While the lock is held, so that nobody who has opened the file before can take it.
        path.unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):
            for folder in created:
                folder.rmdir()


def _holder(path: Path) -> str:
    try:
        text = " ".join(path.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return ""
    return f" ({text:.100})" if text else ""


def one_run_at_a_time(run: Run) -> Run:
    """
    Decorates a function that has the parameter `serialization_dir`, and possibly `node_rank`, so that it
    holds the lock of that directory while it runs.
    """
    signature = inspect.signature(run)

    @functools.wraps(run)
    def locked(*args: Any, **kwargs: Any) -> Any:
        process = launched()
        if process is not None and not process.is_first:
            return run(*args, **kwargs)
        given = signature.bind(*args, **kwargs).arguments
        with locked_directory(given["serialization_dir"], given.get("node_rank", 0)):
            return run(*args, **kwargs)

    return locked  # type: ignore[return-value]
