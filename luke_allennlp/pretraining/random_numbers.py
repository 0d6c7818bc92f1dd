"""Counter-based random numbers: without state, so any can be drawn at any time, in any process and order."""

from typing import Tuple, Union

import numpy as np

# Constants of Philox4x32: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.3.
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# Four arrays of this size fit a CPU's cache; larger blocks are several times slower.
_BLOCK = 1 << 14
_STREAM_BITS = 8
_INDEX_BITS = 64 - _STREAM_BITS

Counts = Union[int, np.ndarray]


def philox(counter: Tuple[Counts, Counts, Counts, Counts], key: Tuple[int, int]) -> np.ndarray:
    """
    The counter-based generator Philox4x32-10.

    # Parameters

    counter : `Tuple[Counts, Counts, Counts, Counts]`
        Four 32-bit numbers, or arrays of them, of shapes that broadcast to (numbers,).
    key : `Tuple[int, int]`
        Two 32-bit numbers.

    # Returns

    `np.ndarray`
        Four random 32-bit numbers for each counter, as `uint32`. Shape: (4, numbers)
    """
    parts = np.broadcast_arrays(*(np.atleast_1d(np.asarray(part)) for part in counter))
    result = np.empty((4, parts[0].size), dtype=np.uint32)
    for start in range(0, parts[0].size, _BLOCK):
        block = slice(start, start + _BLOCK)
        _philox_block(tuple(part[block].astype(np.uint64) for part in parts), key, result[:, block])
    return result


def _philox_block(counter: Tuple[np.ndarray, ...], key: Tuple[int, int], result: np.ndarray) -> None:
    a, b, c, d = counter
    for round_ in range(_ROUNDS):
        keys = [np.uint64((key[i] + round_ * _WEYL[i]) & 0xFFFFFFFF) for i in (0, 1)]
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        b ^= second >> _HALF
        b ^= keys[0]
        d ^= first >> _HALF
        d ^= keys[1]
        second &= _LOW
        first &= _LOW
        a, b, c, d = b, second, d, first
    for row, part in enumerate((a, b, c, d)):
        result[row] = part


class RandomNumbers:
    """
    Random numbers for the sequences of a dataset: each is a function of the seed, the epoch, the sequence,
    the position in it and the stream, a number for the purpose.

    # Parameters

    seed : `int`
        Of up to 64 bits.
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < 2**64:
            raise ValueError(f"the seed is {seed}; expected a number from 0 to 2**64 - 1")
        self._key = (seed & 0xFFFFFFFF, seed >> 32)

    def bits(self, stream: int, epoch: Counts, index: Counts, position: Counts) -> np.ndarray:
        """
        # Parameters

        stream : `int`
            Below 256.
        epoch, index, position : `Union[int, np.ndarray]`
            Below 2^32, 2^56 and 2^32. Their shapes broadcast to (numbers,).

        # Returns

        `np.ndarray`
            Four independent 32-bit numbers for each. Shape: (4, numbers)
        """
        index = np.asarray(index, dtype=np.uint64)
        high = (index >> _HALF) | np.uint64(stream << (_INDEX_BITS - 32))
        return philox((position, index & _LOW, high, epoch), self._key)

    def permutation(self, stream: int, epoch: int, index: int, size: int) -> np.ndarray:
        """A random order of the numbers from 0 to `size` - 1. Shape: (size,)"""
        # 64 bits each: with 32, among a million some would be equal, and the first of these always first.
        words = self.bits(stream, epoch, index, np.arange((size + 1) // 2)).astype(np.uint64)
        keys = np.stack((words[0] << _HALF | words[1], words[2] << _HALF | words[3]), axis=1)
        return np.argsort(keys.ravel()[:size], kind="stable")


def uniform(bits: np.ndarray) -> np.ndarray:
    """Numbers in [0, 1) out of random 32-bit ones, as `float64`."""
    return bits * 2.0**-32


def integers(bits: np.ndarray, low: int, high: int) -> np.ndarray:
    """
    Whole numbers from `low` to `high`, both inclusive, out of random 32-bit ones, as `int64`. The
    probabilities of two of them differ by at most one in 2^32 / (high - low + 1).
    """
    span = np.uint64(high - low + 1)
    return (bits.astype(np.uint64) * span >> _HALF).astype(np.int64) + low
