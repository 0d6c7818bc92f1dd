"""Where the archive of a model is. That of a published fine-tuned model is made once and kept."""

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any, Union

from allennlp.common.checks import ConfigurationError
from filelock import FileLock

from luke_allennlp import __version__
from luke_allennlp.checkpoints.model_files import CONFIG_FILE, find_file, local_directory, looks_like_path
from luke_allennlp.checkpoints.tarballs import cache_directory
from luke_allennlp.common.text_lines import shown
from luke_allennlp.exchange import import_checkpoint

logger = logging.getLogger(__name__)

ARCHIVE = "model.tar.gz"


def path_of(value: Any, name: str) -> str:
    """A path as text, or a `ConfigurationError` that says of which argument it is not one."""
    if not isinstance(value, (str, os.PathLike)):
        raise ConfigurationError(f"{name} is {shown(value)}; expected a path.")
    return os.fspath(value)


def find_archive(model: Union[str, "os.PathLike[str]"]) -> str:
    """
    The archive of a model, or a directory that holds an unpacked one.

    # Parameters

    model : `Union[str, PathLike]`
        As of `luke_allennlp.load`.

    # Raises

    `ConfigurationError`
        There is no such model, a run has not ended, or a published model cannot be imported.
    """
    name = path_of(model, "model")
    path = Path(name).expanduser()
    if "://" in name or path.is_file():
        return name if "://" in name else str(path)
    if path.is_dir():
        if (path / ARCHIVE).is_file():
            return str(path / ARCHIVE)
        if _is_run(path):
            if any((path / weights).is_file() for weights in ("weights.th", "best.th")):
                return str(path)
            raise ConfigurationError(
                f"{name}: the run has no {ARCHIVE}; it has not ended. Resume it with --recover, or wait."
            )
        if not any(path.iterdir()):
            raise ConfigurationError(f"{name}: the directory is empty; expected a run or a model.")
    elif looks_like_path(name):
        raise ConfigurationError(
            f"{name}: there is no such file or directory (looked from {os.getcwd()}); expected the directory "
            f"of a run, an archive ({ARCHIVE}), or a fine-tuned model in Hugging Face's form."
        )
    return str(_imported(name))


def _is_run(directory: Path) -> bool:
    """Whether its config.json is AllenNLP's."""
    try:
        config = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and "dataset_reader" in config


def _imported(name: str) -> Path:
    """The archive of a published model, which is imported if this version of it has not been yet."""
    cache = cache_directory() / "imported"
    directory = cache / f"{Path(name).name.partition('@')[0]}-{_version(name)}"
    archive = directory / ARCHIVE
    if not archive.is_file():
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(str(cache / ".lock")):
            if not archive.is_file():
                logger.info("Importing %s into %s.", name, directory)
                import_checkpoint(name, str(directory), lite=True, force=True)
    return archive


def _version(name: str) -> str:
    """Differs when the model's files do: by their sizes and times, or by the commit on the hub."""
    config = find_file(name, CONFIG_FILE)
    facts = [__version__]
    directory = local_directory(name)
    if directory is not None:
        facts.append(os.path.realpath(directory))
        for file in sorted(directory.iterdir()):
            if file.is_file():
                status = file.stat()
                facts += [file.name, str(status.st_size), str(status.st_mtime_ns)]
    else:
        facts += [name, "" if config is None else config.parent.name]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]
