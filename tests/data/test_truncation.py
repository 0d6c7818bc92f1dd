"""What is kept of an over-long sequence."""

from typing import List, Tuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.data.windows import keep_nearest


@pytest.mark.parametrize(
    "length, spans, budget, kept",
    [
        (5, [(1, 2)], 5, [0, 1, 2, 3, 4]),
        (20, [(8, 10)], 6, [6, 7, 8, 9, 10, 11]),
        (20, [(0, 2)], 5, [0, 1, 2, 3, 4]),
        (20, [(18, 20)], 5, [15, 16, 17, 18, 19]),
        (20, [(1, 3)], 7, [0, 1, 2, 3, 4, 5, 6]),
        (20, [(0, 1), (15, 16)], 7, [0, 1, 2, 13, 14, 15, 16]),
        (20, [(3, 9), (5, 7)], 6, [3, 4, 5, 6, 7, 8]),
    ],
)
def test_examples(length: int, spans: List[Tuple[int, int]], budget: int, kept: List[int]) -> None:
    assert keep_nearest(length, spans, budget).tolist() == kept


@given(data=st.data(), length=st.integers(1, 40))
def test_spans_stay_and_nothing_nearer_is_left_out(data: st.DataObject, length: int) -> None:
    ends = st.integers(0, length - 1).flatmap(
        lambda start: st.tuples(st.just(start), st.integers(start + 1, length))
    )
    spans = data.draw(st.lists(ends, min_size=1, max_size=3))
    inside = {position for start, end in spans for position in range(start, end)}
    budget = data.draw(st.integers(len(inside), length + 5))
    kept = keep_nearest(length, spans, budget)
    assert len(kept) == min(budget, length)
    assert (np.diff(kept) > 0).all() and inside <= set(kept.tolist())

    def distance(position: int) -> int:
        return min(abs(position - other) for other in inside)

    left_out = set(range(length)) - set(kept.tolist())
    if left_out:
        assert max(map(distance, kept.tolist())) <= min(map(distance, left_out))


def test_too_long_spans() -> None:
    with pytest.raises(ValueError, match="6 positions must be kept, and 5 can be"):
        keep_nearest(20, [(0, 3), (10, 13)], 5)
