"""Pages out of the XML of a dump, as it comes, without the rest of it."""

import html
import re
from typing import Iterable, Iterator, NamedTuple, Optional, Union
from xml.etree import ElementTree

from luke_allennlp.wikipedia.dump_text import DamagedRegion, Piece

# `<` is escaped in the text of a page, so that one which is followed by this is always a tag.
_TAG = re.compile(rb"<(/?)page(?=[\s/>])")
_END = re.compile(rb"</mediawiki\s*>")
_LONGEST_TAG = len(b"</page>")
_TITLE = re.compile(rb"<title>([^<]{1,4096})</title>")
_SHOWN_TITLE = 255
WIKITEXT = "wikitext"


class RawPage(NamedTuple):
    """
    A page as in the dump: its title with the prefix of its namespace and with spaces, what it redirects to
    (not normalised), the text of the last revision or "", and its kind: "wikitext", "css", "Scribunto".
    """

    page_id: int
    namespace: int
    title: str
    redirect: Optional[str]
    text: str
    model: str


class BadPage(NamedTuple):
    """A page, or a piece of the dump, that cannot be read: its title, if there is one, and why."""

    title: Optional[str]
    reason: str


def cut_pages(pieces: Iterable[Piece], longest: int) -> Iterator[Union[bytes, BadPage]]:
    """
    Cuts text into pages, from `<page>` to `</page>`. A page begins with its tag and ends with the next tag of
    a page, be that its own end or the beginning of another: then it is bad, as is one of more than `longest`
    bytes. So where a page begins and ends depends on nothing before it. A page that the end of the text cuts
    off is omitted. The pieces of text in UTF-8 may start anywhere; pages that begin after `None` are not
    wanted: only as many pieces are read as it takes to finish what began before. No more than a page and a
    piece is in memory.
    """
    too_long = f"the page is longer than {longest:,} bytes."
    buffer = b""
    # Where in the buffer: the page's beginning, if there is one; what is not looked at yet; the end of the
    # wanted.
    start: Optional[int] = None
    position = 0
    wanted: Optional[int] = None
    for piece in pieces:
        if isinstance(piece, DamagedRegion):
            if start is not None:
                yield BadPage(find_title(buffer[start:]), f"the page is cut off: {piece.reason}")
            if wanted is None:
                yield BadPage(None, piece.reason)
            else:
                return
            buffer, start, position = b"", None, 0
            continue
        if piece is None:
            wanted = len(buffer)
        else:
            kept = position if start is None else start
            buffer = buffer[kept:] + piece
            position -= kept
            start = None if start is None else 0
            wanted = None if wanted is None else wanted - kept
        for tag in _TAG.finditer(buffer, position):
            if start is not None:
                page = buffer[start : tag.end()] + b">"
                if len(page) > longest:
                    yield BadPage(find_title(page), too_long)
                elif tag[1]:
                    yield page
                else:
                    yield BadPage(find_title(page), "the page has no end: another begins in it.")
            start = None
            if wanted is not None and tag.start() >= wanted:
                return
            if not tag[1]:
                start = tag.start()
            position = tag.end()
        # The beginning of a tag may be the last that there is.
        position = max(position, len(buffer) - _LONGEST_TAG + 1)
        opening = buffer.find(b"<", position)
        position = len(buffer) if opening < 0 else opening
        if start is not None and position - start > longest:
            yield BadPage(find_title(buffer[start:]), too_long)
            start = None
        if wanted is not None and start is None and position >= wanted:
            return
    if start is not None and _END.search(buffer, start):
        yield BadPage(find_title(buffer[start:]), "the page has no end: the dump's comes first.")


def find_title(page: bytes) -> Optional[str]:
    """The title of a page that may be broken, if it can be read."""
    # No further than the page's own: the next may begin anywhere behind.
    next_page = _TAG.search(page, 1)
    match = _TITLE.search(page, 0, next_page.start() if next_page else min(len(page), 1 << 16))
    return html.unescape(match[1].decode("utf-8", "replace"))[:_SHOWN_TITLE] if match else None


def parse_page(page: bytes) -> Union[RawPage, BadPage]:
    """
    Parses one `<page>` element in UTF-8, of which the last revision counts. Without a document type, it
    cannot define entities.
    """
    try:
        root = ElementTree.fromstring(page)
    except (ElementTree.ParseError, ValueError) as error:
        return BadPage(find_title(page), f"the page is not XML: {error}.")
    title = root.findtext("title")
    if not title:
        return BadPage(None, "the page has no title.")
    numbers = []
    for name, tag in (("id", "id"), ("namespace", "ns")):
        number = root.findtext(tag)
        if number is None or not re.fullmatch(r"\s*-?[0-9]{1,18}\s*", number):
            return BadPage(title, f"the page's {name} is {number!r}; expected a number in <{tag}>.")
        numbers.append(int(number))
    text, model = (root.findtext(f"revision[last()]/{name}") for name in ("text", "model"))
    redirect = root.find("redirect")
    target = None if redirect is None else redirect.get("title")
    return RawPage(numbers[0], numbers[1], title, target, text or "", model or WIKITEXT)
