"""Where a checkpoint's files are: in a directory, in a tarball, or on the hub of Hugging Face."""

import functools
import glob
import json
import logging
import os
from pathlib import Path
from typing import Any, Dict, Optional, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.tarballs import is_tarball, unpacked
from luke_allennlp.common.files import read_object

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
METADATA_FILE = "metadata.json"  # of the original release
TOKENIZER_FILES = (
    *("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "sentencepiece.bpe.model"),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
)
ENTITY_VOCABULARY_FILES = ("entity_vocab.json", "entity_vocab.tsv", "entity_vocab.jsonl")
# In order of preference; an index lists the shards of a large checkpoint.
WEIGHTS_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "luke.bin",  # the original release's
)
# What is downloaded from the hub when a checkpoint is first used, before any weights.
_SMALL_FILES = (
    CONFIG_FILE,
    METADATA_FILE,
    *TOKENIZER_FILES,
    *ENTITY_VOCABULARY_FILES,
    *(name for name in WEIGHTS_FILES if name.endswith(".index.json")),
)

ARCHIVED_CHECKPOINT = "checkpoint"
"""The directory in an archive for the small files of its checkpoint."""


def archived_checkpoint(model_name: str, serialization_dir: Optional[Union[str, os.PathLike]]) -> str:
    """
    The archive's own checkpoint if it has one, else `model_name`, also where an override names another one
    than the archive's config. The serialization directory is that of a run, or where an archive was unpacked.
    """
    if serialization_dir is not None:
        own = Path(serialization_dir) / ARCHIVED_CHECKPOINT
        if (own / CONFIG_FILE).is_file() and _is_named(model_name, Path(serialization_dir) / CONFIG_FILE):
            return str(own)
    return model_name


def _is_named(model_name: str, config: Path) -> bool:
    """Whether a config names the model, or there is none."""
    if not config.is_file():
        return True
    text = json.dumps(read_object(config))
    return any(json.dumps(name) in text for name in (model_name, model_name.partition("@")[0]))


def at_revision(model_name: str, revision: Optional[str]) -> str:
    """
    The name of a checkpoint at a revision, `name@revision`, which is valid wherever a `model_name` is: at a
    commit, branch or tag on the hub. Directories and tarballs have no revisions and keep their names.
    """
    if revision is None:
        return model_name
    if looks_like_path(model_name) or Path(model_name).exists():
        logger.info("The revision %r is ignored: the model %r is not on the hub.", revision, model_name)
        return model_name
    repository, _, named = model_name.partition("@")
    if named and named != revision:
        raise ConfigurationError(
            f"The model {model_name!r} names a revision, and the option 'revision' is {revision!r}; give one."
        )
    return f"{repository}@{revision}"


def find_file(model_name: str, filename: str) -> Optional[Path]:
    """
    The path of one file of a checkpoint, or `None` if it has no such file.

    # Parameters

    model_name : `str`
        A directory, a tarball, or a hub id such as `studio-ousia/luke-large`, optionally with a revision
        (`studio-ousia/luke-large@main`). Directories and tarballs take precedence. A tarball is unpacked on
        first use, see `tarballs.unpacked`. A process downloads the small files of a checkpoint once, and
        weights on demand from the same commit.

    # Raises

    `ConfigurationError`
        There is no such checkpoint, the hub cannot be reached, or the tarball is damaged or refused.
    """
    directory = local_directory(model_name)
    if directory is not None:
        path = directory / filename
        return path if path.is_file() else None
    if looks_like_path(model_name):
        raise ConfigurationError(
            f"There is no model directory {model_name!r} (looked from {os.getcwd()!r}); "
            "give an existing one (LUKE_MODEL, for the shipped configs) or a hub id such as "
            "'studio-ousia/luke-large'."
        )
    return _find_on_hub(model_name, filename)


def local_directory(model_name: str) -> Optional[Path]:
    """
    The directory that a model's name stands for: itself, that of an unpacked tarball, or what an archive of a
    trained model has of its checkpoint; `None` if there is none.
    """
    from luke_allennlp.checkpoints.archives import find_archive  # which imports this module

    path = Path(model_name).expanduser()
    if (archive := find_archive(model_name)) is not None:
        return archive.checkpoint
    if path.is_dir():
        return path
    if not path.exists():
        return None
    if path.is_file() and is_tarball(path):
        return unpacked(path, {*_SMALL_FILES, *WEIGHTS_FILES})
    raise ConfigurationError(
        f"The model {model_name!r} is a file; expected the directory of a checkpoint (with config.json, or "
        "the original release's metadata.json), the original release's tarball, or a hub id."
    )


def looks_like_path(model_name: str) -> bool:
    """
    Whether a name can only be a path: hub ids have at most one slash, and do not begin with `.`, `/` or `~`.
    """
    model_name = model_name.partition("@")[0]
    return (
        model_name.startswith((".", "/", "~", os.sep))
        or model_name.count("/") > 1
        or os.sep != "/"
        and os.sep in model_name
        or "/" in model_name
        and Path(model_name).parent.is_dir()
    )


def _find_on_hub(model_name: str, filename: str) -> Optional[Path]:
    snapshot = _download(model_name, _SMALL_FILES)
    path = snapshot / filename
    if filename not in _SMALL_FILES and not path.is_file():
        _download(f"{model_name.partition('@')[0]}@{snapshot.name}", (filename,))
    return path if path.is_file() else None


@functools.lru_cache(maxsize=None)
def _download(model_name: str, filenames: Tuple[str, ...]) -> Path:
    """
    The directory of a commit in the hub's cache, with those of the files that exist. Cached, so that all
    files that a process uses are from one commit.
    """
    # Slow to import, and not needed for a directory.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    repository, _, revision = model_name.partition("@")
    here = f"(looked from {os.getcwd()!r})"
    advice = (
        "give a directory instead (LUKE_MODEL, for the shipped configs; for an archive, -o with the "
        "model_name of its reader's tokenizer and of its embedder)"
    )
    try:
        return Path(
            snapshot_download(
                repository,
                revision=revision or None,
                allow_patterns=[glob.escape(filename) for filename in filenames],
                local_files_only=not _hub_is_reachable(),
            )
        )
    except LocalEntryNotFoundError:
        problem = (
            f"The model {model_name!r} is no directory here {here}, is not in the hub's cache, and the hub "
            f"cannot be reached; connect, fetch it beforehand with `{_download_command(model_name)}`, or "
            f"{advice}."
        )
    except GatedRepoError:
        problem = f"The hub's model {repository!r} asks for a login: run `hf auth login`, or {advice}."
    except RevisionNotFoundError:
        problem = (
            f"The hub's model {repository!r} has no revision {revision!r}; give one of its commits, branches "
            "or tags."
        )
    except RepositoryNotFoundError:
        problem = (
            f"There is neither a directory {model_name!r} {here} nor a model of this id on the hub; correct "
            f"the name, or {advice}."
        )
    except HFValidationError:
        problem = (
            f"The model {model_name!r} is neither an existing directory {here} nor a possible hub id (such "
            "as 'studio-ousia/luke-large')."
        )
    except OSError as error:
        what = repr(filenames[0]) if len(filenames) == 1 else "the files"
        problem = (
            f"The hub could not deliver {what} of {model_name!r} ({type(error).__name__}: {error}); "
            f"try again, or {advice}."
        )
    raise ConfigurationError(problem)


@functools.lru_cache(maxsize=None)
def _hub_is_reachable() -> bool:
    """Asked with a time limit: the hub's client may wait minutes for a hub that does not answer."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except Exception as error:  # of requests or httpx, whichever the client uses
        logger.info("The hub cannot be reached, only its cache is used (%s).", error)
        return False
    return True


def _download_command(model_name: str) -> str:
    repository, _, revision = model_name.partition("@")
    return f"hf download {repository}" + (f" --revision {revision}" if revision else "")


def cache_hint(model_name: str) -> str:
    """Advice for when a checkpoint lacks a file, which may just not have been downloaded."""
    if Path(model_name).expanduser().exists():
        return ""
    command = _download_command(model_name)
    return f" If the hub cannot be reached, fetch all of the model beforehand: `{command}`."


def check_available(model_name: str) -> None:
    """Raises the `ConfigurationError` of `find_file` or `read_json` if there is no such checkpoint."""
    is_original = not find_file(model_name, CONFIG_FILE) and find_file(model_name, METADATA_FILE)
    read_json(model_name, METADATA_FILE if is_original else CONFIG_FILE)


def read_json(model_name: str, filename: str) -> Dict[str, Any]:
    """The JSON object in a file of a checkpoint."""
    path = find_file(model_name, filename)
    if path is None:
        raise ConfigurationError(
            f"The model {model_name!r} has no {filename}; expected a checkpoint in Hugging Face's layout, or "
            f"in that of the original release (with {METADATA_FILE})." + cache_hint(model_name)
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} is not JSON ({error}); the checkpoint is damaged, fetch it again."
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds a JSON {type(content).__name__}; expected an object.")
    return content
