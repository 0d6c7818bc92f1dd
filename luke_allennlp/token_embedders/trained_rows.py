"""The rows of tables that an archive has and its checkpoint does not: of markers and repeated entities."""

from contextlib import ExitStack
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

from luke_allennlp.checkpoints.archives import find_archive
from luke_allennlp.checkpoints.names import ENTITY_TABLE, WORD_TABLE
from luke_allennlp.modules import LukeEncoder


def keep_trained_rows(
    encoder: LukeEncoder, name: str, entities: Optional[Sequence[str]], markers: Sequence[str]
) -> None:
    """
    Gives markers and repeated entities of an encoder the rows that those of the same name have in the archive
    that the encoder was loaded from. Does nothing for a checkpoint that is no archive.

    # Parameters

    encoder : `LukeEncoder`
    name : `str`
        Of the checkpoint.
    entities : `Sequence[str]`, optional
        Of the encoder's table; `None` for all of the checkpoint's.
    markers : `Sequence[str]`
        Of the last rows of the word table.

    # Raises

    `ConfigurationError`
        The encoder needs all entities, and the archive has some.
    """
    archive = find_archive(name)
    if archive is None:
        return
    if entities is None and archive.entities is not None:
        raise ConfigurationError(
            f"{archive.path}: has {len(archive.entities)} rows of its checkpoint's entities, and the model "
            "needs all (entities is null); set use_entities to false, or start from what has all."
        )
    with ExitStack() as stack, torch.no_grad():
        weights = archive.weights(stack)
        prefix = archive.prefix(weights)
        word_rows = _rows(archive.markers, len(weights[prefix + WORD_TABLE]) - len(archive.markers))
        table = encoder.embeddings.word_embeddings.weight
        _copy(table, weights[prefix + WORD_TABLE], _rows(markers, len(table) - len(markers)), word_rows)
        if entities and archive.entities:
            table = encoder.entity_embeddings.entity_embeddings.weight
            _copy(table, weights[prefix + ENTITY_TABLE], _rows(entities), _rows(archive.entities))


def _rows(names: Sequence[str], first: int = 0) -> Dict[Tuple[str, int], int]:
    """The row of each name, and of its second, third... occurrence."""
    rows: Dict[Tuple[str, int], int] = {}
    seen: List[str] = []
    for row, name in enumerate(names, start=first):
        rows[name, seen.count(name)] = row
        seen.append(name)
    return rows


def _copy(
    table: Tensor, trained: Tensor, rows: Dict[Tuple[str, int], int], trained_rows: Dict[Tuple[str, int], int]
) -> None:
    for key, row in rows.items():
        if key in trained_rows:
            table[row] = trained[trained_rows[key]]
