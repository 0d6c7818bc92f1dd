"""The entity table that an export writes, and whose rows they are."""

from pathlib import Path
from typing import Dict, List, NamedTuple

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

from luke_allennlp.checkpoints.names import ENTITY_TABLE
from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD, UNK, EntityVocabulary
from luke_allennlp.exchange.forms import ENTITY_VOCABULARY
from luke_allennlp.token_embedders import LukeEmbedder

SPECIALS = (PAD, UNK, MASK, MASK2)
_NONE = -1


class ExportedEntities(NamedTuple):
    """The entity table of an export, of shape (entities, entity size), and what belongs to it."""

    table: Tensor
    vocabulary: EntityVocabulary
    is_whole: bool  # whether these are all rows of the archive's source
    source_size: int  # rows of the source; 0 if the archive has just some of them
    rows: List[int]  # the row of the source that each row is, or is a copy of; -1 if it is zeros
    notes: List[str]  # what the card must say of them

    def select(self, tensor: Tensor) -> Tensor:
        """Of a tensor with a row per entity of the source, the rows that are written."""
        return _select(tensor, self.rows)


def exported_entities(
    embedder: LukeEmbedder, source: Path, left_out: Dict[str, Tensor], lite: bool
) -> ExportedEntities:
    """
    `source` has what an import kept for an export, if there was one, and `left_out` its tensors; `lite` is
    for the special rows only.

    # Raises

    `ConfigurationError`
        The vocabulary and the rows do not match, or there is no `[PAD]` or `[MASK]`.
    """
    table = embedder.luke.entity_embeddings.entity_embeddings.weight.detach().clone()
    trained: Dict[str, Tensor] = {}
    vocabulary = None
    if embedder.entities is None:
        vocabulary = embedder.entity_vocabulary()
    else:
        for title, row in zip(embedder.entities, table, strict=True):
            # The second of two copies of [MASK], as in relation classification.
            trained[MASK2 if title in trained and title == MASK else title] = row
        if (source / ENTITY_VOCABULARY).is_file():
            vocabulary = EntityVocabulary.from_file(source / ENTITY_VOCABULARY)
        table = left_out[ENTITY_TABLE].to(table.dtype, copy=True) if vocabulary else table[:0]
    size = len(table)
    ids: Dict[str, int] = {}
    if vocabulary is not None:
        ids = {title: vocabulary[title] for title in (*SPECIALS, *trained) if title in vocabulary}
        for index in (*ids.values(), vocabulary.table_size - 1):
            if not 0 <= index < size:
                raise ConfigurationError(f"the vocabulary has the id {index}, and the table {size} rows.")
    for title, row in trained.items():
        if title in ids:
            table[ids[title]] = row
        elif vocabulary is not None and title != MASK2:
            raise ConfigurationError(f"the source's vocabulary has no {title!r}, of which there is a row.")
        else:
            ids[title] = len(table)
            table = torch.cat([table, row[None]])
    for title in (PAD, MASK):
        if title not in ids:
            raise ConfigurationError(f"there is no {title}, which Hugging Face's LUKE needs.")
    # Hugging Face's tokenizer asks for all four of them.
    defaults = {MASK2: ids[MASK], UNK: _NONE}
    notes: List[str] = []
    if vocabulary is not None and not lite:
        rows = list(range(size))
        written = vocabulary
        if MASK2 not in vocabulary:
            written = EntityVocabulary({**{title: vocabulary[title] for title in vocabulary}, MASK2: size})
            rows.append(ids.get(MASK2, ids[MASK]))
            notes.append(
                f"{MASK2}, which Hugging Face's tokenizer asks for and the entity vocabulary lacked, is "
                f"appended to it as {size}."
            )
    else:
        titles = [*SPECIALS, *(title for title in ids if title not in SPECIALS)]
        rows = [ids.get(title, defaults.get(title, _NONE)) for title in titles]
        written = EntityVocabulary({title: index for index, title in enumerate(titles)})
        if not lite:
            notes.append(f"Of the entity table only {len(ids)} rows are in the archive: {', '.join(ids)}.")
        if UNK not in ids:
            notes.append(f"{UNK} is not in the archive: its row is zeros.")
        if MASK2 not in ids:
            notes.append(f"{MASK2} is not in the archive: its row, appended, is that of {MASK}.")
    # A row that was appended here is one of [MASK]'s elsewhere.
    origins = [ids[MASK] if row >= size else row for row in rows] if vocabulary is not None else []
    is_whole = vocabulary is not None and not lite
    return ExportedEntities(_select(table, rows), written, is_whole, size, origins, notes)


def _select(tensor: Tensor, rows: List[int]) -> Tensor:
    if rows == list(range(len(tensor))):
        return tensor
    return torch.cat([tensor, torch.zeros_like(tensor[:1])])[rows]
