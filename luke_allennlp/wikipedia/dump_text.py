"""The text of a dump, whatever it is compressed with and encoded in."""

import codecs
import gzip
import re
import zlib
from typing import BinaryIO, Iterable, Iterator, NamedTuple, Optional, Tuple, Union

from luke_allennlp.wikipedia.bzip2_blocks import LostBlock, read_blocks

_PIECE = 1 << 20
UTF_8 = "utf-8"
# A byte order mark, or without one the first character of XML.
_BEGINNINGS = tuple(
    (character.encode(encoding), encoding)
    for character in ("\ufeff", "<")
    for encoding in (UTF_8, "utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
    if (character, encoding) != ("<", UTF_8)
)
_DECLARATION = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_UNREADABLE = "luke_allennlp.unreadable"


class Loss(NamedTuple):
    """
    A hole in the text of a dump.

    # Parameters

    reason : `str`
        One sentence.
    """

    reason: str


# What readers give: the text piece by piece, and `None` where the wanted range of the file ends.
Piece = Union[bytes, Loss, None]


def compression(beginning: bytes) -> str:
    """
    # Parameters

    beginning : `bytes`
        A file's first bytes.

    # Returns

    `str`
        "bz2", "gz" or "xml".
    """
    if beginning.startswith(b"BZh"):
        return "bz2"
    return "gz" if beginning.startswith(b"\x1f\x8b") else "xml"


def read_pieces(file: BinaryIO, kind: str, start: int, end: int) -> Iterator[Piece]:
    """
    # Parameters

    kind : `str`
        One of those of `compression`.
    end : `int`
        A range of the file in bytes, without `end` itself. For "gz" it must be all of it.

    # Returns

    `Iterator[Union[bytes, Loss, None]]`
        The text that begins in the range, `None`, and then the text behind it to the file's end. A file that
        is cut off just ends there.
    """
    if kind == "bz2":
        return _read_bzip2(file, start, end)
    return _read_gzip(file) if kind == "gz" else _read_plain(file, start, end)


def _read_bzip2(file: BinaryIO, start: int, end: int) -> Iterator[Piece]:
    for block in read_blocks(file, start, end):
        if isinstance(block, LostBlock):
            yield Loss(f"{block.size:,} bytes of bzip2 are damaged, from byte {block.offset:,} of the file.")
        else:
            yield block


def _read_gzip(file: BinaryIO) -> Iterator[Piece]:
    with gzip.GzipFile(fileobj=file) as text:
        try:
            # Not `read`: it would keep what is good of a piece to itself, if there is an error in it.
            while piece := text.read1(_PIECE):
                yield piece
        except EOFError:
            pass
        except (zlib.error, gzip.BadGzipFile) as error:
            yield Loss(f"the gzip is damaged ({error}), and text before this may be wrong.")
    yield None


def _read_plain(file: BinaryIO, start: int, end: int) -> Iterator[Piece]:
    file.seek(start)
    while start < end and (piece := file.read(min(_PIECE, end - start))):
        start += len(piece)
        yield piece
    yield None
    while piece := file.read(_PIECE):
        yield piece


def detect_encoding(beginning: bytes) -> str:
    """
    # Parameters

    beginning : `bytes`
        The text's, of a few hundred bytes.

    # Returns

    `str`
        What its byte order mark says, or its XML declaration; otherwise UTF-8.

    # Raises

    `LookupError`
        If Python does not know the encoding; its message is the encoding's name.
    """
    for mark, encoding in _BEGINNINGS:
        if beginning.startswith(mark):
            return encoding
    declaration = _DECLARATION.match(beginning)
    if declaration is None:
        return UTF_8
    declared = declaration[1].decode("ascii")
    try:
        # Of what `lookup` finds, not all are encodings of text.
        "".encode(declared)
        name = codecs.lookup(declared).name
    except (LookupError, ValueError):
        raise LookupError(declared) from None
    return UTF_8 if name in ("ascii", UTF_8, "utf-8-sig") else name


def transcode(pieces: Iterable[Piece], encoding: str) -> Iterator[Piece]:
    """
    # Parameters

    pieces : `Iterable[Union[bytes, Loss, None]]`
        From the text's beginning.

    # Returns

    `Iterator[Union[bytes, Loss, None]]`
        The same in UTF-8. What is no text becomes a character that XML does not allow, so that no page with
        it passes.
    """
    # Behind a hole nobody knows where a character begins; so it goes on with the next page.
    page = "<page".encode(encoding)
    skipped: Optional[bytes] = None
    decoder = codecs.getincrementaldecoder(encoding)(_UNREADABLE)
    for piece in pieces:
        if isinstance(piece, bytes):
            if skipped is not None:
                piece = skipped + piece
                place = piece.find(page)
                skipped = piece[1 - len(page) :] if place < 0 else None
                if place < 0:
                    continue
                piece = piece[place:]
            yield decoder.decode(piece).encode(UTF_8)
        else:
            if isinstance(piece, Loss):
                decoder.reset()
                skipped = b""
            yield piece


def _unreadable(error: UnicodeError) -> Tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\0", error.end


codecs.register_error(_UNREADABLE, _unreadable)
