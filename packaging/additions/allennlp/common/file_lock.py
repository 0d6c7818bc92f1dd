"""The lock of `cached_path`, without the libraries of Google and Amazon that come with it."""

import errno
import os
import warnings
from typing import Any, Optional, Union

import filelock


class FileLock(filelock.FileLock):
    """
    # Parameters

    lock_file : `Union[str, os.PathLike]`
    timeout : `float`, optional (default = `-1`)
        In seconds; without end if negative.
    read_only_ok : `bool`, optional (default = `False`)
        If true, a lock file that exists and may not be written is a warning, not an error.
    """

    def __init__(
        self,
        lock_file: Union[str, "os.PathLike[str]"],
        timeout: float = -1,
        read_only_ok: bool = False,
    ) -> None:
        super().__init__(str(lock_file), timeout=timeout)
        self._read_only_ok = read_only_ok

    def acquire(self, *args: Any, **kwargs: Any) -> Optional[filelock.AcquireReturnProxy]:  # type: ignore[override]
        try:
            return super().acquire(*args, **kwargs)
        except OSError as error:
            is_forbidden = error.errno in (errno.EPERM, errno.EACCES, errno.EROFS)
            if not (is_forbidden and self._read_only_ok and os.path.isfile(self.lock_file)):
                raise
            warnings.warn(
                f"{self.lock_file} may not be written: what it locks is read while others may write it.",
                stacklevel=2,
            )
            return None
