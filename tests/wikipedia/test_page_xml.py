from typing import List, Optional, Union

import pytest

from luke_allennlp.wikipedia.dump_text import DamagedRegion, Piece
from luke_allennlp.wikipedia.page_xml import BadPage, RawPage, cut_pages, parse_page
from tests.wikipedia.made_dumps import page_xml


def cut(*pieces: Piece, longest: int = 1000) -> List[Union[bytes, BadPage]]:
    return list(cut_pages(pieces, longest))


def test_page_belongs_to_where_its_tag_begins() -> None:
    text = b"ge>0</page><page>one</page><page a='1'>two</page > <pages/><page\n>three</page></mediawiki>"
    for end in range(len(text) + 1):
        first, second = cut(text[:end], None, text[end:]), cut(text[end:], None)
        assert first + second == [b"<page>one</page>", b"<page a='1'>two</page>", b"<page\n>three</page>"]


LOSS = DamagedRegion("something is lost.")
LOST = BadPage(None, "something is lost.")
CUT_OFF = BadPage("A", "the page is cut off: something is lost.")
A, B, C = b"<page>a</page>", b"<page>b</page>", b"<page>c</page>"


@pytest.mark.parametrize(
    "pieces, expected",
    [
        (
            [A + b"<page><title>B</title> " + C, None],
            [A, BadPage("B", "the page has no end: another begins in it."), C],
        ),
        (
            [b"<page><title>B</title></mediawiki>", None],
            [BadPage("B", "the page has no end: the dump's comes first.")],
        ),
        # What is cut off by the end of the text is reported for the dump, not for the page.
        ([A + b"<page><title>B</title>", None], [A]),
        ([b"<page><title>A</title>", LOSS, b"x</page>" + B, None], [CUT_OFF, LOST, B]),
        ([A, LOSS, LOSS, B, None], [A, LOST, LOST, B]),
        # The loss itself belongs to where it is, the page to where it begins.
        ([b"<page><title>A</title>", None, LOSS, b"x</page>" + B], [CUT_OFF]),
    ],
)
def test_damage_costs_no_other_page(pieces: List[Piece], expected: List[Union[bytes, BadPage]]) -> None:
    assert cut(*pieces) == expected


@pytest.mark.parametrize("page", [b"<page>" + b"x" * 20 + b"</page>", b"<page>" + b"x" * 40])
def test_too_long_in_any_pieces(page: bytes) -> None:
    text, too_long = page + B, BadPage(None, "the page is longer than 30 bytes.")
    for size in range(1, len(text) + 1):
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        assert cut(*pieces, None, longest=30) == [too_long, B]
        assert cut(*pieces, None, longest=60)[-1] == B


OLD = "<revision><id>5</id><model>wikitext</model><text>old</text></revision>"
NEW = OLD.replace("wikitext", "css").replace("old", "new")


@pytest.mark.parametrize(
    "page, expected",
    [
        (
            page_xml("A & B: <c>", "'''x''' &amp; <ref>\n é 中", 12, 14, redirect='To "d"'),
            (12, 14, "A & B: <c>", 'To "d"', "'''x''' &amp; <ref>\n é 中", "wikitext"),
        ),
        # The last revision counts, and there may be no text.
        (f"<page><title>A</title><ns>0</ns><id>1</id>{OLD}{NEW}</page>", (1, 0, "A", None, "new", "css")),
        *(
            (f"<page><title>A</title><ns>0</ns><id>1</id>{empty}</page>", (1, 0, "A", None, "", "wikitext"))
            for empty in ("", "<revision><id>2</id></revision>", '<revision><text deleted="a"/></revision>')
        ),
    ],
)
def test_page(page: str, expected: tuple) -> None:
    assert parse_page(page.encode()) == RawPage(*expected)


@pytest.mark.parametrize(
    "content, title, reason",
    [
        ("<title>A</title><ns>0</ns><id>1</id><b>", "A", "not XML: mismatched tag"),
        ("<title>A</title><ns>0</ns><id>1</id>&nbsp;", "A", "not XML: undefined entity"),
        ('<!DOCTYPE x [<!ENTITY e "e">]><title>A</title>', "A", "not XML: not well-formed"),
        ("<title>A</title>\0", "A", "not XML: not well-formed"),
        ("<ns>0</ns><id>1</id>", None, "has no title"),
        ("<title>A</title><ns>0</ns>", "A", "id is None; expected a number in <id>"),
        ("<title>A</title><ns>x</ns><id>1</id>", "A", "namespace is 'x'"),
    ],
)
def test_bad_page(content: str, title: Optional[str], reason: str) -> None:
    parsed = parse_page(f"<page>{content}</page>".encode())
    assert isinstance(parsed, BadPage) and parsed.title == title and reason in parsed.reason
