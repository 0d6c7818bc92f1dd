"""Dumps of Wikipedia's pages, in parts that are read independently of each other."""

import os
from collections import deque
from functools import cached_property
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.wikipedia.dump_text import Piece, compression, read_pieces
from luke_allennlp.wikipedia.page_xml import BadPage, RawPage, cut_pages, parse_page
from luke_allennlp.wikipedia.siteinfo import SiteInfo

_PART_SIZES = {"bz2": 8 << 20, "xml": 32 << 20}
_LONGEST_PAGE = 64 << 20
_LONGEST_HEADER = 1 << 20
_TAIL = 4096
# Before the last part, where that has no text of its own: any block of bzip2 is shorter.
_LOOK_BACK = 1 << 20
_END = b"</mediawiki"
_CUT_OFF = "the file ends without </mediawiki>: it is cut off or damaged there, and the last pages are lost."


class DumpPart(NamedTuple):
    """
    A part of a dump, which can be sent to another process: a range of its bytes, `end` exclusive. Parts are
    counted from 0.
    """

    path: str
    number: int
    start: int
    end: int


class _Tailed:
    """Pieces of text, the last bytes of which are kept."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
        self.tail = b""

    def __iter__(self) -> Iterator[Piece]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                self.tail = (self.tail + piece[-_TAIL:])[-_TAIL:]
            yield piece


class Dump:
    """
    A dump of the pages of a wiki, `pages-articles.xml`: compressed with bzip2 (one stream, or the many of
    `pages-articles-multistream.xml.bz2`; its index is not needed) or gzip, or plain, as its first bytes tell;
    in UTF-8 and in the export format 0.6 (2012) or later. What cannot be read, or is longer than
    `longest_page` bytes, is a `BadPage`, and reading continues behind it. Reading a part takes no more memory
    than a page, and a few megabytes. A `ConfigurationError` if the file cannot be read or is empty.
    """

    def __init__(self, path: Union[str, Path], longest_page: int = _LONGEST_PAGE) -> None:
        self.path = str(path)
        self._longest_page = longest_page
        try:
            with open(self.path, "rb") as file:
                beginning = file.read(4)
                self._size = file.seek(0, os.SEEK_END)
        except OSError as error:
            raise ConfigurationError(
                f"{self.path}: cannot be read ({error.strerror}); expected a dump of a wiki."
            ) from None
        if not self._size:
            raise ConfigurationError(f"{self.path}: is empty; expected a dump of a wiki. Download it again.")
        self._kind = compression(beginning)

    @cached_property
    def site(self) -> SiteInfo:
        """
        What the dump's head says about the wiki. A `ConfigurationError` if this is not a dump, or one in
        another encoding than UTF-8 or of before 2012.
        """
        beginning = b""
        for piece in self._read_text(self._whole):
            beginning += piece if isinstance(piece, bytes) else b""
            if not isinstance(piece, bytes) or b"<page" in beginning or len(beginning) > _LONGEST_HEADER:
                break
        head = beginning[:_LONGEST_HEADER].partition(b"<page")[0]
        try:
            return SiteInfo.from_header(head.decode("utf-8", "replace"))
        except ValueError as error:
            raise ConfigurationError(
                f"{self.path}: is not a dump of a wiki: {error}; expected pages-articles.xml (bz2, gz or "
                "plain)."
            ) from None

    def parts(self, part_size: Optional[int] = None) -> List[DumpPart]:
        """
        Splits the dump. A page belongs to the part in which its `<page>` tag begins, so the pages of all
        parts, in order, are those of the whole, whatever the size of a part in bytes of the file (by default
        8 MiB of bzip2, 32 MiB of XML). A part can be read without those before it. A gzip file is one part.
        """
        if part_size is not None and part_size < 1:
            raise ConfigurationError(f"part_size is {part_size}; expected a number of bytes, 1 or more.")
        size = self._size
        if self._kind != "gz":
            size = part_size or _PART_SIZES[self._kind]
        return [
            DumpPart(self.path, number, start, min(start + size, self._size))
            for number, start in enumerate(range(0, self._size, size))
        ]

    def pages(self, part: Optional[DumpPart] = None) -> Iterator[Union[RawPage, BadPage]]:
        """
        The pages that begin in a part, or all of the dump, in order. If the dump is cut off at its end, its
        last part ends with a `BadPage` that says so.
        """
        part = part or self._whole
        text = _Tailed(self._read_text(part))
        for page in cut_pages(text, self._longest_page):
            yield page if isinstance(page, BadPage) else parse_page(page)
        if part.end < self._size or _END in text.tail:
            return
        if part.start:
            # The end may be right before the last part.
            text = _Tailed(self._read_text(part._replace(start=max(0, part.start - _LOOK_BACK))))
            deque(text, maxlen=0)
        if _END not in text.tail:
            yield BadPage(None, _CUT_OFF)

    @property
    def _whole(self) -> DumpPart:
        return DumpPart(self.path, 0, 0, self._size)

    def _read_text(self, part: DumpPart) -> Iterator[Piece]:
        """The text in UTF-8 from the part's beginning to the end of the file; `None` where the part ends."""
        with open(self.path, "rb") as file:
            yield from read_pieces(file, self._kind, part.start, part.end)
