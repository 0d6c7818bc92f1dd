"""`allennlp wikipedia-extract`, as a user types it."""

import json
import re

import pytest

from luke_allennlp.wikipedia.pages import ExtractedWikipedia
from tests.wikipedia.made_dumps import articles, page_xml, write_dump


@pytest.fixture
def dump(tmp_path):
    pages = [*articles(8), page_xml("Category:C", "[[bus]]es", 9, namespace=14)]
    return write_dump(tmp_path / "dump.xml.bz2", pages)


def test_extraction(allennlp, tmp_path, dump):
    output = str(tmp_path / "out")
    finished = allennlp("wikipedia-extract", dump, "-o", output, "--workers", "2")
    assert finished.status == 0
    links = sum(len(part.links) for page in ExtractedWikipedia(output).pages() for part in page.paragraphs)
    paragraphs = sum(len(page.paragraphs) for page in ExtractedWikipedia(output).pages())
    assert finished.out.splitlines() == [
        f"8 pages in {output}, of which 0 redirects and 0 disambiguations; {paragraphs} paragraphs with "
        f"{links} links",
        "16 links not kept: caption 8, file 8",
        "1 page left out: namespace 1",
    ]
    # Bars, and lines of logging.
    rest = [line for line in re.split(r"[\r\n]", finished.err) if line and " - INFO - " not in line]
    assert all(line.startswith(("extract: ", "gather: ")) for line in rest), rest
    again = allennlp("wikipedia-extract", dump, "-o", output, "--workers", "1")
    assert again.status == 0 and again.out == f"{output} is complete already.\n{finished.out}"


def test_options(allennlp, tmp_path, dump):
    output = tmp_path / "out"
    arguments = ("wikipedia-extract", dump, "-o", str(output))
    options = ("--namespaces", "0,14", "--no-link-trail", "--part-size", "1M", "--page-seconds", "5")
    assert allennlp(*arguments, *options, "--page-memory-mb", "512").status == 0
    limits = {"seconds": 5.0, "memory_mb": 512}
    expected = {"namespaces": [0, 14], "link_trail": False, "part_size": 1 << 20, **limits}
    assert json.loads((output / "metadata.json").read_text())["options"] == expected
    assert [page.title for page in ExtractedWikipedia(output).pages()][-1] == "Category:C"
    assert "was begun with other options" in allennlp(*arguments).error


def test_one_of_everything(allennlp, tmp_path):
    pages = [page_xml("A", "#REDIRECT [[B]]", redirect="B"), page_xml("B", "{{disambig}} [[A]]", 2)]
    dump, output = (
        write_dump(tmp_path / "dump.xml", [*pages, "<page><title>X</title></page>"]),
        tmp_path / "out",
    )
    finished = allennlp("wikipedia-extract", dump, "-o", str(output))
    counts = "1 redirect and 1 disambiguation; 1 paragraph with 1 link"
    assert finished.status == 0 and f"2 pages in {output}, of which {counts}\n" in finished.out
    assert finished.out.endswith("1 page failed, see failures.jsonl: xml 1\n")


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("--namespaces", "a", " is 'a'; expected numbers with commas, such as 0,14."),
        ("--part-size", "1T", ": '1T' is not a size; expected bytes, or a number such as 500K, 64M or 1G."),
        ("--page-seconds", "0", " is 0.0; expected more than 0."),
        ("--executor", "ray", " ray needs Ray, which is not installed: pip install 'ray[default]'."),
    ],
)
def test_wrong_options(allennlp, tmp_path, dump, option, value, message, monkeypatch):
    monkeypatch.setattr("luke_allennlp.wikipedia.executors._is_installed", lambda name: False)
    finished = allennlp("wikipedia-extract", dump, "-o", str(tmp_path / "out"), option, value)
    assert finished.error == f"allennlp: error: {option}{message}"
