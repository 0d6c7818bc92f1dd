"""Checkpoints in tarballs: unpacked once, with care, into a cache."""

import hashlib
import logging
import os
import shutil
from pathlib import Path
from typing import Callable, Container, Dict, List, Set

from allennlp.common import unpacking
from allennlp.common.checks import ConfigurationError
from filelock import FileLock

from luke_allennlp.common.files import new_directory, sync
from luke_allennlp.common.text_lines import listed

logger = logging.getLogger(__name__)

_DESCRIPTIONS = ("metadata.json", "config.json")
_CACHE = "LUKE_CACHE"


def is_tarball(path: Path) -> bool:
    """Whether a file is a tar archive, gzipped or not, judged by its name or first bytes."""
    if path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return True
    with path.open("rb") as file:
        start = file.read(unpacking.BLOCK)
    return start.startswith(unpacking.GZIP) or start[unpacking.TAR_AT :].startswith(unpacking.TAR)


def unpacked(path: Path, known_files: Container[str]) -> Path:
    """
    The directory with the unpacked files of a tarball, created on first use.

    Only files of a checkpoint are unpacked (the original release's tarball also holds pickled databases),
    from the archive's root or its one top directory. The directory is in `$LUKE_CACHE` (by default
    luke_allennlp in the user's cache directory), with a name that depends on the path, size and modification
    time of the tarball.

    # Raises

    `ConfigurationError`
        The tarball is damaged or not a checkpoint's, has a member that is not a file or lies outside its
        directory, or unpacks to more than the limit: 16 GB, or less where gzip compressed better than weights
        can be compressed. `$LUKE_UNPACK_LIMIT`, in GB, overrides it.
    """
    return cached(path, lambda directory: _unpack(path.resolve(), directory, known_files))


def cached(path: Path, unpack: Callable[[Path], None]) -> Path:
    """
    The directory in the cache that `unpack` makes, which is given its path, of a tarball. Processes wait for
    each other. Raises as `unpacked`.
    """
    path = path.resolve()
    facts = path.stat()
    key = hashlib.sha256(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()[:16]
    try:
        cache = cache_directory()
        directory = cache / f"{path.name.split('.')[0]}-{key}"
        if directory.is_dir():
            return directory
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The processes of a distributed run come here at the same time.
        with FileLock(str(cache / ".lock")):
            if not directory.is_dir():
                unpack(directory)
    except unpacking.Refused as error:
        raise ConfigurationError(f"The tarball {str(path)!r} is refused: {error}.") from None
    except unpacking.DAMAGED as error:
        raise ConfigurationError(
            f"The tarball {str(path)!r} is damaged or no tarball ({unpacking.reason(error)}); fetch it again."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The tarball {str(path)!r} cannot be unpacked ({type(error).__name__}: {error}); name a "
            f"directory with room for it as {_CACHE}, or unpack it yourself and give the directory."
        ) from None
    return directory


def cache_directory() -> Path:
    """`$LUKE_CACHE`, or `luke_allennlp` in the user's cache directory."""
    if os.environ.get(_CACHE):
        return Path(os.environ[_CACHE]).expanduser().resolve()
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "luke_allennlp"


def _unpack(path: Path, directory: Path, known_files: Container[str]) -> None:
    # Left by killed processes; the lock keeps others out.
    for left in directory.parent.glob(f".{directory.name}.*"):
        shutil.rmtree(left, ignore_errors=True)
    logger.info("Unpacking %s into %s", path, directory)
    taken: Dict[str, str] = {}
    passed: List[str] = []
    tops: Set[str] = set()
    with new_directory(directory, False, "an unpacked checkpoint") as partial:
        for member in unpacking.members(path):
            name = member.parts[-1]
            if len(member.parts) > 2 or name not in known_files:
                passed.append(member.name)
                if name == "weights.th":
                    raise unpacking.Refused(
                        "it is an archive of AllenNLP; expected a checkpoint to begin from"
                    )
                continue
            tops.add("/".join(member.parts[:-1]))
            if name in taken or len(tops) > 1:
                raise unpacking.Refused(
                    f"its files are in more than one place ({taken.get(name, sorted(tops)[0])!r} and "
                    f"{member.name!r})"
                )
            taken[name] = member.name
            with open(partial / name, "xb") as target:
                member.copy_to(target)
            sync(partial / name)
        if not any(name in taken for name in _DESCRIPTIONS):
            raise unpacking.Refused(
                f"it holds no {' or '.join(_DESCRIPTIONS)}; expected the files of a checkpoint at its root "
                f"or in one directory, and found {', '.join(repr(name) for name in passed[:4]) or 'nothing'}"
            )
    if passed:
        logger.info("Not unpacked, %d files that are not read here: %s", len(passed), listed(passed))
