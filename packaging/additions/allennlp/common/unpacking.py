"""
Tarballs from anywhere, read with limits: archives of models, and checkpoints.

`tarfile` writes whatever a tarball says, as much as it says. Here only plain files are taken, in the
directory that they are unpacked into, and no more bytes than weights of this size can hold.
"""

import gzip
import os
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any, BinaryIO, Iterator, List, NamedTuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm

GZIP, TAR = b"\x1f\x8b", b"ustar"
"""With what a gzip file begins, and what a tar archive has at `TAR_AT`."""
TAR_AT = 257
BLOCK = 512
LIMIT = "LUKE_UNPACK_LIMIT"
"""The environment variable with the largest size to unpack, in GB."""
DAMAGED = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, ValueError)
"""What reading a tarball that is damaged, or none, may raise."""

_BUFFER = 1 << 18  # bytes that tarfile reads at once
_PIECE = 1 << 20
_HEADERS = 1 << 20  # bytes that may lie between two files
_MAX_MEMBERS = 10_000
_GIGABYTE = 1 << 30
_LARGE = 100 << 20
_MAX_UNPACKED = 16 * _GIGABYTE
_MAX_RATIO = 50  # weights hardly shrink at all


class Refused(Exception):
    """The tarball holds what it must not; the message says what."""


class Member(NamedTuple):
    """
    A file in a tarball.

    # Parameters

    name : `str`
        As the tarball has it.
    parts : `List[str]`
        The names along its path, at least one.
    size : `int`
    content : `IO[bytes]`
        What is not read of it is skipped.
    """

    name: str
    parts: List[str]
    size: int
    content: IO[bytes]

    def copy_to(self, target: BinaryIO) -> None:
        """
        Writes the content to a file.

        # Parameters

        target : `BinaryIO`
        """
        left = self.size
        while left:
            piece = self.content.read(min(_PIECE, left))
            if not piece:
                raise EOFError(f"it ends within {self.name!r}")
            left -= len(piece)
            target.write(piece)


def unpack(path: Union[str, os.PathLike], directory: Union[str, os.PathLike], kind: str = "archive") -> None:
    """
    Unpacks all files of a tarball.

    # Parameters

    path : `Union[str, os.PathLike]`
        A tar archive, packed by gzip or not.
    directory : `Union[str, os.PathLike]`
        An empty one. If something goes wrong, what was unpacked so far is left in it.
    kind : `str`, optional (default = `"archive"`)
        What messages call the tarball.

    # Raises

    `ConfigurationError`
        The tarball is damaged, has a member that is neither a file nor a directory or lies outside of its
        directory, or unpacks to more than the limit (see `members`); or the disk is full.
    """
    try:
        for member in members(path):
            place = Path(directory, *member.parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as target:
                member.copy_to(target)
    except Refused as error:
        raise ConfigurationError(f"The {kind} {os.fspath(path)} is refused: {error}.") from None
    except DAMAGED as error:
        raise ConfigurationError(
            f"The {kind} {os.fspath(path)} is damaged or no tarball ({reason(error)}); get it again."
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"The {kind} {os.fspath(path)} cannot be unpacked in {os.fspath(directory)} "
            f"({type(error).__name__}: {error}); TMPDIR can name a directory with more room."
        ) from error


def members(path: Union[str, os.PathLike]) -> Iterator[Member]:
    """
    The files of a tarball, one after the other: each has to be copied before the next is asked for.

    # Parameters

    path : `Union[str, os.PathLike]`
        A tar archive, packed by gzip or not.

    # Returns

    `Iterator[Member]`

    # Raises

    `Refused`
        A member is neither a file nor a directory, or lies outside of its directory; there are more than
        10,000; or it unpacks to more than the limit: 16 GB, or less where gzip packed better than weights can
        be packed (50 times, above 100 MB). `$LUKE_UNPACK_LIMIT`, in GB, is taken in place of that.
    `DAMAGED`
        It is damaged, or no tarball.
    """
    path = Path(path)
    packed_size = path.stat().st_size
    with path.open("rb") as file:
        is_packed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        unpacked: BinaryIO = gzip.GzipFile(fileobj=file) if is_packed else file  # type: ignore[assignment]
        with Tqdm.tqdm(
            total=packed_size,
            desc=f"unpacking {path.name}",
            unit="B",
            unit_scale=True,
            disable=packed_size < _LARGE,
        ) as progress:
            yield from _members(_Guarded(unpacked, file, _limit(packed_size), progress))


def reason(error: Exception) -> str:
    """What an error says, or what it is where it says nothing."""
    return str(error).rstrip(".") or type(error).__name__


def _limit(packed_size: int) -> int:
    given = os.environ.get(LIMIT)
    if not given:
        return min(_MAX_UNPACKED, max(_LARGE, _MAX_RATIO * packed_size))
    try:
        return int(float(given) * _GIGABYTE)
    except (ValueError, OverflowError):
        raise Refused(f"{LIMIT} is {given!r}; expected a number of gigabytes") from None


def _members(source: "_Guarded") -> Iterator[Member]:
    # As a stream: each byte is read once, and a member's size is known and checked before its content.
    source.expect(_HEADERS)
    with tarfile.open(fileobj=source, mode="r|", bufsize=_BUFFER) as archive:  # type: ignore[call-overload]
        for number in range(_MAX_MEMBERS + 1):
            source.expect(_HEADERS)
            found = archive.next()
            if found is None:
                break
            if number == _MAX_MEMBERS:
                raise Refused(f"it has more than {_MAX_MEMBERS} members")
            parts = _parts(found)
            source.expect(found.size + _HEADERS)
            if found.isdir():
                continue
            content = archive.extractfile(found)
            assert content is not None  # it is a file
            yield Member(found.name, parts, found.size, content)
            while content.read(_PIECE):  # what was not asked for
                pass
            if content.tell() != found.size:
                raise EOFError(f"it ends within {found.name!r}")
    source.finish()


def _parts(member: tarfile.TarInfo) -> List[str]:
    """The names along a member's path, once it is clear that it is one to be unpacked."""
    name = member.name
    if not (member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse() or member.isdir()):
        raise Refused(f"its member {name!r} is neither a file nor a directory")
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts:
        raise Refused(f"its member {name!r} would lie outside of its directory")
    if not parts and not member.isdir():
        raise Refused("it has a file without a name")
    return parts


class _Guarded:
    """
    What a tarball holds, as far as the limits go.

    # Parameters

    source : `BinaryIO`
        Unpacked.
    file : `BinaryIO`
        The tarball itself, which tells the progress.
    limit : `int`
        Of bytes in all.
    progress : `tqdm`
    """

    def __init__(self, source: BinaryIO, file: BinaryIO, limit: int, progress: Any) -> None:
        self._source = source
        self._file = file
        self._limit = limit
        self._progress = progress
        self._read = 0
        self._expected = 0
        self._tail = b""

    def expect(self, size: int) -> None:
        """
        How many bytes may be read until this is said again. Tar's own headers can be as long as they say, and
        are kept in memory.
        """
        if self._read + size - _HEADERS > self._limit:
            raise Refused(
                f"it unpacks to more than {self._limit / _GIGABYTE:.1f} GB; if it is to be trusted, set "
                f"{LIMIT} to a larger number of gigabytes"
            )
        self._expected = self._read + size + 2 * _BUFFER

    def read(self, size: int) -> bytes:
        """For `tarfile`."""
        if self._read + size > self._expected:
            raise Refused("its headers are larger than those of a checkpoint")
        content = self._source.read(size)
        self._read += len(content)
        self._tail = (self._tail + content)[-BLOCK:] if content else self._tail
        self._progress.update(self._file.tell() - self._progress.n)
        return content

    def finish(self) -> None:
        """Reads what is behind the last member: gzip then sees whether all of it was as it should be."""
        self.expect(_HEADERS)
        while self.read(BLOCK):
            pass
        if self._tail != bytes(BLOCK):
            raise EOFError("its end is missing")
