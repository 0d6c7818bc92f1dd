"""The small files of a checkpoint, and directories that are written whole or not at all."""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Sequence

from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.tokenizer_files import tokenizer_files

ENTITY_VOCABULARY = "entity_vocab.json"


@contextmanager
def new_directory(path: Path, force: bool, what: str, inputs: Sequence[Path] = ()) -> Iterator[Path]:
    """
    A directory to fill, which takes its name once it is full: an error or an interrupt leaves nothing.

    # Parameters

    path : `Path`
        If it is a symbolic link, what it leads to is replaced.
    force : `bool`
        Whether a directory that is there already is replaced.
    what : `str`
        What is written, for messages.
    inputs : `Sequence[Path]`, optional (default = `()`)
        What it is made from, which is never replaced.

    # Raises

    `ConfigurationError`
        It is there already, and not empty; or it is, or holds, one of the inputs; or it cannot be written.
    """
    given, path = path, Path(os.path.realpath(path))
    for item in inputs:
        source = Path(os.path.realpath(item))
        if path == source or path in source.parents:
            raise ConfigurationError(
                f"{given}: is, or holds, {item}, which {what} is made from; give another directory."
            )
    parents: List[Path] = []
    with _named(given, what):
        if path.exists() and (not path.is_dir() or any(path.iterdir())) and not force:
            raise ConfigurationError(
                f"{given}: is there already; {what} goes to a new directory. Give another one, or --force to "
                "replace it."
            )
    try:
        with _named(given, what):
            _make_parents(path, parents)
            temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            yield temporary
            with _named(given, what):
                _sync(temporary)
                temporary.chmod(0o755)
                _put_in_place(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except BaseException:
        for parent in reversed(parents):
            with suppress(OSError):  # another process may have put something there
                parent.rmdir()
        raise


@contextmanager
def _named(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {what} cannot be written there ({error.strerror or error}); give another directory."
        ) from None


def _make_parents(path: Path, made: List[Path]) -> None:
    """Makes the directories above it, and notes which of them were not there."""
    for parent in reversed([parent for parent in path.parents if not parent.is_dir()]):
        parent.mkdir()
        made.append(parent)


def _sync(directory: Path) -> None:
    for file in directory.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())


def _put_in_place(temporary: Path, path: Path) -> None:
    if not path.is_dir():
        if path.exists():
            path.unlink()
        os.replace(temporary, path)
        return
    old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
    try:
        os.replace(path, old)
    except BaseException:
        old.rmdir()
        raise
    try:
        os.replace(temporary, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def copy_tokenizer(model_name: str, target: Path) -> None:
    """Copies the tokenizer's files of a checkpoint."""
    for file in tokenizer_files(model_name):
        shutil.copyfile(file, target / file.name)


def describe_tokenizer(target: Path, markers: Mapping[str, int], tokens: Sequence[str]) -> List[str]:
    """
    Makes the copied files those of a `LukeTokenizer` with further tokens.

    # Parameters

    target : `Path`
    markers : `Mapping[str, int]`
        Tokens beyond those that the files have, and their ids.
    tokens : `Sequence[str]`
        The one or two that mark entities, if the task has any.

    # Returns

    `List[str]`
        What is to be said of them.
    """
    config = read_object(target / "tokenizer_config.json")
    notes: List[str] = []
    if (target / "vocab.json").is_file() and (target / "merges.txt").is_file():
        config["tokenizer_class"] = "LukeTokenizer"
    elif not (target / "sentencepiece.bpe.model").is_file():
        # That class reads those two files alone.
        name = config.setdefault("tokenizer_class", "PreTrainedTokenizerFast")
        notes.append(
            "There are no vocab.json and merges.txt, so that LukeTokenizer of transformers cannot read the "
            f"tokenizer; {name} reads it, and entities are numbered by entity_vocab.json."
        )
    for number, token in enumerate(tokens, start=1):
        config[f"entity_token_{number}"] = token
    if markers:
        added = read_object(target / "added_tokens.json")
        write_json(target / "added_tokens.json", {**added, **markers})
        named = config.get("additional_special_tokens")
        special: List[Any] = list(named) if isinstance(named, list) else []
        config["additional_special_tokens"] = special + [token for token in markers if token not in special]
        if isinstance(config.get("added_tokens_decoder"), dict):
            for token, index in markers.items():
                config["added_tokens_decoder"][str(index)] = _added_token(token)
        whole = target / "tokenizer.json"
        if whole.is_file():
            content = read_object(whole)
            content.setdefault("added_tokens", []).extend(
                {"id": index, **_added_token(token)} for token, index in markers.items()
            )
            write_json(whole, content)
    write_json(target / "tokenizer_config.json", config)
    return notes


def _added_token(token: str) -> Dict[str, Any]:
    return {
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def read_object(path: Path) -> Dict[str, Any]:
    """
    The JSON object in a file; an empty one if there is no such file.

    # Raises

    `ConfigurationError`
        The file holds something else.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path.name} is not JSON ({error}).") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path.name} holds a JSON {type(content).__name__}; expected an object.")
    return content
