"""Names of files that are being written."""

import fnmatch
import os
from pathlib import Path


def temporary_path(path: Path) -> Path:
    """
    A name beside that of a file, to write it under until it is whole.

    # Parameters

    path : `Path`

    # Returns

    `Path`
        Another one at every call. So of two attempts at a task, which may be on different machines, none
        writes into a file that the other one has put in place.
    """
    return path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")


def is_temporary(name: str, of: str = "*") -> bool:
    """
    Whether a file has a name of `temporary_path`.

    # Parameters

    name : `str`
        Without its directory.
    of : `str`, optional (default = `"*"`)
        The name that the file was to get.
    """
    return fnmatch.fnmatchcase(name, f".{of}.*.tmp")


def remove_temporaries(directory: Path) -> None:
    """
    Removes what attempts that were killed have left.

    # Parameters

    directory : `Path`
        Those below it stay as they are.
    """
    for path in list(directory.iterdir()):
        if is_temporary(path.name):
            path.unlink(missing_ok=True)
