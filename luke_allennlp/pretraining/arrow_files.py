"""Sequences in files of Arrow's IPC format, which are memory-mapped."""

from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import written_whole
from luke_allennlp.common.requirements import required
from luke_allennlp.pretraining.sequences import Sequences

_WORDS, _ENTITIES = ("word_ids",), ("entity_ids", "entity_starts", "entity_ends")


def write_record_batch(path: Path, sequences: Sequences, metadata: Mapping[str, str]) -> None:
    """
    Writes sequences atomically as one uncompressed record batch, with `metadata` in its schema. Raises a
    `ConfigurationError` if it cannot be written.
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
    with written_whole(path) as temporary, ipc.new_file(str(temporary), batch.schema) as writer:
        writer.write_batch(batch)


def open_record_batch(path: Path) -> Tuple[Sequences, Dict[str, str]]:
    """
    Maps such a file, and returns its sequences and the schema's metadata. Numbers are read from the disk when
    they are looked at; the file is unmapped when nothing refers to them any more.

    # Raises

    `ConfigurationError`
        The file is missing or is not such a file.
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
        pages = batch.column("page_id")
        lists = {name: _list_parts(name, batch.column(name), arrow) for name in (*_WORDS, *_ENTITIES)}
        if pages.type != arrow.int32():
            raise ValueError(f"its column page_id is of {pages.type}; expected int32")
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
    entity_columns = {name: lists[name][1] for name in _ENTITIES}
    offsets = {"word_offsets": lists["word_ids"][0], "entity_offsets": lists["entity_ids"][0]}
    sequences = Sequences(pages.to_numpy(), word_ids=lists["word_ids"][1], **offsets, **entity_columns)
    return sequences, metadata


def _list_parts(name: str, column: Any, arrow: Any) -> Tuple[np.ndarray, np.ndarray]:
    types = {"word_ids": (arrow.uint16(), arrow.uint32()), "entity_ids": (arrow.uint32(),)}
    expected = types.get(name, (arrow.uint16(),))
    if not any(column.type == arrow.list_(type_) for type_ in expected):
        raise ValueError(f"its column {name} is of {column.type}; expected lists of {expected[-1]}")
    if column.null_count:
        raise ValueError(f"its column {name} has empty entries")
    return column.offsets.to_numpy(), column.values.to_numpy()
