"""The order of an epoch."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.pretraining.epoch_order import EpochOrder
from luke_allennlp.pretraining.random_numbers import RandomNumbers

SHARDS = [[7, 0, 12, 1, 5], [3, 4], [40]]


def listed(order, epoch, start, stop):
    return [
        (rows.dataset, rows.epoch, rows.shard, int(row))
        for rows in order.rows(epoch, start, stop)
        for row in rows.rows
    ]


def test_every_sequence_once():
    order = EpochOrder(SHARDS[:1], RandomNumbers(0))
    assert len(order) == 25
    expected = {(0, 1, shard, row) for shard, size in enumerate(SHARDS[0]) for row in range(size)}
    assert Counter(listed(order, 1, 0, 25)) == Counter(expected)


def test_shards_and_rows_are_shuffled_by_seed_and_epoch():
    orders = []
    for seed in range(2):
        for epoch in range(2):
            found = listed(EpochOrder([[10] * 10], RandomNumbers(seed)), epoch, 0, 100)
            # A shard is read from the first to the last row of it that is wanted, and then left.
            shards = [shard for _, _, shard, _ in found][::10]
            assert sorted(shards) == list(range(10))
            assert [shard for _, _, shard, _ in found] == list(np.repeat(shards, 10))
            orders.append(tuple(item[2:] for item in found))
            orders.append(tuple(shards))
            orders.append(tuple(row for _, _, _, row in found[:10]))
    assert len(set(orders)) == 12


@given(
    st.integers(0, 3), st.lists(st.integers(0, 72), min_size=2, max_size=5), st.sampled_from([0.0, 0.5, 1.0])
)
@settings(max_examples=60, deadline=None)
def test_any_part_is_found_at_once(epoch, cuts, exponent):
    order = EpochOrder(SHARDS, RandomNumbers(1), exponent)
    parts = Counter()
    cuts = sorted({0, *cuts, 72})
    for start, stop in zip(cuts, cuts[1:], strict=False):
        part = listed(EpochOrder(SHARDS, RandomNumbers(1), exponent), epoch, start, stop)
        assert len(part) == stop - start
        parts.update(part)
    assert parts == Counter(listed(order, epoch, 0, 72))


@pytest.mark.parametrize("exponent, quotas", [(1.0, [25, 7, 40]), (0.0, [24, 24, 24])])
def test_shares(exponent, quotas):
    assert EpochOrder(SHARDS, RandomNumbers(0), exponent).quotas == quotas


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
@settings(max_examples=25, deadline=None)
def test_datasets_are_spread_evenly(sizes, exponent):
    order = EpochOrder([[size] for size in sizes], None, exponent)
    due = sorted(
        ((2 * k + 1) * sum(sizes) / 2 / quota, dataset)
        for dataset, quota in enumerate(order.quotas)
        for k in range(quota)
    )
    assert len(due) == len(order) == sum(sizes)
    for position in range(sum(sizes)):
        (found,) = listed(order, 0, position, position + 1)
        # Equal but for the rounding of these floating-point numbers.
        assert abs(due[position][0] - next(t for t, d in due[position:] + due if d == found[0])) < 1e-6


def test_a_dataset_goes_on_where_it_stopped():
    order = EpochOrder(SHARDS, RandomNumbers(2), 0.0)
    found = [item[1:] for epoch in range(3) for item in listed(order, epoch, 0, 72) if item[0] == 2]
    assert len(found) == 72
    # 40 sequences, 72 times: all of them, then 32 of them in another order.
    first, second = found[:40], found[40:]
    assert len(set(first)) == 40 and {epoch for epoch, _, _ in first} == {0}
    assert len(set(second)) == 32 and {epoch for epoch, _, _ in second} == {1}
    assert [row for _, _, row in first][:32] != [row for _, _, row in second]
