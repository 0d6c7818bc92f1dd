from itertools import pairwise
from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.data.windows import context_window, sliding_windows

SIZES = st.integers(0, 700)


class TestContextWindow:
    @pytest.mark.parametrize(
        "left, length, right, expected",
        [
            (0, 10, 0, (0, 0)),
            (100, 10, 100, (100, 100)),
            (1000, 10, 1000, (250, 250)),
            (1000, 11, 1000, (250, 249)),  # the right side is not longer: it gets the smaller half
            (999, 11, 1000, (249, 250)),
            (20, 10, 1000, (20, 480)),
            (1000, 10, 20, (480, 20)),
            (1000, 510, 1000, (0, 0)),
            (1000, 600, 1000, (0, 0)),
            (5, 509, 5, (1, 0)),
            (4, 509, 5, (0, 1)),
        ],
    )
    def test_examples(self, left: int, length: int, right: int, expected: tuple) -> None:
        assert context_window(left, length, right, 510) == expected

    @given(left=SIZES, length=SIZES, right=SIZES, budget=SIZES)
    def test_takes_as_much_as_there_is_and_fits(
        self, left: int, length: int, right: int, budget: int
    ) -> None:
        from_left, from_right = context_window(left, length, right, budget)
        free = max(budget - length, 0)
        assert 0 <= from_left <= left and 0 <= from_right <= right
        assert from_left + from_right == min(left + right, free)

    @given(left=SIZES, length=SIZES, right=SIZES, budget=SIZES)
    def test_favours_no_side(self, left: int, length: int, right: int, budget: int) -> None:
        from_left, from_right = context_window(left, length, right, budget)
        # Who got less than the other had no more to give, but for the odd one.
        if from_left < from_right - 1:
            assert from_left == left
        if from_right < from_left - 1:
            assert from_right == right


class TestSlidingWindows:
    @pytest.mark.parametrize(
        "length, size, stride, expected",
        [
            (0, 10, 4, [(0, 0)]),
            (10, 10, 4, [(0, 10)]),
            (11, 10, 4, [(0, 10), (4, 11)]),
            (14, 10, 4, [(0, 10), (4, 14)]),
            (15, 10, 4, [(0, 10), (4, 14), (8, 15)]),
            (7, 3, 5, [(0, 3), (3, 6), (6, 7)]),  # no gaps where the stride is the longer one
        ],
    )
    def test_examples(self, length: int, size: int, stride: int, expected: List[Tuple[int, int]]) -> None:
        assert list(sliding_windows(length, size, stride)) == expected

    @given(length=st.integers(0, 300), size=st.integers(1, 60), stride=st.integers(1, 60))
    def test_covers_the_text(self, length: int, size: int, stride: int) -> None:
        windows = list(sliding_windows(length, size, stride))
        assert windows[0][0] == 0 and windows[-1][1] == length
        assert all(0 <= end - start <= size for start, end in windows)
        assert all(end - start == size and end < length for start, end in windows[:-1])
        for (before, end), (start, _) in pairwise(windows):
            assert start - before == min(stride, size) and start <= end

    @pytest.mark.parametrize("size, stride", [(0, 1), (1, 0), (-3, 1)])
    def test_impossible(self, size: int, stride: int) -> None:
        with pytest.raises(ValueError, match="expected both to be positive"):
            list(sliding_windows(5, size, stride))
