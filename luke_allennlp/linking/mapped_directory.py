"""Directories of files that are written once, whole or not at all, and then mapped into memory."""

import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Dict, Iterator, Mapping, NamedTuple, Tuple, Union

import marisa_trie
import numpy
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import file_sha256, new_directory, read_object, write_json
from luke_allennlp.linking.string_spool import StringSpool

METADATA_FILE = "metadata.json"
_SPOOL = "spool"


class Format(NamedTuple):
    """
    What a directory holds: tries of strings and arrays of numbers, by the names of their files.

    # Parameters

    name : `str`
        In the metadata, as is the version.
    tries : `Mapping[str, str]`
        What each trie holds, such as "pages", which the metadata counts. The strings of the first one are the
        keys of the directory.
    arrays : `Mapping[str, Tuple[str, str]]`
        The NumPy type of each array, and for what it has a number; `*_offsets.npy` have one more.
    remedy : `str`
        How to make such a directory, for errors.
    """

    name: str
    version: int
    tries: Mapping[str, str]
    arrays: Mapping[str, Tuple[str, str]]
    remedy: str


class MappedDirectory:
    """
    Reads such a directory; subclasses set its `format`. Nothing is read into memory before it is used, and
    processes share what was read.

    # Raises

    `ConfigurationError`
        The directory or a file of it is missing, is of another kind or was changed.
    """

    format: ClassVar[Format]

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = str(path)
        counts = self._check()
        self._map()
        counted = {**self.format.tries, **{name: of for name, (_, of) in self.format.arrays.items()}}
        for name, of in counted.items():
            length = len({**self.tries, **self.arrays}[name]) - name.endswith("_offsets.npy")
            if of and counts.get(of) != length:
                raise self._error(
                    f"{name} holds {length:,} {of}; expected {counts.get(of)}, as {METADATA_FILE} says"
                )

    def __len__(self) -> int:
        return len(self.tries[self._keys])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.number(key) >= 0

    def __iter__(self) -> Iterator[str]:
        return self.tries[self._keys].iterkeys()

    @property
    def _keys(self) -> str:
        return next(iter(self.format.tries))

    def _check(self) -> Dict[str, Any]:
        """Checks the files, and returns the counts that the metadata give."""
        directory = Path(self.path)
        if not directory.is_dir():
            found = "is a file" if directory.exists() else "there is no such directory"
            raise self._error(f"{found} (looked from {os.getcwd()})")
        try:
            metadata = read_object(directory / METADATA_FILE)
        except ConfigurationError as error:
            raise self._error(str(error).rstrip(".")) from None
        for key, wanted in (("format", self.format.name), ("version", self.format.version)):
            if metadata.get(key) != wanted:
                raise self._error(
                    f"the {key} in {METADATA_FILE} is {metadata.get(key)!r}; expected {wanted!r}"
                )
        counts, files = metadata.get("counts"), metadata.get("files")
        if not isinstance(counts, dict) or not isinstance(files, dict):
            raise self._error(f"{METADATA_FILE} has no counts or files")
        for name in (*self.format.tries, *self.format.arrays):
            file = directory / name
            if not file.is_file():
                raise self._error(f"the file {name} is missing")
            # A damaged trie would end the process when it is looked into.
            if _fingerprint(file) != files.get(name):
                raise self._error(f"{name} is damaged: its size or SHA-256 is not that in {METADATA_FILE}")
        return counts

    def _map(self) -> None:
        directory = Path(self.path)
        self.tries: Dict[str, marisa_trie.Trie] = {}
        self.arrays: Dict[str, numpy.ndarray] = {}
        try:
            for name in self.format.tries:
                self.tries[name] = marisa_trie.Trie().mmap(str(directory / name))
            for name in self.format.arrays:
                self.arrays[name] = numpy.load(directory / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise self._error(f"{name} cannot be read ({error})") from error

    def number(self, key: str) -> int:
        """The number of a key; -1 if there is none."""
        # marisa-trie reads a string up to its first NUL only.
        if "\0" in key:
            return -1
        try:
            return self.tries[self._keys].get(key, -1)
        except UnicodeEncodeError:  # half a surrogate pair
            return -1

    def string(self, trie: str, number: int) -> str:
        """The string of a trie with this number."""
        return self.tries[trie].restore_key(int(number))

    def _error(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self.path}: {what}. {self.format.remedy}")

    def __getstate__(self) -> Dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("tries", "arrays")}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._map()  # no second check in every process


def _fingerprint(file: Path) -> Dict[str, Any]:
    """What the metadata say about a file."""
    return {"bytes": file.stat().st_size, "sha256": file_sha256(file)}


class DirectoryWriter:
    """Writes the files of such a directory, which must be empty."""

    def __init__(self, directory: Path, format_: Format) -> None:
        self.directory = directory
        self._format = format_

    def spool(self, name: str) -> StringSpool:
        path = self.directory / _SPOOL
        path.mkdir(exist_ok=True)
        return StringSpool(path, name)

    def save_trie(self, spool: StringSpool) -> marisa_trie.Trie:
        """Writes the trie of the strings that were added to a spool."""
        trie = spool.build()
        trie.save(str(self.directory / f"{spool.name}.marisa"))
        return trie

    def save_array(self, name: str, values: numpy.ndarray) -> None:
        numpy.save(self.directory / name, values.astype(self._format.arrays[name][0]))

    def finish(self, counts: Mapping[str, int]) -> None:
        """Writes the metadata, with the number of what there is in the files."""
        shutil.rmtree(self.directory / _SPOOL, ignore_errors=True)
        names = (*self._format.tries, *self._format.arrays)
        files = {name: _fingerprint(self.directory / name) for name in names}
        metadata = {"format": self._format.name, "version": self._format.version, "counts": dict(counts)}
        write_json(self.directory / METADATA_FILE, {**metadata, "files": files})


@contextmanager
def new_mapped_directory(path: Path, format_: Format, force: bool = False) -> Iterator[DirectoryWriter]:
    """
    Writes a directory atomically: an error or an interrupt leaves what was there before. With `force`, a
    directory of the same format is replaced; otherwise a `ConfigurationError` is raised if there is one.
    """
    check_target(path, format_, force)
    with new_directory(path, force, f"a directory of the format {format_.name!r}") as directory:
        yield DirectoryWriter(directory, format_)
        check_target(path, format_, force)


def check_target(target: Path, format_: Format, force: bool) -> None:
    """
    Raises a `ConfigurationError` if the target exists, unless `force` is true and it is of this format or
    empty.
    """
    if not os.path.lexists(target):
        return
    if not force:
        raise ConfigurationError(
            f"{target}: already exists; choose another path, or force to replace it (--force)."
        )
    found: Any = None
    with suppress(ConfigurationError):
        found = read_object(target / METADATA_FILE).get("format")
    is_empty = target.is_dir() and not any(target.iterdir())
    if found != format_.name and not is_empty:
        raise ConfigurationError(
            f"{target}: is not a directory of the format {format_.name!r}, so it is not replaced; "
            "remove it or choose another path."
        )
