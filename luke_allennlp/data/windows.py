"""Which parts of an over-long sequence are kept: sliding windows, or the surroundings of spans."""

from typing import Iterator, Sequence, Tuple

import numpy as np


def sliding_windows(length: int, size: int, stride: int) -> Iterator[Tuple[int, int]]:
    """
    Overlapping windows of at most `size` tokens over a text: each starts `stride` tokens after the one
    before, and the last one ends with the text. Yields the first token of each and the one after its last; an
    empty text has one empty window.
    """
    if size < 1 or stride < 1:
        raise ValueError(f"windows of {size} tokens every {stride} tokens; expected both to be positive")
    start = 0
    while True:
        end = min(start + size, length)
        yield start, end
        if end == length:
            return
        start += min(stride, end - start)


def keep_nearest(length: int, spans: Sequence[Tuple[int, int]], budget: int) -> np.ndarray:
    """
    Truncates a sequence of this length to the given spans, ends exclusive, and the positions nearest to any
    of them, from both sides alike. A `ValueError` is raised if the spans alone exceed the budget.

    Returns the kept positions, ascending. Shape: (at most budget,).
    """
    positions = np.arange(length)
    if length <= budget:
        return positions
    distances = np.full(length, length)
    for start, end in spans:
        distances = np.minimum(distances, np.maximum(np.maximum(start - positions, positions - end + 1), 0))
    if (distances == 0).sum() > budget:
        raise ValueError(f"{(distances == 0).sum()} positions must be kept, and {budget} can be")
    return np.sort(np.argsort(distances, kind="stable")[:budget])
