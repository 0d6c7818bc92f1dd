"""Sequences in files of Arrow's IPC format, which are mapped into memory and not read."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.requirements import required
from luke_allennlp.pretraining.sequences import Sequences

_BLOCK = 1 << 20
_WORDS, _ENTITIES = ("word_ids",), ("entity_ids", "entity_starts", "entity_ends")


def write_record_batch(path: Path, sequences: Sequences, metadata: Mapping[str, str]) -> None:
    """
    Writes sequences as one record batch, uncompressed. The file takes its name once it is whole and on the
    disk.

    # Parameters

    path : `Path`
        Directories above it are made.
    metadata : `Mapping[str, str]`
        For the schema.

    # Raises

    `ConfigurationError`
        It cannot be written.
    """
    arrow = required("pyarrow")
    ipc = required("pyarrow.ipc")
    columns = {"page_id": arrow.array(sequences.page_ids)}
    for names, offsets in ((_WORDS, sequences.word_offsets), (_ENTITIES, sequences.entity_offsets)):
        for name in names:
            values = arrow.array(getattr(sequences, name))
            columns[name] = arrow.ListArray.from_arrays(arrow.array(offsets.astype(np.int32)), values)
    batch = arrow.record_batch(list(columns.values()), names=list(columns))
    batch = batch.replace_schema_metadata(dict(metadata))
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(handle, "wb") as file:
            with ipc.new_file(file, batch.schema) as writer:
                writer.write_batch(batch)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
        _flush_directory(path.parent)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror or error}.") from None
    finally:
        if temporary is not None:
            os.unlink(temporary)


def open_record_batch(path: Path) -> Tuple[Sequences, Dict[str, str]]:
    """
    Maps such a file. Its numbers are read from the disk when they are looked at; it is unmapped when nothing
    refers to them any more.

    # Returns

    `Tuple[Sequences, Dict[str, str]]`
        The sequences and the schema's metadata.

    # Raises

    `ConfigurationError`
        It is not there, or is not such a file.
    """
    arrow = required("pyarrow")
    ipc = required("pyarrow.ipc")
    try:
        # Without threads: workers of a loader are forks.
        options = ipc.IpcReadOptions(use_threads=False)
        with arrow.memory_map(str(path), "r") as source, ipc.open_file(source, options=options) as reader:
            if reader.num_record_batches != 1:
                raise ValueError(f"it has {reader.num_record_batches} record batches; expected one")
            batch = reader.get_batch(0)
        metadata = {key.decode(): value.decode() for key, value in (batch.schema.metadata or {}).items()}
        batch.validate(full=True)  # looks at the offsets, not at what lies between them
        columns = {name: batch.column(name) for name in ("page_id", *_WORDS, *_ENTITIES)}
        lists = {name: _list_parts(name, columns[name], arrow) for name in (*_WORDS, *_ENTITIES)}
        if columns["page_id"].type != arrow.int32():
            raise ValueError(f"its column page_id is of {columns['page_id'].type}; expected int32")
        for name in _ENTITIES[1:]:
            if not np.array_equal(lists[name][0], lists[_ENTITIES[0]][0]):
                raise ValueError(f"its columns {_ENTITIES[0]} and {name} differ in length")
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file.") from None
    except (OSError, ValueError, KeyError, arrow.ArrowException) as error:
        what = " ".join(str(error).split())
        raise ConfigurationError(
            f"{path}: is no shard of a pretraining dataset, or damaged ({what})."
        ) from None
    sequences = Sequences(
        page_ids=columns["page_id"].to_numpy(),
        word_offsets=lists["word_ids"][0],
        word_ids=lists["word_ids"][1],
        entity_offsets=lists["entity_ids"][0],
        entity_ids=lists["entity_ids"][1],
        entity_starts=lists["entity_starts"][1],
        entity_ends=lists["entity_ends"][1],
    )
    return sequences, metadata


def _list_parts(name: str, column: Any, arrow: Any) -> Tuple[np.ndarray, np.ndarray]:
    types = {"word_ids": (arrow.uint16(), arrow.uint32()), "entity_ids": (arrow.uint32(),)}
    expected = types.get(name, (arrow.uint16(),))
    if not any(column.type == arrow.list_(type_) for type_ in expected):
        raise ValueError(f"its column {name} is of {column.type}; expected lists of {expected[-1]}")
    if column.null_count:
        raise ValueError(f"its column {name} has empty entries")
    # Neither is copied.
    return column.offsets.to_numpy(), column.values.to_numpy()


def file_sha256(path: Path) -> str:
    """
    # Raises

    `ConfigurationError`
        It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from None
    return digest.hexdigest()


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
