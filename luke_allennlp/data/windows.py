"""How much of the text around a piece goes along with it."""

from typing import Iterator, Tuple


def context_window(left: int, length: int, right: int, budget: int) -> Tuple[int, int]:
    """
    How many sub-words of context a piece of text takes from each side: half of what the budget leaves from
    the shorter side, or all it has, and the rest from the other. (The original system's rule for NER.)

    # Parameters

    left, right : `int`
        Sub-words before and after the piece.
    length : `int`
        Sub-words of the piece.
    budget : `int`
        How many there may be in all.

    # Returns

    `Tuple[int, int]`
        Sub-words taken from the left and from the right.
    """
    free = max(budget - length, 0)
    half = free // 2
    if left < right:
        from_left = min(left, half)
        return from_left, min(right, free - from_left)
    from_right = min(right, half)
    return min(left, free - from_right), from_right


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
