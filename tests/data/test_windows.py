"""What is kept of an over-long sequence, and which items each process gets."""

from itertools import islice, pairwise
from typing import Iterator, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.data.sharding import shard_evenly
from luke_allennlp.data.windows import keep_nearest, sliding_windows


class TestSlidingWindows:
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


class TestKeepNearest:
    @pytest.mark.parametrize(
        "length, spans, budget, kept",
        [
            (5, [(1, 2)], 5, [0, 1, 2, 3, 4]),
            (20, [(8, 10)], 6, [6, 7, 8, 9, 10, 11]),
            (20, [(18, 20)], 5, [15, 16, 17, 18, 19]),
            (20, [(1, 3)], 7, [0, 1, 2, 3, 4, 5, 6]),
            (20, [(0, 1), (15, 16)], 7, [0, 1, 2, 13, 14, 15, 16]),
            (20, [(3, 9), (5, 7)], 6, [3, 4, 5, 6, 7, 8]),
        ],
    )
    def test_examples(self, length: int, spans: List[Tuple[int, int]], budget: int, kept: List[int]) -> None:
        assert keep_nearest(length, spans, budget).tolist() == kept

    def test_too_long_spans(self) -> None:
        with pytest.raises(ValueError, match="6 positions must be kept, and 5 can be"):
            keep_nearest(20, [(0, 3), (10, 13)], 5)


class TestShardEvenly:
    @given(number=st.integers(0, 50), world_size=st.integers(1, 9))
    def test_all_ranks_get_as_many_and_only_the_last_round_is_repeated(
        self, number: int, world_size: int
    ) -> None:
        shards = [list(shard_evenly(range(number), rank, world_size)) for rank in range(world_size)]
        assert {len(shard) for shard in shards} == {-(-number // world_size)}
        rounds = [item for turn in zip(*shards, strict=True) for item in turn]
        assert rounds[:number] == list(range(number))
        full = number // world_size * world_size
        assert all(item >= full for item in rounds[full:])

    def test_reads_no_further_than_it_must(self) -> None:
        taken: List[int] = []

        def endless() -> Iterator[int]:
            while True:
                taken.append(len(taken))
                yield taken[-1]

        assert list(islice(shard_evenly(endless(), 1, 4), 2)) == [1, 5]
        assert len(taken) == 8
