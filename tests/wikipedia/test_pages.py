"""Pages in Parquet files."""

from pathlib import Path
from typing import List

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.wikipedia.pages import (
    ExtractedWikipedia,
    Page,
    PageLink,
    Paragraph,
    Section,
    page_writer,
    read_pages,
)
from tests.wikipedia.made_pages import random_shards, write_pages

LINKS = [PageLink("A", "A", 6, 7), PageLink("B", "b", 7, 8, "part")]
PAGES = [
    Page(1, 0, "Old", "New", False, [], []),
    Page(
        *(2, 0, "New", None, True, [Section(2, "見出し", 1), Section(3, "", 2)]),
        [Paragraph("𝄞 see Ab", LINKS), Paragraph("", [], 0)],
    ),
    Page(3, 14, "Category:Empty", None, False, [], []),
]
MANY = random_shards(1, shards=1, pages=300)[0]


@pytest.mark.parametrize("pages", [PAGES, [], MANY], ids=["some", "none", "many"])
def test_pages_come_back(tmp_path: Path, pages: List[Page]) -> None:
    with page_writer(tmp_path / "pages.parquet") as writer:
        for page in pages:
            writer.add(page)
    assert list(read_pages(tmp_path / "pages.parquet")) == pages
    assert [item.name for item in tmp_path.iterdir()] == ["pages.parquet"]


@pytest.fixture
def extracted(tmp_path: Path) -> Path:
    return write_pages(tmp_path / "wiki", [PAGES[:1], PAGES[1:]], language="ja")


def test_reading(extracted: Path) -> None:
    wiki = ExtractedWikipedia(extracted)
    assert list(wiki.pages()) == PAGES
    assert list(wiki.pages(1)) == PAGES[1:]
    assert list(wiki.pages(with_text=False)) == [page._replace(sections=[], paragraphs=[]) for page in PAGES]
    assert (wiki.language, wiki.namespaces) == ("ja", {0: "", 14: "Category"})


def test_what_is_wrong_is_said(extracted: Path) -> None:
    def check(message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            list(ExtractedWikipedia(extracted).pages())

    first, second = (extracted / "pages" / f"0000{number}.parquet" for number in (0, 1))
    second.write_bytes(second.read_bytes()[:100])
    check("00001.parquet cannot be read")
    second.unlink()
    check("00001.parquet is missing; extract the dump again")
    first.unlink()
    check("00000.parquet is missing, and so are 1 others; extract")
    metadata = extracted / "metadata.json"
    metadata.write_text('{"format": "x", "version": 1}')
    check("is of the format 'x', version 1; expected 'luke-wikipedia-pages'")
    for text in ("[]", "{"):
        metadata.write_text(text)
        check("is damaged")
    metadata.unlink()
    check("there is no metadata.json.*run it again")
