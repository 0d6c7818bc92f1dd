from itertools import islice
from typing import Iterator, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.data.sharding import shard_evenly


class TestDeal:
    @given(number=st.integers(0, 50), world_size=st.integers(1, 9))
    def test_all_ranks_get_as_many_and_every_item_is_dealt(self, number: int, world_size: int) -> None:
        hands = [list(shard_evenly(range(number), rank, world_size)) for rank in range(world_size)]
        assert {len(hand) for hand in hands} == {-(-number // world_size)}
        assert {item for hand in hands for item in hand} == set(range(number))

    @given(number=st.integers(0, 50), world_size=st.integers(1, 9))
    def test_only_items_of_the_last_round_are_dealt_twice(self, number: int, world_size: int) -> None:
        hands = [list(shard_evenly(range(number), rank, world_size)) for rank in range(world_size)]
        full = number // world_size
        assert [item for turn in range(full) for item in [hand[turn] for hand in hands]] == list(
            range(full * world_size)
        )
        for hand in hands:
            assert all(item >= full * world_size for item in hand[full:])

    @pytest.mark.parametrize("rank, expected", [(0, [0, 3, 6]), (1, [1, 4, 6]), (2, [2, 5, 6])])
    def test_example(self, rank: int, expected: List[int]) -> None:
        assert list(shard_evenly(range(7), rank, 3)) == expected

    def test_one_process_gets_all(self) -> None:
        assert list(shard_evenly("abc", 0, 1)) == ["a", "b", "c"]

    def test_reads_no_further_than_it_must(self) -> None:
        taken: List[int] = []

        def endless() -> Iterator[int]:
            while True:
                taken.append(len(taken))
                yield taken[-1]

        assert list(islice(shard_evenly(endless(), 1, 4), 2)) == [1, 5]
        assert len(taken) == 8
