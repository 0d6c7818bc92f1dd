"""The entity table that an export writes, and whose rows they are."""

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

from luke_allennlp.checkpoints.names import ENTITY_TABLE
from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD, UNK, EntityVocabulary
from luke_allennlp.exchange.forms import ENTITY_VOCABULARY
from luke_allennlp.token_embedders import LukeEmbedder

SPECIALS = (PAD, UNK, MASK, MASK2)


class ExportedEntities(NamedTuple):
    """
    # Parameters

    table : `Tensor`
        Shape: (entities, entity size).
    vocabulary : `EntityVocabulary`
        Whose rows they are.
    is_whole : `bool`
        Whether these are all rows that the archive's source has.
    copied : `Optional[int]`
        The row that stands once more at the table's end, as `[MASK2]`.
    notes : `List[str]`
    """

    table: Tensor
    vocabulary: EntityVocabulary
    is_whole: bool
    copied: Optional[int]
    notes: List[str]


def exported_entities(
    embedder: LukeEmbedder, source: Path, left_out: Dict[str, Tensor], lite: bool
) -> ExportedEntities:
    """
    # Parameters

    embedder : `LukeEmbedder`
    source : `Path`
        Where the archive has what an import kept along, if it has that.
    left_out : `Dict[str, Tensor]`
        Of that, what the embedder has no place for.
    lite : `bool`
        Whether only the special rows are wanted.

    # Returns

    `ExportedEntities`

    # Raises

    `ConfigurationError`
        The vocabulary and the rows do not fit each other, or there is no `[PAD]` or `[MASK]`.
    """
    kept = embedder.luke.entity_embeddings.entity_embeddings.weight.detach().clone()
    rows: Dict[str, Tensor] = {}
    whole: Optional[Tensor] = None
    if embedder.entities is None:
        vocabulary = embedder.entity_vocabulary()
        whole = kept
    else:
        for title, row in zip(embedder.entities, kept, strict=True):
            # The second of two copies of [MASK], as relation classification has them.
            rows[MASK2 if title in rows and title == MASK else title] = row
        if (source / ENTITY_VOCABULARY).is_file():
            vocabulary = EntityVocabulary.from_file(source / ENTITY_VOCABULARY)
            whole = left_out[ENTITY_TABLE].to(kept.dtype, copy=True)
    if whole is not None:
        _check_ids(vocabulary, [*SPECIALS, *rows], len(whole))
        for title, row in rows.items():
            if title in vocabulary:
                whole[vocabulary[title]] = row
            elif title != MASK2:
                raise ConfigurationError(
                    f"the source's vocabulary has no {title!r}, of which there is a row."
                )
        rows = {**{title: whole[vocabulary[title]] for title in SPECIALS if title in vocabulary}, **rows}
    for title in (PAD, MASK):
        if title not in rows:
            raise ConfigurationError(f"there is no {title}, which Hugging Face's LUKE needs.")
    if whole is not None and not lite:
        if MASK2 in vocabulary:
            return ExportedEntities(whole, vocabulary, True, None, [])
        ids = {title: vocabulary[title] for title in vocabulary}
        ids[MASK2] = len(whole)
        note = (
            f"{MASK2}, which Hugging Face's tokenizer asks for and the entity vocabulary lacked, is appended "
            f"to it as {ids[MASK2]}."
        )
        table = torch.cat([whole, rows.get(MASK2, rows[MASK])[None]])
        return ExportedEntities(table, EntityVocabulary(ids), True, vocabulary[MASK], [note])
    notes = []
    if whole is None and not lite:
        notes.append(f"Of the entity table only {len(rows)} rows are in the archive: {', '.join(rows)}.")
    if UNK not in rows:
        notes.append(f"{UNK} is not in the archive: its row is zeros.")
    if MASK2 not in rows:
        notes.append(f"{MASK2} is not in the archive: its row, appended, is that of {MASK}.")
    # Hugging Face's tokenizer asks for all four.
    defaults = {MASK2: rows[MASK], UNK: torch.zeros_like(rows[MASK])}
    titles = [*SPECIALS, *(title for title in rows if title not in SPECIALS)]
    table = torch.stack([rows[title] if title in rows else defaults[title] for title in titles])
    ids = {title: index for index, title in enumerate(titles)}
    return ExportedEntities(table, EntityVocabulary(ids), False, None, notes)


def _check_ids(vocabulary: EntityVocabulary, titles: List[str], size: int) -> None:
    ids = [vocabulary[title] for title in titles if title in vocabulary]
    wrong = [index for index in (*ids, vocabulary.table_size - 1) if not 0 <= index < size]
    if wrong:
        raise ConfigurationError(f"the vocabulary has the id {wrong[0]}, and the table {size} rows.")
