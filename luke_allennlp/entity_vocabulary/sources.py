"""Vocabularies that are named by where they are, and whether two of them are of the same entities."""

from itertools import islice, zip_longest
from pathlib import Path
from typing import Iterator, Optional, Set, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.names import MASK2, full_name
from luke_allennlp.entity_vocabulary.vocabulary import EntityVocabulary

_SHOWN = 3
_Entry = Tuple[int, Set[str]]


def read_entity_vocabulary(path: str) -> EntityVocabulary:
    """
    # Parameters

    path : `str`
        A file, or a directory that has one: a dataset for pretraining or a checkpoint, also by its hub id.

    # Raises

    `ConfigurationError`
        There is none, or it is damaged.
    """
    if Path(path).expanduser().is_file() and Path(path).suffix in (".json", ".jsonl", ".tsv"):
        return EntityVocabulary.from_file(path)
    return EntityVocabulary.from_checkpoint(path)


def check_same_entities(wanted: EntityVocabulary, found: EntityVocabulary) -> None:
    """
    Counts do not matter, and neither does a `[MASK2]` that only the second has: an export appends it.

    # Parameters

    wanted : `EntityVocabulary`
        Of the data.
    found : `EntityVocabulary`
        Of a checkpoint.

    # Raises

    `ConfigurationError`
        Titles or ids differ; the message names the first ones.
    """
    # Id by id, as they come: multilingual vocabularies have millions of titles.
    pairs = zip_longest(_entries(wanted, MASK2 in wanted), _entries(found, MASK2 in wanted))
    differing = list(islice((pair for pair in pairs if pair[0] != pair[1]), _SHOWN))
    if differing:
        listed = "; ".join(f"{_described(one)} and {_described(other)}" for one, other in differing)
        raise ConfigurationError(
            f"{wanted.source} and {found.source} differ, first in {listed}. The data and the checkpoint must "
            "have the same entities: build the data with the checkpoint's vocabulary, or give a checkpoint "
            "that was trained with the data's."
        )


def _entries(vocabulary: EntityVocabulary, with_mask2: bool) -> Iterator[_Entry]:
    for index, titles, _ in vocabulary.entries():
        names = {full_name(title, language) for title, language in titles}
        if names != {MASK2} or with_mask2:
            yield index, names


def _described(entry: Optional[_Entry]) -> str:
    if entry is None:
        return "none"
    return f"{', '.join(shown(name) for name in sorted(entry[1])[:_SHOWN])} ({entry[0]})"
