"""Random numbers that are a function of what they are for."""

import numpy as np
import pytest

from luke_allennlp.pretraining.random_numbers import RandomNumbers, integers, philox, uniform

ALL_ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    "counter, key, expected",
    [
        # The vectors that the method's authors publish with their implementation, Random123 (kat_vectors).
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((ALL_ONES,) * 4, (ALL_ONES,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_known_answers(counter, key, expected):
    assert " ".join(f"{word:08x}" for word in philox(counter, key)[:, 0]) == expected


def test_blocks_do_not_matter():
    counters = np.arange(50_000)
    together = philox((counters, 1, 2, 3), (4, 5))
    for number in (0, 16383, 16384, 49_999):
        np.testing.assert_array_equal(together[:, [number]], philox((number, 1, 2, 3), (4, 5)))


def test_every_argument_counts():
    random, other = RandomNumbers(7), RandomNumbers(7 + 2**32)
    given = (3, 1, 5, 2)
    drawn = {random.bits(*given).tobytes(), other.bits(*given).tobytes()}
    for place in range(4):
        changed = list(given)
        changed[place] += 1
        drawn.add(random.bits(*changed).tobytes())
    drawn.add(random.bits(3, 1, 5 + 2**40, 2).tobytes())
    assert len(drawn) == 7
    np.testing.assert_array_equal(random.bits(*given), RandomNumbers(7).bits(*given))


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_has_64_bits(seed):
    with pytest.raises(ValueError, match="seed"):
        RandomNumbers(seed)


def test_uniform_numbers():
    numbers = uniform(RandomNumbers(0).bits(0, 0, np.arange(100_000), 0)).ravel()
    assert 0 <= numbers.min() and numbers.max() < 1
    error = (1 / 12 / len(numbers)) ** 0.5
    assert abs(numbers.mean() - 0.5) < 3 * error
    # The four numbers of a draw do not follow from each other.
    rows = numbers.reshape(4, -1)
    assert np.abs(np.corrcoef(rows) - np.eye(4)).max() < 4 / 100_000**0.5


def test_integers_reach_both_ends_evenly():
    drawn = integers(RandomNumbers(1).bits(0, 0, np.arange(20_000), 0)[0], 5, 9)
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [5, 6, 7, 8, 9]
    assert np.abs(counts - 4000).max() < 4 * (20_000 * 0.2 * 0.8) ** 0.5
    assert integers(np.array([0, ALL_ONES], dtype=np.uint32), 5, 9).tolist() == [5, 9]


def test_permutations():
    random = RandomNumbers(3)
    orders = [random.permutation(0, epoch, index, 1001) for epoch in range(2) for index in range(2)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(1001))
    assert len({order.tobytes() for order in orders}) == 4
    np.testing.assert_array_equal(orders[3], RandomNumbers(3).permutation(0, 1, 1, 1001))
    assert random.permutation(0, 0, 0, 0).tolist() == []
    assert random.permutation(0, 0, 0, 1).tolist() == [0]
