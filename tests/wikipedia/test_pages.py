"""Pages in Parquet files."""

import json
import random
from pathlib import Path
from typing import List

import pyarrow.parquet
import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.wikipedia import pages as module
from luke_allennlp.wikipedia.pages import (
    ExtractedWikipedia,
    Page,
    PageLink,
    Paragraph,
    Section,
    page_writer,
    read_pages,
)

PAGES = [
    Page(1, 0, "Old", "New", False, [], []),
    Page(
        2,
        0,
        "New",
        None,
        True,
        [Section(2, "見出し", 1), Section(3, "", 2)],
        [
            Paragraph("𝄞 see Ab", [PageLink("A", "A", 6, 7), PageLink("B", "b", 7, 8, "part")]),
            Paragraph("", [], 0),
        ],
    ),
    Page(3, 14, "Category:Empty", None, False, [], []),
]


def random_pages(count: int) -> List[Page]:
    random_ = random.Random(1)
    pages = []
    for number in range(count):
        paragraphs = [
            Paragraph("x" * 100, [PageLink(str(start), "x", start, start + 1) for start in range(links)], 0)
            for links in (random_.randrange(4) for _ in range(random_.randrange(5)))
        ]
        pages.append(Page(number, 0, f"Page {number}", None, False, [Section(2, "S", 0)], paragraphs))
    return pages


def write(path: Path, pages: List[Page]) -> None:
    with page_writer(path) as writer:
        for page in pages:
            writer.add(page)


@pytest.mark.parametrize("pages", [PAGES, [], random_pages(600)], ids=["some", "none", "many"])
def test_pages_come_back(tmp_path: Path, pages: List[Page]) -> None:
    write(tmp_path / "pages.parquet", pages)
    assert list(read_pages(tmp_path / "pages.parquet")) == pages
    assert [item.name for item in tmp_path.iterdir()] == ["pages.parquet"]


def test_few_pages_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 7)
    pages = random_pages(30)
    write(tmp_path / "rows", pages)
    assert pyarrow.parquet.ParquetFile(tmp_path / "rows").num_row_groups == 5
    assert list(read_pages(tmp_path / "rows")) == pages
    monkeypatch.setattr(module, "_ROWS", 1000)
    monkeypatch.setattr(module, "_CHARACTERS", 150)
    write(tmp_path / "characters", pages)
    assert pyarrow.parquet.ParquetFile(tmp_path / "characters").num_row_groups > 5
    assert list(read_pages(tmp_path / "characters")) == pages


@pytest.fixture
def extracted(tmp_path: Path) -> Path:
    directory = tmp_path / "wiki"
    (directory / "pages").mkdir(parents=True)
    write(directory / "pages" / "00000.parquet", PAGES[:1])
    write(directory / "pages" / "00001.parquet", PAGES[1:])
    content = {
        "format": "luke-wikipedia-pages",
        "version": 1,
        "shards": 2,
        "siteinfo": {"language": "ja", "namespaces": {"0": "", "14": "Category"}},
    }
    (directory / "metadata.json").write_text(json.dumps(content))
    return directory


def test_reading(extracted: Path) -> None:
    wiki = ExtractedWikipedia(extracted)
    assert list(wiki.pages()) == PAGES
    assert list(wiki.pages(1)) == PAGES[1:]
    assert list(wiki.pages(with_text=False)) == [page._replace(sections=[], paragraphs=[]) for page in PAGES]
    assert (wiki.language, wiki.namespaces) == ("ja", {0: "", 14: "Category"})


def test_what_is_wrong_is_said(extracted: Path) -> None:
    path = extracted / "pages" / "00001.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:100])
    with pytest.raises(ConfigurationError, match="00001.parquet cannot be read"):
        list(ExtractedWikipedia(extracted).pages())
    path.unlink()
    with pytest.raises(ConfigurationError, match="00001.parquet is missing; extract the dump again"):
        ExtractedWikipedia(extracted)
    (extracted / "pages" / "00000.parquet").unlink()
    with pytest.raises(ConfigurationError, match="00000.parquet is missing, and so are 1 others; extract"):
        ExtractedWikipedia(extracted)
    metadata = extracted / "metadata.json"
    for text, message in (
        ('{"format": "x", "version": 1}', "is of the format 'x', version 1; expected 'luke-wikipedia-pages'"),
        ("[]", "is damaged"),
        ("{", "is damaged"),
    ):
        metadata.write_text(text)
        with pytest.raises(ConfigurationError, match=message):
            ExtractedWikipedia(extracted)
    metadata.unlink()
    with pytest.raises(ConfigurationError, match="there is no metadata.json.*run it again"):
        ExtractedWikipedia(extracted)
