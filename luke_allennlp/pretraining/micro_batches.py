"""Dividing the sequences of an optimizer step among ranks and into batches that fit into memory."""

from itertools import pairwise
from typing import List

import numpy as np


def divide(words: np.ndarray, entities: np.ndarray, max_tokens: int, ranks: int) -> List[List[np.ndarray]]:
    """
    Sequences of similar lengths go into the same batch. All ranks get the same number of batches, as few as
    possible, and these are of similar sizes, the largest first. Every sequence is in one of them.

    # Parameters

    words : `np.ndarray`
        The words of each sequence, start and end tokens included. Shape: (sequences,)
    entities : `np.ndarray`
        Shape: (sequences,)
    max_tokens : `int`
        The most words and entities that a batch has, padding included. No sequence alone has more.
    ranks : `int`

    # Returns

    `List[List[np.ndarray]]`
        For each rank, batches of numbers of sequences. A batch is empty where there are fewer sequences than
        batches.
    """
    order = np.lexsort((np.arange(len(words)), -entities, -words))
    lengths, counts = words[order].tolist(), entities[order].tolist()
    batches = -(-(len(_cut(lengths, counts, max_tokens)) - 1) // ranks) * ranks
    # The smallest bound that gives no more batches: a bisection.
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
    # To and fro, so that no rank has the larger one each time.
    rounds = [parts[start : start + ranks] for start in range(0, batches, ranks)]
    return [
        [round_[rank if number % 2 == 0 else ranks - 1 - rank] for number, round_ in enumerate(rounds)]
        for rank in range(ranks)
    ]


def _cut(lengths: List[int], counts: List[int], bound: int) -> List[int]:
    """Where to cut the sorted sequences so that no part is larger than the bound: 0, ..., their number."""
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
