"""Checkpoints in tarballs: unpacked once, with care, into a cache."""

import gzip
import hashlib
import logging
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, Any, BinaryIO, Dict, List, Optional, Set

from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from filelock import FileLock

from luke_allennlp.data.text_lines import listed

logger = logging.getLogger(__name__)

# The files of a checkpoint that anything here reads. What else is in a tarball stays there: the original
# release's also holds pickled databases.
_WEIGHTS = ("luke.bin", "pytorch_model.bin", "model.safetensors")
_DESCRIPTIONS = ("metadata.json", "config.json")
_KNOWN_FILES = {
    *_WEIGHTS,
    *_DESCRIPTIONS,
    *("entity_vocab.tsv", "entity_vocab.jsonl", "entity_vocab.json"),
    *("vocab.json", "merges.txt", "vocab.txt", "tokenizer.json", "tokenizer_config.json"),
    *("added_tokens.json", "special_tokens_map.json"),
}
_GZIP, _TAR = b"\x1f\x8b", b"ustar"
_TAR_AT = 257  # where a tar archive says what it is
_BLOCK = 512
_BUFFER = 1 << 18  # bytes that tarfile reads at once
_PIECE = 1 << 20
_HEADERS = 1 << 20  # bytes that may lie between two files
_MAX_MEMBERS = 10_000
_GIGABYTE = 1 << 30
_LARGE = 100 << 20
_MAX_UNPACKED = 16 * _GIGABYTE
_MAX_RATIO = 50  # weights hardly shrink at all
_LIMIT, _CACHE = "LUKE_UNPACK_LIMIT", "LUKE_CACHE"
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, ValueError)


class _Refused(Exception):
    """The tarball holds what it must not; the message says what."""


def is_tarball(path: Path) -> bool:
    """Whether a file is a tar archive, or one that gzip packed, by its first bytes or its name."""
    if path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return True
    with path.open("rb") as file:
        start = file.read(_BLOCK)
    return start.startswith(_GZIP) or start[_TAR_AT:].startswith(_TAR)


def unpacked(path: Path) -> Path:
    """
    The directory with the files of a tarball, which is made when it is first asked for.

    Only files of a checkpoint are taken, from the archive's root or its one top directory. The directory is
    made in `$LUKE_CACHE` (by default luke_allennlp in the user's cache directory) under a name of its own for
    each path, size and time of change of the tarball, and gets that name when it is complete.

    # Parameters

    path : `Path`
        A tar archive, packed by gzip or not.

    # Returns

    `Path`

    # Raises

    `ConfigurationError`
        The tarball is damaged, is not a checkpoint's, has a member that is no file or lies outside of its
        directory, or unpacks to more than the limit: 16 GB, or less where gzip packed better than weights
        can be packed. `$LUKE_UNPACK_LIMIT`, in GB, is taken in place of that.
    """
    path = path.resolve()
    facts = path.stat()
    key = hashlib.sha256(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()[:16]
    try:
        cache = _cache_directory()
        directory = cache / f"{path.name.split('.')[0]}-{key}"
        if directory.is_dir():
            return directory
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Processes that train together ask at once.
        with FileLock(str(cache / ".lock")):
            if not directory.is_dir():
                _unpack(path, directory)
    except _Refused as error:
        raise ConfigurationError(f"The tarball {str(path)!r} is refused: {error}.") from None
    except _DAMAGED as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise ConfigurationError(
            f"The tarball {str(path)!r} is damaged or no tarball ({reason}); fetch it again."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The tarball {str(path)!r} cannot be unpacked ({type(error).__name__}: {error}); name a "
            f"directory with room for it as {_CACHE}, or unpack it yourself and give the directory."
        ) from None
    return directory


def _cache_directory() -> Path:
    if os.environ.get(_CACHE):
        return Path(os.environ[_CACHE]).expanduser().resolve()
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "luke_allennlp"


def _limit(packed_size: int) -> int:
    given = os.environ.get(_LIMIT)
    if not given:
        return min(_MAX_UNPACKED, max(_LARGE, _MAX_RATIO * packed_size))
    try:
        return int(float(given) * _GIGABYTE)
    except (ValueError, OverflowError):
        raise _Refused(f"{_LIMIT} is {given!r}; expected a number of gigabytes") from None


def _unpack(path: Path, directory: Path) -> None:
    # Left by processes that were killed; nobody else works under this lock.
    for left in directory.parent.glob(f"{directory.name}.*.part"):
        shutil.rmtree(left, ignore_errors=True)
    logger.info("Unpacking %s into %s", path, directory)
    partial = Path(tempfile.mkdtemp(prefix=f"{directory.name}.", suffix=".part", dir=directory.parent))
    try:
        with path.open("rb") as file:
            packed_size = path.stat().st_size
            is_packed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            source: BinaryIO = gzip.GzipFile(fileobj=file) if is_packed else file  # type: ignore[assignment]
            with Tqdm.tqdm(
                total=packed_size,
                desc=f"unpacking {path.name}",
                unit="B",
                unit_scale=True,
                disable=packed_size < _LARGE,
            ) as progress:
                _unpack_members(_Guarded(source, file, _limit(packed_size), progress), partial)
        os.replace(partial, directory)
    except BaseException:  # an interruption too
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _unpack_members(source: "_Guarded", directory: Path) -> None:
    taken: Dict[str, str] = {}
    passed: List[str] = []
    tops: Set[str] = set()
    # As a stream: each byte is read once, and a member's size is known and checked before its content.
    source.expect(_HEADERS)
    with tarfile.open(fileobj=source, mode="r|", bufsize=_BUFFER) as archive:  # type: ignore[call-overload]
        for number in range(_MAX_MEMBERS + 1):
            source.expect(_HEADERS)
            member = archive.next()
            if member is None:
                break
            if number == _MAX_MEMBERS:
                raise _Refused(f"it has more than {_MAX_MEMBERS} members")
            parts = _parts(member)
            source.expect(member.size + _HEADERS)
            if member.isdir():
                continue
            name = parts[-1]
            content = archive.extractfile(member)
            assert content is not None  # it is a file
            if len(parts) > 2 or name not in _KNOWN_FILES:
                passed.append(member.name)
                _copy(content, None, member)
                if name == "weights.th":
                    raise _Refused("it is an archive of AllenNLP; expected a checkpoint to begin from")
                continue
            tops.add("/".join(parts[:-1]))
            if name in taken or len(tops) > 1:
                raise _Refused(
                    f"its files are in more than one place ({taken.get(name, sorted(tops)[0])!r} and "
                    f"{member.name!r})"
                )
            taken[name] = member.name
            with open(directory / name, "xb") as target:
                _copy(content, target, member)
                target.flush()
                os.fsync(target.fileno())
    source.finish()
    if not any(name in taken for name in _DESCRIPTIONS):
        raise _Refused(
            f"it holds no {' or '.join(_DESCRIPTIONS)}; expected the files of a checkpoint at its root or in "
            f"one directory, and found {', '.join(repr(name) for name in passed[:4]) or 'nothing'}"
        )
    if passed:
        logger.info("Not unpacked, %d files that are not read here: %s", len(passed), listed(passed))


def _parts(member: tarfile.TarInfo) -> List[str]:
    """The names along a member's path, once it is clear that it is one to be unpacked."""
    name = member.name
    if not (member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse() or member.isdir()):
        raise _Refused(f"its member {name!r} is neither a file nor a directory")
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts:
        raise _Refused(f"its member {name!r} would lie outside of its directory")
    if not parts and not member.isdir():
        raise _Refused("it has a file without a name")
    return parts


def _copy(content: IO[bytes], target: Optional[BinaryIO], member: tarfile.TarInfo) -> None:
    left = member.size
    while left:
        piece = content.read(min(_PIECE, left))
        if not piece:
            raise EOFError(f"it ends within {member.name!r}")
        left -= len(piece)
        if target is not None:
            target.write(piece)


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
            raise _Refused(
                f"it unpacks to more than {self._limit / _GIGABYTE:.1f} GB; if it is to be trusted, set "
                f"{_LIMIT} to a larger number of gigabytes"
            )
        self._expected = self._read + size + 2 * _BUFFER

    def read(self, size: int) -> bytes:
        """For `tarfile`."""
        if self._read + size > self._expected:
            raise _Refused("its headers are larger than those of a checkpoint")
        content = self._source.read(size)
        self._read += len(content)
        self._tail = (self._tail + content)[-_BLOCK:] if content else self._tail
        self._progress.update(self._file.tell() - self._progress.n)
        return content

    def finish(self) -> None:
        """Reads what is behind the last member: gzip then sees whether all of it was as it should be."""
        self.expect(_HEADERS)
        while self.read(_BLOCK):
            pass
        if self._tail != bytes(_BLOCK):
            raise EOFError("its end is missing")
