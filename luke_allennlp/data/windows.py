"""Overlapping windows over a long text."""

from typing import Iterator, Tuple


def sliding_windows(length: int, size: int, stride: int) -> Iterator[Tuple[int, int]]:
    """
    Overlapping windows over a long text: each begins `stride` after the one before, and the last one ends
    with the text.

    # Parameters

    length : `int`
        Sub-words of the text; an empty one has one empty window.
    size : `int`
        Sub-words of a window at the most.
    stride : `int`

    # Returns

    `Iterator[Tuple[int, int]]`
        First sub-word of each window and the one after its last.

    # Raises

    `ValueError`
        `size` or `stride` is not positive.
    """
    if size < 1 or stride < 1:
        raise ValueError(f"windows of {size} every {stride} sub-words; expected both to be positive")
    start = 0
    while True:
        end = min(start + size, length)
        yield start, end
        if end == length:
            return
        start += min(stride, end - start)
