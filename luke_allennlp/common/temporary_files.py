"""Names of files that are being written."""

import fnmatch
import os
from pathlib import Path


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
