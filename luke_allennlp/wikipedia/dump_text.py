"""The text of a dump, whatever it is compressed with."""

import gzip
import zlib
from typing import BinaryIO, Iterator, NamedTuple, Union

from luke_allennlp.wikipedia.bzip2_blocks import DamagedBlock, read_blocks

_PIECE = 1 << 20


class DamagedRegion(NamedTuple):
    """A part of a dump's text that cannot be read, and why, in one sentence."""

    reason: str


# What readers give: the text piece by piece, and `None` where the requested range of the file ends.
Piece = Union[bytes, DamagedRegion, None]


def compression(beginning: bytes) -> str:
    """The compression of a file with these first bytes: "bz2", "gz" or "xml"."""
    if beginning.startswith(b"BZh"):
        return "bz2"
    return "gz" if beginning.startswith(b"\x1f\x8b") else "xml"


def read_pieces(file: BinaryIO, kind: str, start: int, end: int) -> Iterator[Piece]:
    """
    Reads the text that begins in a range of the file, then `None`, then the text behind the range up to the
    end of the file. A truncated file just ends. The kind is what `compression` returned; for "gz" the range
    must be the whole file.
    """
    if kind == "bz2":
        return _read_bzip2(file, start, end)
    return _read_gzip(file) if kind == "gz" else _read_plain(file, start, end)


def _read_bzip2(file: BinaryIO, start: int, end: int) -> Iterator[Piece]:
    for block in read_blocks(file, start, end):
        if isinstance(block, DamagedBlock):
            reason = f"{block.size:,} bytes of bzip2 are damaged, from byte {block.offset:,} of the file."
            yield DamagedRegion(reason)
        else:
            yield block


def _read_gzip(file: BinaryIO) -> Iterator[Piece]:
    with gzip.GzipFile(fileobj=file) as text:
        try:
            # `read` would discard the intact part of a piece that has an error.
            while piece := text.read1(_PIECE):
                yield piece
        except EOFError:
            pass
        except (zlib.error, gzip.BadGzipFile) as error:
            yield DamagedRegion(f"the gzip is damaged ({error}), and text before this may be wrong.")
    yield None


def _read_plain(file: BinaryIO, start: int, end: int) -> Iterator[Piece]:
    file.seek(start)
    while start < end and (piece := file.read(min(_PIECE, end - start))):
        start += len(piece)
        yield piece
    yield None
    while piece := file.read(_PIECE):
        yield piece
