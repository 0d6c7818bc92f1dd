import bz2
import io
import random
from typing import Iterator, List, Optional, Tuple, Union

import pytest

from luke_allennlp.wikipedia import bzip2_blocks
from luke_allennlp.wikipedia.bzip2_blocks import DamagedBlock, read_blocks

Block = Union[bytes, DamagedBlock, None]


@pytest.fixture(scope="module")
def text() -> bytes:
    # At level 1 a block has 100,000 bytes.
    return random.Random(5).randbytes(350_000)


@pytest.fixture(scope="module", params=["one stream", "streams"])
def data(request: pytest.FixtureRequest, text: bytes) -> bytes:
    if request.param == "one stream":
        return bz2.compress(text, 1)
    # Of less than a block, of several, and of none.
    ends = [0, 10, 150_000, 150_000, 320_000, len(text)]
    return b"".join(bz2.compress(text[a:b], 1) for a, b in zip(ends, ends[1:], strict=False))


def read(data: bytes, start: int = 0, end: Optional[int] = None) -> List[Block]:
    return list(read_blocks(io.BytesIO(data), start, len(data) if end is None else end))


def in_ranges(data: bytes, size: int) -> List[Block]:
    """What is in each range of the file, as separate processes read them."""
    ranges = [read(data, start, start + size) for start in range(0, len(data), size)]
    return [block for blocks in ranges for block in blocks[: blocks.index(None)]]


@pytest.mark.parametrize("size", [77_777, 130_000, 1_000_000])
def test_every_block_is_in_one_range(data: bytes, text: bytes, size: int) -> None:
    blocks = read(data)
    assert in_ranges(data, size) == blocks[:-1] and blocks[-1] is None
    assert b"".join(block for block in blocks if isinstance(block, bytes)) == text


def test_damaged_block_is_lost_alone(text: bytes) -> None:
    data = bytearray(bz2.compress(text, 1))
    blocks = read(bytes(data))[:-1]
    magics = [magic.bit // 8 for magic in bzip2_blocks._find_magics(io.BytesIO(data), 0)]
    place = (magics[2] + magics[3]) // 2
    data[place] ^= 0x10
    damaged = [*blocks[:2], DamagedBlock(magics[2], magics[3] - magics[2]), *blocks[3:]]
    assert read(bytes(data))[:-1] == in_ranges(bytes(data), 40_000) == damaged
    # A magic number costs the blocks on both sides.
    data[place] ^= 0x10
    data[magics[2] + 2] ^= 0x10
    damaged = [blocks[0], DamagedBlock(magics[1], magics[3] - magics[1]), *blocks[3:]]
    assert read(bytes(data))[:-1] == damaged


def test_block_that_is_cut_off(text: bytes) -> None:
    data = bz2.compress(text, 1)
    blocks = read(data)[:-1]
    assert read(data[:-4]) == [*blocks, None]
    assert read(data[:-20]) == [*blocks[:-1], None]
    assert read(data[:4]) == [None]


@pytest.mark.parametrize("is_block", [True, False])
def test_magic_number_by_chance(monkeypatch: pytest.MonkeyPatch, text: bytes, is_block: bool) -> None:
    """Such a file cannot be made, so the search is made to find them in the middle of a block."""
    data = bz2.compress(text, 1)
    blocks = read(data)[:-1]
    find = bzip2_blocks._find_magics
    true = [magic.bit for magic in find(io.BytesIO(data), 0)]
    false = [(true[1] + true[2]) // 2, (true[1] + 3 * true[2]) // 4, (true[2] + true[3]) // 2 + 5]

    def find_more(file: io.BytesIO, start: int, end: Optional[int] = None) -> Iterator[Tuple[int, bool]]:
        chance = [
            bzip2_blocks._Magic(bit, is_block)
            for bit in false
            if bit // 8 >= start and (end is None or bit // 8 < end)
        ]
        return iter(sorted([*find(file, start, end), *chance]))

    monkeypatch.setattr(bzip2_blocks, "_find_magics", find_more)
    assert read(data)[:-1] == blocks
    # Also where a range begins within the block.
    for size in (55_000, false[0] // 8):
        assert in_ranges(data, size) == blocks
