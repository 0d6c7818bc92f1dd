"""Which sequences of an optimizer step go into which micro-batch."""

from itertools import pairwise
from typing import List

import numpy as np


def pack_micro_batches(
    words: np.ndarray, entities: np.ndarray, max_tokens: int, ranks: int
) -> List[List[np.ndarray]]:
    """
    Packs the sequences of an optimizer step into micro-batches of similar lengths. All ranks get the same
    number of batches, as few as possible and of similar sizes, the largest first.

    # Parameters

    words : `np.ndarray`
        Tokens of each sequence, start and end tokens included. Shape: (sequences,)
    entities : `np.ndarray`
        Shape: (sequences,)
    max_tokens : `int`
        The limit of tokens and entities of a batch, padding included. A longer sequence is a batch of its
        own.

    # Returns

    `List[List[np.ndarray]]`
        For each rank, batches of sequence numbers. Some are empty if there are fewer sequences than batches.
    """
    order = np.lexsort((np.arange(len(words)), -entities, -words))
    lengths, counts = words[order].tolist(), entities[order].tolist()
    batches = -(-(len(_cut(lengths, counts, max_tokens)) - 1) // ranks) * ranks
    # The smallest bound that gives no more batches, by bisection.
    low, high = max(map(int.__add__, lengths, counts)) - 1, max_tokens
    ends = _cut(lengths, counts, high)
    while high - low > max(1, high // 64):
        middle = (low + high) // 2
        tried = _cut(lengths, counts, middle)
        if len(tried) - 1 <= batches:
            high, ends = middle, tried
        else:
            low = middle
    parts = [order[start:end] for start, end in pairwise(ends)]
    while len(parts) < batches:
        largest = max(range(len(parts)), key=lambda part: (len(parts[part]), -part), default=0)
        half = (len(parts[largest]) + 1) // 2
        parts[largest : largest + 1] = [parts[largest][:half], parts[largest][half:]]
    parts.sort(key=lambda part: -_size(words, entities, part))
    # Alternating, so that no rank always has the larger one.
    rounds = [parts[start : start + ranks] for start in range(0, batches, ranks)]
    return [
        [round_[rank if number % 2 == 0 else ranks - 1 - rank] for number, round_ in enumerate(rounds)]
        for rank in range(ranks)
    ]


def _cut(lengths: List[int], counts: List[int], bound: int) -> List[int]:
    """Where to cut the sorted sequences so that no part exceeds the bound: 0, ..., their number."""
    cuts, start, most = [0], 0, 0
    for number, count in enumerate(counts):
        most = max(most, count)
        if number > start and (number + 1 - start) * (lengths[start] + most) > bound:
            cuts.append(number)
            start, most = number, count
    cuts.append(len(counts))
    return cuts


def _size(words: np.ndarray, entities: np.ndarray, part: np.ndarray) -> int:
    """The words and entities of a batch, padding included."""
    return len(part) * int(words[part].max(initial=0) + entities[part].max(initial=0))
