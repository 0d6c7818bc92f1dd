"""
bzip2 from any place of a file, without an index.

A bzip2 stream is a run of blocks of at most 900,000 bytes, each compressed on its own and with a checksum of
its own. Blocks begin at any bit, with a magic number of 48 bits. So what lies between two magic numbers,
shifted to a whole byte and dressed as a stream of one block, is text for the ordinary decompressor. This
makes no difference between one stream and the many of a multistream dump, and a damaged block costs that
block only.
"""

import bz2
import itertools
from collections import deque
from typing import BinaryIO, Deque, Iterator, NamedTuple, Optional, Union

_BLOCK = 0x314159265359
_END_OF_STREAM = 0x177245385090
_MAGIC_BITS = 48
_MAGIC_MASK = (1 << _MAGIC_BITS) - 1
_CHECKSUM_BITS = 32
_HEADER = b"BZh9"
_WINDOW = 1 << 20
# No compressed block is longer: the format's own bound is 1.01 times the text, and 600 bytes.
_LONGEST_BLOCK_BITS = 8 * 910_000
# 48 bits are a magic number by chance once in 35 terabytes: so many in one block are none.
_CHANCE_MAGICS = 3


class DamagedBlock(NamedTuple):
    """
    A block that cannot be decompressed: the byte of the file where it begins, and the bytes up to where
    reading continues.
    """

    offset: int
    size: int


class _Magic(NamedTuple):
    bit: int
    is_block: bool


# Of each magic number at each bit of a byte: the five bytes that are all its own, and what to check.
_PATTERNS = [
    ((magic << (8 - shift)).to_bytes(7, "big")[1:6], shift, magic)
    for magic in (_BLOCK, _END_OF_STREAM)
    for shift in range(8)
]


def read_blocks(file: BinaryIO, start: int, end: int) -> Iterator[Union[bytes, DamagedBlock, None]]:
    """
    Decompresses the blocks of a seekable bzip2 file, of one stream or many, that begin in a range of its
    bytes, and then those behind the range: the text of each block, or a `DamagedBlock`, in order, and `None`
    once, where the range ends. A caller that needs no more stops there. A block that the end of the file cuts
    off is not reported.
    """
    magics = _find_magics(file, start)
    ahead: Deque[_Magic] = deque()
    ended = False
    # Until one block is decompressed, what looks like a magic number may lie within a block before the range.
    synchronised = start == 0
    while True:
        if not ahead:
            ahead.extend(itertools.islice(magics, 1))
        if not ended and (not ahead or ahead[0].bit // 8 >= end):
            ended = True
            yield None
        if not ahead:
            return
        magic = ahead.popleft()
        if not magic.is_block:
            continue
        text: Optional[bytes] = None
        for taken in range(_CHANCE_MAGICS + 1):
            if len(ahead) <= taken:
                ahead.extend(itertools.islice(magics, 1))
            if len(ahead) <= taken or ahead[taken].bit - magic.bit > _LONGEST_BLOCK_BITS:
                break
            text = _decompress(file, magic.bit, ahead[taken].bit)
            if text is not None:
                for _ in range(taken):
                    ahead.popleft()
                break
        if text is not None:
            synchronised = True
            yield text
        elif ahead and (synchronised or not _is_within_block(file, magic.bit)):
            offset = magic.bit // 8
            yield DamagedBlock(offset, ahead[0].bit // 8 - offset)


def _find_magics(file: BinaryIO, start: int, end: Optional[int] = None) -> Iterator[_Magic]:
    """All magic numbers that begin in a range of bytes, in order."""
    while end is None or start < end:
        size = _WINDOW if end is None else min(_WINDOW, end - start)
        file.seek(start)
        # A magic number lies in up to seven bytes.
        window = file.read(size + 6)
        found = []
        for middle, shift, magic in _PATTERNS:
            place = window.find(middle, 1)
            while place > 0:
                first = place - 1
                if first < size:
                    seven = int.from_bytes(window[first : first + 7].ljust(7, b"\0"), "big")
                    if (seven >> (8 - shift)) & _MAGIC_MASK == magic:
                        found.append(_Magic(8 * (start + first) + shift, magic == _BLOCK))
                place = window.find(middle, place + 1)
        yield from sorted(found)
        if len(window) <= size:
            return
        start += size


def _decompress(file: BinaryIO, begin: int, end: int) -> Optional[bytes]:
    """The text of the block between two bits of the file; `None` if there is not just one whole block."""
    size = end - begin
    if size < _MAGIC_BITS + _CHECKSUM_BITS:
        return None
    file.seek(begin // 8)
    block = int.from_bytes(file.read((end + 7) // 8 - begin // 8), "big") >> (-end % 8)
    block &= (1 << size) - 1
    # The checksum of a stream of one block is that of the block.
    checksum = (block >> (size - _MAGIC_BITS - _CHECKSUM_BITS)) & ((1 << _CHECKSUM_BITS) - 1)
    size += _MAGIC_BITS + _CHECKSUM_BITS
    stream = (block << (_MAGIC_BITS + _CHECKSUM_BITS)) | (_END_OF_STREAM << _CHECKSUM_BITS) | checksum
    stream <<= -size % 8
    decompressor = bz2.BZ2Decompressor()
    try:
        text = decompressor.decompress(_HEADER + stream.to_bytes((size + 7) // 8, "big"))
    except (OSError, ValueError):
        return None
    return text if decompressor.eof and not decompressor.unused_data else None


def _is_within_block(file: BinaryIO, bit: int) -> bool:
    """Whether some block that begins before this bit continues behind it."""
    longest = _LONGEST_BLOCK_BITS // 8
    around = list(_find_magics(file, max(0, bit // 8 - longest), bit // 8 + longest))
    before = [magic for magic in around if magic.bit < bit and magic.is_block]
    behind = [magic for magic in around if magic.bit > bit]
    return any(
        _decompress(file, first.bit, last.bit) is not None
        for first in before[-_CHANCE_MAGICS:]
        for last in behind[:_CHANCE_MAGICS]
    )
