"""Which part of an over-long sequence is kept: what stands nearest to the mentions."""

from typing import Sequence, Tuple

import numpy as np


def keep_nearest(length: int, spans: Sequence[Tuple[int, int]], budget: int) -> np.ndarray:
    """
    All of the given spans, and of the rest what is nearest to any of them: from both sides alike, or more
    from the one where the other has no more.

    # Parameters

    length : `int`
        Of the sequence.
    spans : `Sequence[Tuple[int, int]]`
        First position and the one after the last.
    budget : `int`
        How many positions are kept at the most.

    # Returns

    `np.ndarray`
        The positions that are kept, ascending. Shape: (at most budget,).

    # Raises

    `ValueError`
        The spans alone are longer than the budget.
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
