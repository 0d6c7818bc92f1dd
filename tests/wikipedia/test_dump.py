import bz2
import codecs
import gzip
import pickle
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List, Union
from xml.etree import ElementTree

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luke_allennlp.wikipedia.dump import Dump
from luke_allennlp.wikipedia.page_xml import BadPage, RawPage
from tests.wikipedia.made_dumps import FOOTER, header, multistream, page_xml, random_pages

Pages = List[Union[RawPage, BadPage]]

CUT_OFF = BadPage(
    None, "the file ends without </mediawiki>: it is cut off or damaged there, and the last pages are lost."
)
WRITERS: Dict[str, Callable[[List[str]], bytes]] = {
    "xml": lambda pieces: "".join(pieces).encode(),
    "gz": lambda pieces: gzip.compress("".join(pieces).encode()),
    "bz2": lambda pieces: bz2.compress("".join(pieces).encode(), 1),
    "multistream": multistream,  # the head, each page and the end in streams of their own
}


@pytest.fixture(scope="module")
def pieces() -> List[str]:
    return [header(), *random_pages(24, 30_000, seed=1), FOOTER]


@pytest.fixture(params=list(WRITERS))
def path(request: pytest.FixtureRequest, tmp_path: Path, pieces: List[str]) -> Path:
    # Without the usual suffix: its content tells what it is.
    path = tmp_path / "dump"
    path.write_bytes(WRITERS[request.param](pieces))
    return path


def read_parts(dump: Dump, part_size: int) -> Pages:
    # Each part by itself, as in a process of its own.
    parts = pickle.loads(pickle.dumps(dump.parts(part_size)))
    return [page for part in parts for page in Dump(part.path).pages(part)]


def test_pages_in_order_and_in_parts(path: Path) -> None:
    dump = Dump(path)
    pages = list(dump.pages())
    assert [page.page_id for page in pages if isinstance(page, RawPage)] == list(range(1, 25))
    assert len(dump.parts()) == 1 and list(dump.pages(dump.parts()[0])) == pages
    assert dump.site.dbname == "miniwiki" and dump.site.namespaces[4] == "Minipedia"
    for part_size in (20_001, 150_000):
        assert read_parts(dump, part_size) == pages


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(max_size=60), max_size=8),
    writer=st.sampled_from(sorted(WRITERS)),
    part_size=st.integers(1, 3000),
    lost=st.integers(0, 3000),
)
def test_any_pages_and_parts(
    tmp_path: Path, texts: List[str], writer: str, part_size: int, lost: int
) -> None:
    # What XML cannot hold makes bad pages, which are as many.
    made = [page_xml(f"Page {number}", text, number) for number, text in enumerate(texts)]
    data = WRITERS[writer]([header(namespaces=""), *made, FOOTER])
    path = tmp_path / "dump"
    path.write_bytes(data)
    dump = Dump(path)
    pages = list(dump.pages())
    assert [page.title for page in pages] == [f"Page {number}" for number in range(len(texts))]
    assert read_parts(dump, max(part_size, len(data) // 20)) == pages
    # A file that is cut off has fewer, and says so, once.
    path.write_bytes(data[: max(4, len(data) - lost)])
    dump = Dump(path)
    whole = list(dump.pages())
    assert whole == pages[: len(whole)] or whole == [*pages[: len(whole) - 1], CUT_OFF]
    assert read_parts(dump, max(part_size, len(data) // 20)) == whole


def test_damaged_block(tmp_path: Path, pieces: List[str]) -> None:
    path = tmp_path / "dump"
    data = bytearray(bz2.compress("".join(pieces).encode(), 1))
    path.write_bytes(data)
    undamaged = list(Dump(path).pages())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    dump = Dump(path)
    pages = list(dump.pages())
    good = [page for page in pages if isinstance(page, RawPage)]
    # The page that the damage is in, and the damage.
    cut_page, damage = (page for page in pages if isinstance(page, BadPage))
    assert len(undamaged) - 12 < len(good) < len(undamaged)
    assert good == [page for page in undamaged if page in good]
    assert cut_page.title == f"Page {pages.index(cut_page) + 1}" and damage.title is None
    assert "damaged" in cut_page.reason and "damaged" in damage.reason
    for part_size in (20_000, 60_000):
        assert read_parts(dump, part_size) == pages


def test_damaged_gzip(tmp_path: Path, pieces: List[str]) -> None:
    data = bytearray(gzip.compress("".join(pieces).encode()))
    path = tmp_path / "dump"
    # The checksum at the end, and then the text in the middle.
    for place in (-5, len(data) // 2):
        data[place] ^= 0xFF
        path.write_bytes(data)
        pages = list(Dump(path).pages())
        bad = [page for page in pages if isinstance(page, BadPage)]
        assert any("the gzip is damaged" in page.reason for page in bad)
        assert len(pages) - len(bad) > 5


def test_page_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_text(f"{header()}{page_xml('Long', 'x' * 3_000_000)}{page_xml('Short', 'x')}{FOOTER}", "utf-8")
    long, short = Dump(path, longest_page=100_000).pages()
    assert long == BadPage("Long", "the page is longer than 100,000 bytes.")
    assert short.title == "Short"
    assert all(isinstance(page, RawPage) for page in Dump(path).pages())


@pytest.mark.parametrize("beginning", [codecs.BOM_UTF8, b'<?xml version="1.0" encoding="UTF-8" ?>\n'])
def test_beginnings(tmp_path: Path, beginning: bytes) -> None:
    path = tmp_path / "dump"
    path.write_bytes(beginning + (header() + page_xml("Größe", "café") + FOOTER).encode())
    (page,) = Dump(path).pages()
    assert page.title == "Größe" and Dump(path).site.dbname == "miniwiki"


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "is empty; expected a dump of a wiki"),
        (b"<mediawikis>", "does not begin with <mediawiki>"),
        (b"BZh9 is no bzip2", "is not a dump of a wiki"),
        (gzip.compress(b"<html>", mtime=0), "is not a dump of a wiki"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><mediawiki>", "document type"),
        (b"<?xml version='1.0' encoding='latin-1'?><mediawiki>", "the encoding 'latin-1'; convert it"),
        ("<mediawiki>".encode("utf-16"), "is not UTF-8; convert it"),
        (bz2.compress("<mediawiki>".encode("utf-16-be")), "is not UTF-8; convert it"),
        (b'<mediawiki version="0.5">', "export format is 0.5, of before 2012, .*expected 0.6 or later"),
        (b"<mediawiki><siteinfo><base>", "siteinfo has no end"),
        (b"<mediawiki><siteinfo><base></siteinfo>", "no XML"),
    ],
)
def test_no_dump(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "dump"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=f"{path}: .*{message}"):
        Dump(path).site  # noqa: B018


def test_errors(tmp_path: Path, path: Path) -> None:
    for wrong, message in ((tmp_path / "nothing", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError, match=message):
            Dump(wrong)
    with pytest.raises(ConfigurationError, match="part_size is 0"):
        Dump(path).parts(0)


REAL_DUMPS = {
    "enwiki_p10p30302_gensim.xml.bz2": ("en", {0: 205, 4: 1}, 100),
    "enwiki_sample_wikipedia2vec.xml.bz2": ("en", {0: 3}, 1),
    "enwiki_table_markup_gensim.xml.bz2": ("en", {0: 5}, 0),
    "itwiki_small_json-wikipedia.xml.gz": (
        *("it", {0: 672, 1: 33, 2: 20, 3: 14, 4: 3, 5: 1, 12: 1, 13: 2, 15: 1}, 65),
    ),
    "minidump_ar_dbpedia.xml.bz2": ("en", {0: 3}, 0),
    "minidump_de_dbpedia.xml.bz2": ("en", {0: 2}, 0),
    "minidump_en_dbpedia.xml.bz2": ("en", {0: 26, 14: 1}, 2),
    "minidump_ja_dbpedia.xml.bz2": ("en", {0: 1}, 0),
    "smallwiki_dumpster_dive.xml": ("ltg", {0: 1050, 4: 28, 8: 12, 10: 347, 14: 539, 828: 28}, 195),
    "tinywiki_dumpster_dive.xml": ("ltg", {0: 8}, 0),
}


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * name.startswith("enwiki_p10")) for name in REAL_DUMPS],
)
def test_real_dumps(shared_dir: Path, name: str) -> None:
    dump = Dump(shared_dir / "data" / "wikipedia" / name)
    pages = list(dump.pages())
    assert not [page for page in pages if isinstance(page, BadPage)]
    good = [page for page in pages if isinstance(page, RawPage)]
    language, namespaces, redirects = REAL_DUMPS[name]
    assert dump.site.language == language
    assert Counter(page.namespace for page in good) == namespaces
    assert sum(page.redirect is not None for page in good) == redirects
    assert read_parts(dump, 300_000) == pages


@pytest.mark.shared
def test_a_real_dump_as_parsed_at_once(shared_dir: Path) -> None:
    path = shared_dir / "data" / "wikipedia" / "minidump_en_dbpedia.xml.bz2"
    space = "{http://www.mediawiki.org/xml/export-0.10/}"
    root = ElementTree.fromstring(bz2.decompress(path.read_bytes()))
    assert [(str(page.page_id), page.title, page.text) for page in Dump(path).pages()] == [  # type: ignore[union-attr]
        tuple(
            page.findtext(f"{where}{space}{tag}")
            for where, tag in (("", "id"), ("", "title"), (".//", "text"))
        )
        for page in root.iter(f"{space}page")
    ]
