from typing import List, Union

import pytest

from luke_allennlp.wikipedia.dump_text import DamagedRegion, Piece
from luke_allennlp.wikipedia.page_xml import BadPage, RawPage, cut_pages, parse_page
from tests.wikipedia.made_dumps import page_xml


def cut(*pieces: Piece, longest: int = 1000) -> List[Union[bytes, BadPage]]:
    return list(cut_pages(pieces, longest))


def parse(page: str) -> Union[RawPage, BadPage]:
    return parse_page(page.encode())


def test_pages_in_any_pieces() -> None:
    text = b"<mediawiki><pages/><page>one</page> <page a='1'>two</page >\n<page\n>three</page></mediawiki>"
    expected = [b"<page>one</page>", b"<page a='1'>two</page>", b"<page\n>three</page>"]
    assert cut(text, None) == expected
    for size in range(1, 20):
        assert cut(*(text[i : i + size] for i in range(0, len(text), size)), None) == expected


def test_page_belongs_to_where_its_tag_begins() -> None:
    text = b"ge>0</page><page>one</page><page>two</page> <page>three</page></mediawiki>"
    for end in range(len(text) + 1):
        first, second = cut(text[:end], None, text[end:]), cut(text[end:], None)
        assert first + second == [b"<page>one</page>", b"<page>two</page>", b"<page>three</page>"]


def test_asks_for_no_more_than_it_needs() -> None:
    asked = []

    def pieces() -> List[Piece]:
        for number, piece in enumerate(
            [b"<page>1</page> <page>2", None, b"2", b"</page> <page>", b"3</page>"]
        ):
            asked.append(number)
            yield piece

    assert list(cut_pages(pieces(), 1000)) == [b"<page>1</page>", b"<page>22</page>"]
    assert asked == [0, 1, 2, 3]


def test_page_without_an_end_costs_no_other() -> None:
    bad = BadPage("B", "the page has no end: another begins in it.")
    assert cut(b"<page>a</page><page><title>B</title> <page>c</page>", None) == [
        b"<page>a</page>",
        bad,
        b"<page>c</page>",
    ]
    last = BadPage("B", "the page has no end: the dump's comes first.")
    assert cut(b"<page><title>B</title></mediawiki>", None) == [last]
    # What is cut off by the end of the text is reported for the dump, not for the page.
    assert cut(b"<page>a</page><page><title>B</title>", None) == [b"<page>a</page>"]


@pytest.mark.parametrize("page", [b"<page>" + b"x" * 20 + b"</page>", b"<page>" + b"x" * 40])
def test_too_long_in_any_pieces(page: bytes) -> None:
    text = page + b"<page>b</page>"
    for size in range(1, len(text) + 1):
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        assert cut(*pieces, None, longest=30) == [
            BadPage(None, "the page is longer than 30 bytes."),
            b"<page>b</page>",
        ]
        assert cut(*pieces, None, longest=60)[-1] == b"<page>b</page>"


def test_loss_in_the_text() -> None:
    loss = DamagedRegion("something is lost.")
    lost = BadPage(None, "something is lost.")
    cut_off = BadPage("A", "the page is cut off: something is lost.")
    assert cut(b"<page><title>A</title>", loss, b"x</page><page>b</page>", None) == [
        cut_off,
        lost,
        b"<page>b</page>",
    ]
    assert cut(b"<page>a</page>", loss, loss, b"<page>b</page>", None)[1:3] == [lost, lost]
    # The loss itself belongs to where it is, the page to where it begins.
    assert cut(b"<page><title>A</title>", None, loss, b"x</page><page>b</page>") == [cut_off]


def test_page() -> None:
    page = parse(page_xml("A & B: <c>", "'''x''' &amp; <ref>\n é 中", 12, 14, redirect='To "d"'))
    assert page == RawPage(12, 14, "A & B: <c>", 'To "d"', "'''x''' &amp; <ref>\n é 中", "wikitext")


def test_last_revision_counts() -> None:
    revision = "<revision><id>5</id><model>{}</model><text>{}</text></revision>"
    page = parse(
        "<page><title>A</title><ns>0</ns><id>1</id>"
        f"{revision.format('wikitext', 'old')}{revision.format('css', 'new')}</page>"
    )
    assert page == RawPage(1, 0, "A", None, "new", "css")


@pytest.mark.parametrize(
    "revision", ["", "<revision><id>2</id></revision>", '<revision><text deleted="deleted"/></revision>']
)
def test_page_without_text(revision: str) -> None:
    page = parse(f"<page><title>A</title><ns>0</ns><id>1</id>{revision}</page>")
    assert page == RawPage(1, 0, "A", None, "", "wikitext")


@pytest.mark.parametrize(
    "page, title, reason",
    [
        ("<page><title>A</title><ns>0</ns><id>1</id><b></page>", "A", "not XML: mismatched tag"),
        ("<page><title>A</title><ns>0</ns><id>1</id>&nbsp;</page>", "A", "not XML: undefined entity"),
        ('<page><!DOCTYPE x [<!ENTITY e "e">]><title>A</title></page>', "A", "not XML: not well-formed"),
        ("<page><title>A</title>\0</page>", "A", "not XML: not well-formed"),
        ("<page><ns>0</ns><id>1</id></page>", None, "has no title"),
        ("<page><title>A</title><ns>0</ns></page>", "A", "id is None; expected a number in <id>"),
        ("<page><title>A</title><id>1</id></page>", "A", "namespace is None; expected a number in <ns>"),
        ("<page><title>A</title><ns>x</ns><id>1</id></page>", "A", "namespace is 'x'"),
    ],
)
def test_bad_page(page: str, title: str, reason: str) -> None:
    parsed = parse(page)
    assert isinstance(parsed, BadPage)
    assert parsed.title == title and reason in parsed.reason
