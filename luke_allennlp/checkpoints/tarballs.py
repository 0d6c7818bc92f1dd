"""Checkpoints in tarballs: unpacked once, with care, into a cache."""

import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Dict, List, Set

from allennlp.common import unpacking
from allennlp.common.checks import ConfigurationError
from filelock import FileLock

from luke_allennlp.common.text_lines import listed

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
_CACHE = "LUKE_CACHE"


def is_tarball(path: Path) -> bool:
    """Whether a file is a tar archive, or one that gzip packed, by its first bytes or its name."""
    if path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return True
    with path.open("rb") as file:
        start = file.read(unpacking.BLOCK)
    return start.startswith(unpacking.GZIP) or start[unpacking.TAR_AT :].startswith(unpacking.TAR)


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


def _cache_directory() -> Path:
    if os.environ.get(_CACHE):
        return Path(os.environ[_CACHE]).expanduser().resolve()
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "luke_allennlp"


def _unpack(path: Path, directory: Path) -> None:
    # Left by processes that were killed; nobody else works under this lock.
    for left in directory.parent.glob(f"{directory.name}.*.part"):
        shutil.rmtree(left, ignore_errors=True)
    logger.info("Unpacking %s into %s", path, directory)
    partial = Path(tempfile.mkdtemp(prefix=f"{directory.name}.", suffix=".part", dir=directory.parent))
    try:
        _unpack_members(path, partial)
        os.replace(partial, directory)
    except BaseException:  # an interruption too
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _unpack_members(path: Path, directory: Path) -> None:
    taken: Dict[str, str] = {}
    passed: List[str] = []
    tops: Set[str] = set()
    for member in unpacking.members(path):
        name = member.parts[-1]
        if len(member.parts) > 2 or name not in _KNOWN_FILES:
            passed.append(member.name)
            if name == "weights.th":
                raise unpacking.Refused("it is an archive of AllenNLP; expected a checkpoint to begin from")
            continue
        tops.add("/".join(member.parts[:-1]))
        if name in taken or len(tops) > 1:
            raise unpacking.Refused(
                f"its files are in more than one place ({taken.get(name, sorted(tops)[0])!r} and "
                f"{member.name!r})"
            )
        taken[name] = member.name
        with open(directory / name, "xb") as target:
            member.copy_to(target)
            target.flush()
            os.fsync(target.fileno())
    if not any(name in taken for name in _DESCRIPTIONS):
        raise unpacking.Refused(
            f"it holds no {' or '.join(_DESCRIPTIONS)}; expected the files of a checkpoint at its root or in "
            f"one directory, and found {', '.join(repr(name) for name in passed[:4]) or 'nothing'}"
        )
    if passed:
        logger.info("Not unpacked, %d files that are not read here: %s", len(passed), listed(passed))
