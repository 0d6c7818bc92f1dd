"""Vocabularies named by where they are, and whether two of them have the same entities."""

from itertools import islice, zip_longest
from pathlib import Path
from typing import Iterator, Optional, Set, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.names import MASK2, full_name
from luke_allennlp.entity_vocabulary.vocabulary import SUFFIXES, EntityVocabulary

_SHOWN = 3
_Names = Tuple[int, Set[str]]


def read_entity_vocabulary(path: str) -> EntityVocabulary:
    """Reads a file, or that of a directory: a dataset for pretraining or a checkpoint, also by its hub id."""
    if Path(path).expanduser().is_file() and Path(path).suffix in SUFFIXES:
        return EntityVocabulary.from_file(path)
    return EntityVocabulary.from_checkpoint(path)


def check_same_entities(wanted: EntityVocabulary, found: EntityVocabulary) -> None:
    """
    Raises a `ConfigurationError` that names the first titles or ids that differ between the vocabulary of
    data and that of a checkpoint. Counts do not matter, and neither does a `[MASK2]` that only the second
    has: an export appends it.
    """
    # Id by id, as they come: multilingual vocabularies have millions of titles.
    pairs = zip_longest(_names(wanted, MASK2 in wanted), _names(found, MASK2 in wanted))
    differing = list(islice((pair for pair in pairs if pair[0] != pair[1]), _SHOWN))
    if differing:
        listed = "; ".join(f"{_described(one)} and {_described(other)}" for one, other in differing)
        raise ConfigurationError(
            f"{wanted.source} and {found.source} differ, first in {listed}. The data and the checkpoint must "
            "have the same entities: build the data with the checkpoint's vocabulary, or give a checkpoint "
            "that was trained with the data's."
        )


def _names(vocabulary: EntityVocabulary, with_mask2: bool) -> Iterator[_Names]:
    for index, titles, _ in vocabulary.entries():
        names = {full_name(title, language) for title, language in titles}
        if names != {MASK2} or with_mask2:
            yield index, names


def _described(entry: Optional[_Names]) -> str:
    if entry is None:
        return "none"
    return f"{', '.join(shown(name) for name in sorted(entry[1])[:_SHOWN])} ({entry[0]})"
