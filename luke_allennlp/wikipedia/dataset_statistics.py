"""Statistics of a dataset for pretraining."""

from pathlib import Path
from typing import List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from luke_allennlp.entity_vocabulary import EntityVocabulary, full_name
from luke_allennlp.pretraining.arrow_files import open_record_batch
from luke_allennlp.pretraining.dataset import ShardInfo

_MOST_FREQUENT = 10


class SplitStatistics(NamedTuple):
    """
    How many sequences have 0, 1, 2 .. tokens, and entities; how many mentions have 0, 1, 2 .. tokens;
    and how often each row of the entity table occurs.
    """

    words: np.ndarray
    entities: np.ndarray
    mention_lengths: np.ndarray
    occurrences: np.ndarray

    @property
    def sequences(self) -> int:
        """How many there are."""
        return int(self.entities.sum())


class DatasetStatistics(NamedTuple):
    """
    The statistics of each split; how many entities of the vocabulary, special ones aside, occur in the split
    "train"; and those that occur most often there, with how often.
    """

    splits: Mapping[str, SplitStatistics]
    covered: int
    most_frequent: List[Tuple[str, int]]


def dataset_statistics(
    directory: Path, splits: Mapping[str, Sequence[ShardInfo]], vocabulary: EntityVocabulary
) -> DatasetStatistics:
    """Reads all shards; the first split is "train". Memory is that of the entity table's counts."""
    found = {split: _split(directory, shards, vocabulary.table_size) for split, shards in splits.items()}
    occurrences = next(iter(found.values())).occurrences.copy()
    occurrences[list(vocabulary.specials.values())] = 0
    # The smaller id first among equals.
    first = np.lexsort((np.arange(len(occurrences)), -occurrences))[:_MOST_FREQUENT]
    return DatasetStatistics(
        found,
        int((occurrences > 0).sum()),
        [
            (full_name(*vocabulary.titles(number)[0]), int(occurrences[number]))
            for number in first.tolist()
            if occurrences[number]
        ],
    )


def _split(directory: Path, shards: Sequence[ShardInfo], table_size: int) -> SplitStatistics:
    words = np.zeros(max((shard.longest for shard in shards), default=0) + 1, dtype=np.int64)
    entities = np.zeros(max((shard.most_entities for shard in shards), default=0) + 1, dtype=np.int64)
    mention_lengths = np.zeros(len(words) + 1, dtype=np.int64)
    occurrences = np.zeros(table_size, dtype=np.int64)
    for shard in shards:
        sequences, _ = open_record_batch(directory / shard.file)
        words += np.bincount(sequences.word_counts, minlength=len(words))
        entities += np.bincount(sequences.entity_counts, minlength=len(entities))
        lengths = sequences.entity_ends.astype(np.int64) - sequences.entity_starts + 1
        mention_lengths += np.bincount(lengths, minlength=len(mention_lengths))
        occurrences += np.bincount(sequences.entity_ids, minlength=table_size)
    return SplitStatistics(words, entities, mention_lengths, occurrences)


def mean(histogram: np.ndarray) -> float:
    """The mean of a histogram: how often 0, 1, 2 .. occur."""
    return float(np.arange(len(histogram)) @ histogram) / max(1, int(histogram.sum()))


def quantile(histogram: np.ndarray, share: float) -> int:
    """The least number of a histogram that at least this share of all is not above."""
    cumulative = np.cumsum(histogram)
    return int(np.searchsorted(cumulative, max(1, np.ceil(share * cumulative[-1]))))
