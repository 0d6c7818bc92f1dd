"""The order of the sequences in an epoch."""

from fractions import Fraction
from functools import lru_cache
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from luke_allennlp.pretraining.random_numbers import RandomNumbers

# What random numbers are for, beyond those of masking.
SHARD_ORDER, ROW_ORDER = 16, 17


class ShardRows(NamedTuple):
    """
    Sequences of a shard.

    # Parameters

    rows : `np.ndarray`
        Shape: (rows,)
    epoch : `int`
        How often the dataset was read completely before.
    """

    dataset: int
    shard: int
    rows: np.ndarray
    epoch: int


class EpochOrder:
    """
    The order of the sequences in an epoch: shards in a random order, and the sequences of each in a random
    order; they were shuffled across shards when the dataset was built. Any part of an epoch is computed
    without what comes before it, and is the same in all processes.

    Each of several datasets has its share of an epoch, evenly spread. Its sequences continue from epoch to
    epoch, so that none is repeated before all were used.

    # Parameters

    shards : `Sequence[Sequence[int]]`
        The numbers of sequences in the shards of each dataset, none of which is empty.
    random : `RandomNumbers`, optional (default = `None`)
        If `None`, sequences keep their order.
    exponent : `float`, optional (default = `1.0`)
        A dataset's share is proportional to its size to this power.
    """

    def __init__(
        self, shards: Sequence[Sequence[int]], random: Optional[RandomNumbers] = None, exponent: float = 1.0
    ) -> None:
        self._shards = [np.asarray(sizes, dtype=np.int64) for sizes in shards]
        self._sizes = [int(sizes.sum()) for sizes in self._shards]
        self._random = random
        self._total = sum(self._sizes)
        # The number of sequences of each dataset in an epoch.
        self.quotas = self._compute_quotas(exponent)

    def __len__(self) -> int:
        return self._total

    def _compute_quotas(self, exponent: float) -> List[int]:
        weights = [size**exponent for size in self._sizes]
        shares = [self._total * weight / sum(weights) for weight in weights]
        quotas = [int(share) for share in shares]
        # The remainder goes to those that rounding took most from.
        by_loss = sorted(range(len(shares)), key=lambda d: (quotas[d] - shares[d], d))
        for dataset in by_loss[: self._total - sum(quotas)]:
            quotas[dataset] += 1
        return quotas

    def rows(self, epoch: int, start: int, stop: int) -> List[ShardRows]:
        """The sequences from position `start` of an epoch to `stop`, exclusive."""
        found: List[ShardRows] = []
        for dataset, (first, last) in enumerate(zip(self._given(start), self._given(stop), strict=True)):
            shift = epoch * self.quotas[dataset]
            found.extend(self._rows_of(dataset, shift + first, shift + last))
        return found

    def _given(self, position: int) -> List[int]:
        """
        How many sequences of each dataset come before this position. The k-th of n in an epoch of N is due at
        (k - 1/2) N / n; ties are resolved in the order of the datasets.
        """
        if len(self.quotas) == 1:
            return [position]
        # All that are due this early come before `position`, and few others do.
        early = max(0, position - len(self.quotas))
        half = Fraction(1, 2)
        given = [int(Fraction(early * quota, self._total) + half) for quota in self.quotas]
        while sum(given) < position:
            given[self._next(given)] += 1
        return given

    def _next(self, given: List[int]) -> int:
        return min(
            (dataset for dataset, quota in enumerate(self.quotas) if given[dataset] < quota),
            key=lambda dataset: (self._due(dataset, given[dataset] + 1), dataset),
        )

    def _due(self, dataset: int, number: int) -> Fraction:
        return Fraction((2 * number - 1) * self._total, 2 * self.quotas[dataset])

    def _rows_of(self, dataset: int, start: int, stop: int) -> List[ShardRows]:
        """From a dataset's epochs, one after the other."""
        size, found = self._sizes[dataset], []
        while start < stop:
            epoch, first = divmod(start, size)
            last = min(size, first + stop - start)
            order = self._shard_order(dataset, epoch)
            ends = np.cumsum(self._shards[dataset][order])
            for place in range(int(np.searchsorted(ends, first, side="right")), len(order)):
                shard = int(order[place])
                before = int(ends[place]) - int(self._shards[dataset][shard])
                if before >= last:
                    break
                rows = self._row_order(dataset, epoch, shard)[max(0, first - before) : last - before]
                if len(rows):
                    found.append(ShardRows(dataset, shard, rows, epoch))
            start += last - first
        return found

    def _shard_order(self, dataset: int, epoch: int) -> np.ndarray:
        return _order(self._random, SHARD_ORDER, epoch, dataset, len(self._shards[dataset]))

    def _row_order(self, dataset: int, epoch: int, shard: int) -> np.ndarray:
        # Shards and datasets are far fewer than 2^28.
        number = dataset << 28 | shard
        return _order(self._random, ROW_ORDER, epoch, number, int(self._shards[dataset][shard]))


# A step of many datasets needs two or three orders of each.
@lru_cache(maxsize=128)
def _order(random: Optional[RandomNumbers], stream: int, epoch: int, index: int, size: int) -> np.ndarray:
    return np.arange(size) if random is None else random.permutation(stream, epoch, index, size)
