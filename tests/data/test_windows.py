from itertools import pairwise
from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.data.windows import sliding_windows

SIZES = st.integers(0, 700)


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
