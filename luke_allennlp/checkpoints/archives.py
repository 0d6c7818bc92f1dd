"""Archives of trained models, as checkpoints that a training starts from."""

import functools
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from allennlp.common import unpacking
from allennlp.common.checks import ConfigurationError
from allennlp.common.untrusted import read_config as read_archive_config

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.model_files import (
    ARCHIVED_CHECKPOINT,
    CONFIG_FILE,
    TOKENIZER_FILES,
    WEIGHTS_FILES,
    at_revision,
    find_file,
)
from luke_allennlp.checkpoints.names import ENTITY_SIDE, ENTITY_TABLE, HEADS, WORD_TABLE
from luke_allennlp.checkpoints.original_release import original_config, tokenizer_sources
from luke_allennlp.checkpoints.tarballs import cached, is_tarball
from luke_allennlp.checkpoints.tensors import LazyTensors, open_file
from luke_allennlp.common.files import new_directory, write_json

_ARCHIVE = "model.tar.gz"
_WEIGHTS = "weights.th"
_MASK, _MASK2 = "[MASK]", "[MASK2]"


class TrainedArchive(NamedTuple):
    """
    # Parameters

    path : `Path`
        The archive.
    place : `Path`
        The directory that it is unpacked into, with a `checkpoint`.
    model : `Dict[str, Any]`
        The part "model" of its config.
    embedder : `Dict[str, Any]`
        In this, the options of its embedder of type "luke"; empty if it has none.
    """

    path: Path
    place: Path
    model: Dict[str, Any]
    embedder: Dict[str, Any]

    @property
    def checkpoint(self) -> Path:
        """The directory with the encoder's config, the tokenizer and the entities of its table."""
        return self.place / ARCHIVED_CHECKPOINT

    @property
    def entities(self) -> Optional[List[str]]:
        """Those of the table, `None` for all of a vocabulary."""
        return self.embedder.get("entities")

    @property
    def markers(self) -> List[str]:
        """The tokens that follow the words in the table."""
        return _markers(self.embedder)

    def weights(self, stack: ExitStack) -> LazyTensors:
        """All weights, by the model's names, as `open_file` gives them."""
        tensors = open_file(self.place / _WEIGHTS, stack)
        return LazyTensors(dict(tensors), str(self.path))

    def tensors(self, stack: ExitStack) -> LazyTensors:
        """The weights of the encoder and of heads, as of a checkpoint: the word table has no markers."""
        weights = self.weights(stack)
        prefix = self.prefix(weights)
        found = {name: tensor for name, tensor in weights.items() if name.startswith(HEADS)}
        found.update(
            {name[len(prefix) :]: tensor for name, tensor in weights.items() if name.startswith(prefix)}
        )
        found[WORD_TABLE] = found[WORD_TABLE][: read_config(str(self.checkpoint)).vocab_size]
        if ENTITY_TABLE in found and not len(found[ENTITY_TABLE]):  # of a model of words only
            found = {name: tensor for name, tensor in found.items() if not name.startswith(ENTITY_SIDE)}
        return LazyTensors(found, str(self.path))

    def prefix(self, weights: Dict[str, Any]) -> str:
        """What the names of the encoder's weights begin with."""
        for name in weights:
            if name.endswith(f"luke.{WORD_TABLE}"):
                return name[: -len(WORD_TABLE)]
        raise ConfigurationError(
            f"{self.path}: holds a model of type {self.model.get('type')!r} without an encoder of LUKE; "
            "expected an archive of a model with an embedder of type 'luke'."
        )


def archive_file(name: str) -> Optional[Path]:
    """The archive that a name stands for: a file, or that of a run's directory; else `None`."""
    path = Path(name).expanduser()
    if path.is_dir():
        path = path / _ARCHIVE
        return path if path.is_file() else None
    if not path.is_file() or not is_tarball(path):
        return None
    facts = path.stat()
    return path if _has_weights(path, facts.st_size, facts.st_mtime_ns) else None


@functools.lru_cache(maxsize=None)
def _has_weights(path: Path, *_: int) -> bool:
    """Whether the archive is AllenNLP's, by the first weights in it."""
    try:
        for member in unpacking.members(path):
            if member.parts[-1] in (_WEIGHTS, *WEIGHTS_FILES):
                return list(member.parts) == [_WEIGHTS]
    except (OSError, unpacking.Refused, *unpacking.DAMAGED):  # said where it is unpacked
        pass
    return False


def find_archive(name: str) -> Optional[TrainedArchive]:
    """
    The archive that a name stands for, unpacked once into the cache of tarballs.

    # Raises

    `ConfigurationError`
        It is damaged or refused, or it was made to have its checkpoint beside it and that is not there.
    """
    path = archive_file(name)
    if path is None:
        return None
    place = cached(path, lambda directory: _unpack(path, directory))
    model = read_archive_config(place, archive=str(path)).as_dict(quiet=True)["model"]
    return TrainedArchive(path, place, model, _embedder(model))


def _unpack(path: Path, directory: Path) -> None:
    with new_directory(directory, False, "an unpacked archive") as place:
        unpacking.unpack(path, place)
        if not (place / ARCHIVED_CHECKPOINT / CONFIG_FILE).is_file():
            _add_checkpoint(path, place)


def _add_checkpoint(path: Path, place: Path) -> None:
    """What a lean archive lacks, from the checkpoint beside it."""
    model = read_archive_config(place, archive=str(path)).as_dict(quiet=True)["model"]
    options = _embedder(model)
    if "model_name" not in options:
        raise ConfigurationError(
            f"{path}: holds a model of type {model.get('type')!r} without an encoder of LUKE; expected "
            "an archive of a model with an embedder of type 'luke'."
        )
    name = at_revision(options["model_name"], options.get("revision"))
    try:
        config = read_config(name).to_dict()
        files = _tokenizer(name)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{path}: needs the checkpoint {name!r} beside it, as a lean archive: {error.message}"
        ) from None
    target = place / ARCHIVED_CHECKPOINT
    target.mkdir()
    for file in files:
        shutil.copyfile(file, target / file.name)
    entities = options.get("entities")
    if entities is not None:
        config["entity_vocab_size"] = len(entities)
        write_json(target / "entity_vocab.json", rows_of(entities))
    elif (vocabulary := find_file(name, "entity_vocab.json")) is not None:
        shutil.copyfile(vocabulary, target / vocabulary.name)
    write_json(target / CONFIG_FILE, config)


def _tokenizer(name: str) -> List[Path]:
    original = original_config(name)
    sources = [name, *(tokenizer_sources(name, original["bert_model_name"]) if original else ())]
    for source in sources:
        files = [path for file in TOKENIZER_FILES if (path := find_file(source, file)) is not None]
        if files:
            return files
    return []


def rows_of(entities: List[str]) -> Dict[str, int]:
    """
    The titles of a table's rows, given the embedder's `entities`. The second of two rows of `[MASK]`, as in
    relation classification, is that of `[MASK2]`; other repeated rows have no title of their own.
    """
    rows: Dict[str, int] = {}
    for row, title in enumerate(entities):
        if title == _MASK and title in rows and _MASK2 not in entities:
            title = _MASK2
        rows.setdefault(title, row)
    return rows


def _embedder(value: Any) -> Dict[str, Any]:
    return next(_embedders(value), {})


def _embedders(value: Any) -> Iterator[Dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") == "luke" and "model_name" in value:
            yield value
        for item in value.values():
            yield from _embedders(item)


def _markers(options: Dict[str, Any]) -> List[str]:
    markers = options.get("marker_tokens") or []
    return [marker if isinstance(marker, str) else marker[0] for marker in markers]
