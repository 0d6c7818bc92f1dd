"""Where a checkpoint's files are: in a directory, in a tarball, or on the hub of Hugging Face."""

import functools
import json
import os
import socket
from pathlib import Path
from typing import Any, Dict, Optional, Union
from urllib.parse import urlsplit
from urllib.request import getproxies

from allennlp.common.checks import ConfigurationError

from luke_allennlp.tarballs import is_tarball, unpacked

CONFIG_FILE = "config.json"
METADATA_FILE = "metadata.json"  # of the original release


ARCHIVED_CHECKPOINT = "checkpoint"
"""The directory in an archive that holds the small files of its checkpoint, where an archive has them."""


def archived_checkpoint(model_name: str, serialization_dir: Optional[Union[str, os.PathLike]]) -> str:
    """
    # Parameters

    model_name : `str`
    serialization_dir : `Union[str, os.PathLike]`, optional
        Where an archive was unpacked, or a run's directory.

    # Returns

    `str`
        The archive's own checkpoint if it brings one along, else `model_name`.
    """
    if serialization_dir is not None:
        own = Path(serialization_dir) / ARCHIVED_CHECKPOINT
        if (own / "config.json").is_file():
            return str(own)
    return model_name


def find_file(model_name: str, filename: str) -> Optional[Path]:
    """
    The path of one file of a checkpoint.

    # Parameters

    model_name : `str`
        A directory, a tarball, or an id of the hub such as `studio-ousia/luke-large`. A directory or tarball
        of that name comes first. A tarball is unpacked when it is first asked for, see `tarballs.unpacked`.
    filename : `str`
        The file's name in it.

    # Returns

    `Optional[Path]`
        `None` if the checkpoint has no such file.

    # Raises

    `ConfigurationError`
        There is no such directory or tarball, and the hub has no such repository or cannot be reached; or the
        tarball is damaged or refused.
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
    The directory that a model's name stands for: itself, or the one into which a tarball is unpacked.

    # Parameters

    model_name : `str`

    # Returns

    `Optional[Path]`
        `None` if there is neither: it is a hub id, or nothing.

    # Raises

    `ConfigurationError`
        It is a file, but no tarball of a checkpoint.
    """
    path = Path(model_name).expanduser()
    if path.is_dir():
        return path
    if not path.exists():
        return None
    if path.is_file() and is_tarball(path):
        return unpacked(path)
    raise ConfigurationError(
        f"The model {model_name!r} is a file; expected the directory of a checkpoint (with config.json, or "
        "the original release's metadata.json), the original release's tarball, or a hub id."
    )


def looks_like_path(model_name: str) -> bool:
    """
    Whether a model's name can only be a path: hub ids have at most one slash and no leading `.`, `/` or `~`.
    """
    return (
        model_name.startswith((".", "/", "~", os.sep))
        or model_name.count("/") > 1
        or os.sep != "/"
        and os.sep in model_name
        or "/" in model_name
        and Path(model_name).parent.is_dir()
    )


def _find_on_hub(model_name: str, filename: str) -> Optional[Path]:
    # Imported here: it takes long, and a directory does not need it.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    advice = (
        "give a directory instead (LUKE_MODEL, for the shipped configs; for an archive, -o with the "
        "model_name of its reader's tokenizer and of its embedder)"
    )
    try:
        # The client would try an unreachable hub again and again, for half a minute a file.
        return Path(hf_hub_download(model_name, filename, local_files_only=not _hub_is_reachable()))
    except LocalEntryNotFoundError:
        cached = _cached_without_network(model_name)
        if cached is not None:  # the repository is there, and this file is not part of what was fetched
            path = cached / filename
            return path if path.is_file() else None
        raise ConfigurationError(
            f"The model {model_name!r} is no directory here (looked from {os.getcwd()!r}), is not in the "
            "hub's cache, and the hub cannot be reached; connect, fetch it beforehand with `hf download "
            f"{model_name}`, or {advice}."
        ) from None
    except EntryNotFoundError:
        return None
    except GatedRepoError:
        raise ConfigurationError(
            f"The hub's model {model_name!r} asks for a login: run `hf auth login`, or {advice}."
        ) from None
    except RepositoryNotFoundError:
        raise ConfigurationError(
            f"There is neither a directory {model_name!r} (looked from {os.getcwd()!r}) nor a model of "
            f"this id on the hub; correct the name, or {advice}."
        ) from None
    except HFValidationError:
        raise ConfigurationError(
            f"The model {model_name!r} is neither an existing directory (looked from {os.getcwd()!r}) nor "
            "a possible hub id (such as 'studio-ousia/luke-large')."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The hub could not deliver {filename!r} of {model_name!r} ({type(error).__name__}: {error}); "
            f"try again, or {advice}."
        ) from None


@functools.lru_cache(maxsize=None)
def _hub_is_reachable() -> bool:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    hub = urlsplit(constants.ENDPOINT)
    if hub.scheme in getproxies():  # only the client knows the way
        return True
    try:
        socket.create_connection(
            (hub.hostname, hub.port or (80 if hub.scheme == "http" else 443)), timeout=5
        ).close()
    except OSError:
        return False
    return True


def _cached_without_network(model_name: str) -> Optional[Path]:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(model_name, "config.json")
    return Path(path).parent if isinstance(path, str) else None


def cache_hint(model_name: str) -> str:
    """What to add where a checkpoint lacks a file: a hub id's may just not have been fetched."""
    if Path(model_name).expanduser().exists():
        return ""
    return f" If the hub cannot be reached, fetch all of the model beforehand: `hf download {model_name}`."


def check_available(model_name: str) -> None:
    """
    Raises the `ConfigurationError` of `find_file` or `read_json` at once if `model_name` cannot be loaded
    from.

    # Parameters

    model_name : `str`
        A directory, a tarball or a hub id.
    """
    if find_file(model_name, CONFIG_FILE) is None and find_file(model_name, METADATA_FILE) is not None:
        read_json(model_name, METADATA_FILE)
    else:
        read_json(model_name, CONFIG_FILE)


def read_json(model_name: str, filename: str) -> Dict[str, Any]:
    """
    A JSON object out of a checkpoint.

    # Parameters

    model_name : `str`
        A directory, a tarball or a hub id.
    filename : `str`

    # Returns

    `Dict[str, Any]`

    # Raises

    `ConfigurationError`
        The file is not there, or holds no JSON object.
    """
    path = find_file(model_name, filename)
    if path is None:
        raise ConfigurationError(
            f"The model {model_name!r} has no {filename}; expected a checkpoint in Hugging Face's layout, or "
            f"in that of the original release (with {METADATA_FILE})."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (
        ValueError,
        RecursionError,
    ) as error:  # of the encoding, of JSON, of numbers or nesting beyond bounds
        raise ConfigurationError(
            f"{path} is not JSON ({error}); the checkpoint is damaged, fetch it again."
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds a JSON {type(content).__name__}; expected an object.")
    return content
