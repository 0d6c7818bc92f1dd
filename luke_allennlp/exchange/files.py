"""The small files of a checkpoint, and directories that are written whole or not at all."""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.word_tokenizer import tokenizer_files

ENTITY_VOCABULARY = "entity_vocab.json"


@contextmanager
def new_directory(path: Path, force: bool, what: str) -> Iterator[Path]:
    """
    A directory to fill, which takes its name once it is full: an error or an interrupt leaves nothing.

    # Parameters

    path : `Path`
    force : `bool`
        Whether a directory that is there already is replaced.
    what : `str`
        What is written, for messages.

    # Raises

    `ConfigurationError`
        It is there already, and not empty.
    """
    path = Path(os.path.abspath(path))
    if path.exists() and (not path.is_dir() or any(path.iterdir())) and not force:
        raise ConfigurationError(
            f"{path}: is there already; {what} goes to a new directory. Give another one, or --force to "
            "replace it."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
        temporary.chmod(0o755)
        if path.is_dir():
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            if path.exists():
                path.unlink()
            os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def copy_tokenizer(model_name: str, target: Path) -> None:
    """Copies the tokenizer's files of a checkpoint."""
    for file in tokenizer_files(model_name):
        shutil.copyfile(file, target / file.name)


def describe_tokenizer(target: Path, markers: Mapping[str, int], tokens: Sequence[str]) -> None:
    """
    Makes the copied files those of a `LukeTokenizer` with further tokens.

    # Parameters

    target : `Path`
    markers : `Mapping[str, int]`
        Tokens beyond those that the files have, and their ids.
    tokens : `Sequence[str]`
        The one or two that mark entities, if the task has any.
    """
    config = _read(target / "tokenizer_config.json")
    if "sentencepiece.bpe.model" not in os.listdir(target):
        config["tokenizer_class"] = "LukeTokenizer"
    for number, token in enumerate(tokens, start=1):
        config[f"entity_token_{number}"] = token
    if markers:
        added = _read(target / "added_tokens.json")
        write_json(target / "added_tokens.json", {**added, **markers})
        special: List[Any] = list(config.get("additional_special_tokens") or [])
        config["additional_special_tokens"] = special + [token for token in markers if token not in special]
        if "added_tokens_decoder" in config:
            for token, index in markers.items():
                config["added_tokens_decoder"][str(index)] = _added_token(token)
        whole = target / "tokenizer.json"
        if whole.is_file():
            content = _read(whole)
            content.setdefault("added_tokens", []).extend(
                {"id": index, **_added_token(token)} for token, index in markers.items()
            )
            write_json(whole, content)
    write_json(target / "tokenizer_config.json", config)


def _added_token(token: str) -> Dict[str, Any]:
    return {
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def _read(path: Path) -> Dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def entity_tokens(raw: Optional[Dict[str, Any]], form_markers: Sequence[str]) -> List[str]:
    """The tokens that mark entities by a `tokenizer_config.json`, else the given ones."""
    found = []
    for number, default in enumerate(form_markers, start=1):
        token: Any = (raw or {}).get(f"entity_token_{number}", default)
        found.append(token["content"] if isinstance(token, dict) else str(token))
    return found
