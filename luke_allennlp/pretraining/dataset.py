"""Pretraining datasets on disk: sequences of tokens with entities, in shards."""

import json
import os
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Union

import numpy as np
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import file_sha256, write_json
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.pretraining.arrow_files import open_record_batch, write_record_batch
from luke_allennlp.pretraining.sequences import Sequences, TokenSequence

FORMAT = "luke-pretraining-dataset"
VERSION = 1
METADATA_FILE = "metadata.json"
TOKENIZER_DIRECTORY = "tokenizer"
ENTITY_VOCABULARY_FILE = "entity_vocab.jsonl"
_COUNTS = ("sequences", "words", "entities")
_REMEDY = "Build it with `allennlp pretraining-dataset`."


class ShardInfo(NamedTuple):
    """What `metadata.json` says of a shard: `words` are tokens, start and end tokens not counted."""

    file: str  # in the dataset's directory, such as "train/00000.arrow"
    sequences: int
    words: int
    entities: int
    longest: int  # the tokens of its longest sequence
    most_entities: int  # of a sequence
    bytes: int
    sha256: str


def write_shard(
    directory: Path, file: str, sequences: Union[Sequences, Iterable[TokenSequence]], vocab_size: int
) -> ShardInfo:
    """
    Writes the shard `file` of a dataset's directory atomically, and describes it. The same sequences give the
    same bytes.

    # Parameters

    vocab_size : `int`
        Of the tokenizer; it decides how many bytes a token takes.

    # Raises

    `ConfigurationError`
        The shard cannot be written.
    `ValueError`
        An id is not below `vocab_size`, a span is outside of its sequence, or the shard is too large.
    """
    if not isinstance(sequences, Sequences):
        sequences = Sequences.of(sequences, vocab_size)
    sequences.check(vocab_size)
    metadata = {"format": FORMAT, "version": str(VERSION), "vocab_size": str(vocab_size)}
    write_record_batch(directory / file, sequences, metadata)
    return describe_shard(directory, file)


def describe_shard(directory: Path, file: str) -> ShardInfo:
    """The description of an existing shard, as `write_shard` returns it."""
    path = directory / file
    sequences = _open_shard(path)
    return ShardInfo(
        file=file,
        sequences=len(sequences),
        words=len(sequences.word_ids),
        entities=len(sequences.entity_ids),
        longest=int(sequences.word_counts.max(initial=0)),
        most_entities=int(sequences.entity_counts.max(initial=0)),
        bytes=path.stat().st_size,
        sha256=file_sha256(path),
    )


def _open_shard(path: Path) -> Sequences:
    sequences, metadata = open_record_batch(path)
    _check_version(path, metadata.get("format"), metadata.get("version"), str(VERSION))
    return sequences


def write_metadata(
    directory: Path,
    splits: Mapping[str, Sequence[ShardInfo]],
    vocabulary: EntityVocabulary,
    tokenizer_class: str,
    vocab_size: int,
    options: Mapping[str, Any],
    dumps: Sequence[Mapping[str, Any]] = (),
    versions: Mapping[str, str] = {},
    **others: Any,
) -> Dict[str, Any]:
    """
    Writes `metadata.json`, which marks the dataset as complete, so it comes last.

    # Parameters

    splits : `Mapping[str, Sequence[ShardInfo]]`
        Shards of "train" and "validation", in order.
    vocabulary : `EntityVocabulary`
        What is in `entity_vocab.jsonl`.
    vocab_size : `int`
        Of the tokenizer.
    options, versions : `Mapping[str, Any]`
        That the dataset was built with, and of the packages that built it.
    others : `Any`
        Further entries, such as counts.
    """
    files = [shard.file for shards in splits.values() for shard in shards]
    for name in (ENTITY_VOCABULARY_FILE, TOKENIZER_DIRECTORY, *files):
        if not (directory / name).exists():
            raise ConfigurationError(f"{directory}: {name} is missing; write it before the metadata.")
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "splits": {
            split: {
                **{name: sum(getattr(shard, name) for shard in shards) for name in _COUNTS},
                "shards": [shard._asdict() for shard in shards],
            }
            for split, shards in splits.items()
        },
        "options": dict(options),
        "dumps": [dict(dump) for dump in dumps],
        "vocabulary": {
            "file": ENTITY_VOCABULARY_FILE,
            "entities": vocabulary.num_ids,
            "table_size": vocabulary.table_size,
            "specials": vocabulary.specials,
            "sha256": file_sha256(directory / ENTITY_VOCABULARY_FILE),
        },
        "tokenizer": {"class": tokenizer_class, "vocab_size": vocab_size},
        "versions": dict(versions),
        **others,
    }
    write_json(directory / METADATA_FILE, metadata)
    return metadata


class PretrainingDataset:
    """
    One split of a dataset. Only `metadata.json` is read at first; shards are memory-mapped on demand.

    # Parameters

    path : `str`
        The directory.

    # Raises

    `ConfigurationError`
        The directory is missing, incomplete, or of another format or version, it has no such split, or a
        shard's size is wrong.
    """

    def __init__(self, path: str, split: str = "train") -> None:
        self.path = str(path)
        self.split = split
        self._directory = Path(path).expanduser()
        self.metadata = self._read_metadata()
        try:
            entry = self.metadata["splits"].get(split)
            self.splits: List[str] = list(self.metadata["splits"])
            shards = [] if entry is None else entry["shards"]
            self.shards = [ShardInfo(*(shard[field] for field in ShardInfo._fields)) for shard in shards]
            self.vocab_size = int(self.metadata["tokenizer"]["vocab_size"])
            self.entity_table_size = int(self.metadata["vocabulary"]["table_size"])
            self.special_entities: Dict[str, int] = dict(self.metadata["vocabulary"]["specials"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise self._error(f"{METADATA_FILE} is damaged ({type(error).__name__}: {error})") from None
        if entry is None:
            hint = "; build it with --held-out, or set validate:: false in the config"
            raise ConfigurationError(
                f"{self.path}: has no split {split!r}; expected one of {', '.join(map(repr, self.splits))}"
                f"{hint if split == 'validation' else ''}."
            )
        self._check_files()
        self.tokenizer_directory = self._directory / TOKENIZER_DIRECTORY
        self.entity_vocabulary_file = self._directory / ENTITY_VOCABULARY_FILE
        # The tokens of the longest sequence, without start and end tokens, and the most entities of one.
        self.longest = max((shard.longest for shard in self.shards), default=0)
        self.most_entities = max((shard.most_entities for shard in self.shards), default=0)
        # Sequences before each shard. Shape: (shards + 1,)
        counts = [shard.sequences for shard in self.shards]
        self.shard_starts = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))

    def __len__(self) -> int:
        return int(self.shard_starts[-1])

    def shard(self, number: int) -> Sequences:
        """A shard, memory-mapped."""
        info = self.shards[number]
        path = self._directory / info.file
        sequences = _open_shard(path)
        found = (len(sequences), len(sequences.word_ids), len(sequences.entity_ids))
        if found != (info.sequences, info.words, info.entities):
            raise ConfigurationError(
                f"{path}: has {found[0]} sequences of {found[1]} words and {found[2]} entities; expected "
                f"{info.sequences}, {info.words} and {info.entities}, as {METADATA_FILE} says. {_REMEDY}"
            )
        return sequences

    def sequence(self, index: int) -> TokenSequence:
        """A sequence by its number in the split."""
        if not 0 <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        number = int(np.searchsorted(self.shard_starts, index, side="right")) - 1
        return self.shard(number)[index - int(self.shard_starts[number])]

    def __iter__(self) -> Iterator[TokenSequence]:
        for number in range(len(self.shards)):
            yield from self.shard(number)

    def verify(self) -> None:
        """Raises a `ConfigurationError` if a file's SHA-256 is not the one in `metadata.json`."""
        vocabulary = self.metadata["vocabulary"]
        expected = [(shard.file, shard.sha256) for shard in self.shards]
        for file, sha256 in [*expected, (ENTITY_VOCABULARY_FILE, vocabulary.get("sha256"))]:
            if file_sha256(self._directory / file) != sha256:
                raise self._error(f"{file} is damaged: its SHA-256 is not the one in {METADATA_FILE}")

    def _read_metadata(self) -> Dict[str, Any]:
        path = self._directory / METADATA_FILE
        if not self._directory.is_dir():
            found = "is a file" if self._directory.exists() else "there is no such directory"
            raise self._error(f"{found} (looked from {os.getcwd()})")
        try:
            metadata = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise self._error(f"{METADATA_FILE} is missing, so the dataset is not complete") from None
        except (OSError, ValueError, RecursionError) as error:
            raise self._error(f"{METADATA_FILE} cannot be read ({error})") from None
        if not isinstance(metadata, dict):
            raise self._error(f"{METADATA_FILE} holds a JSON {type(metadata).__name__}; expected an object")
        _check_version(path, metadata.get("format"), metadata.get("version"), VERSION)
        return metadata

    def _check_files(self) -> None:
        for shard in self.shards:
            file = self._directory / shard.file
            if not file.is_file():
                raise self._error(f"the shard {shard.file} is missing")
            size = file.stat().st_size
            if size != shard.bytes:
                raise self._error(f"{shard.file} has {size:,} bytes; expected {shard.bytes:,}")
        for name in (TOKENIZER_DIRECTORY, ENTITY_VOCABULARY_FILE):
            if not (self._directory / name).exists():
                raise self._error(f"{name} is missing")

    def _error(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self.path}: {what}. {_REMEDY}")


def _check_version(path: Path, format_: object, version: object, expected: object) -> None:
    if format_ != FORMAT:
        raise ConfigurationError(f"{path}: the format is {format_!r}; expected {FORMAT!r}. {_REMEDY}")
    if version != expected:
        raise ConfigurationError(f"{path}: the version is {version!r}; expected {expected!r}. {_REMEDY}")
