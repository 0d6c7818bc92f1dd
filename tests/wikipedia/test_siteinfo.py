import pytest

from luke_allennlp.wikipedia.siteinfo import CANONICAL_NAMESPACES, SiteInfo
from tests.wikipedia.made_dumps import FOOTER, header


def test_header() -> None:
    site = SiteInfo.from_header(header())
    assert site.language == "en"
    assert (site.dbname, site.sitename, site.case) == ("miniwiki", "Minipedia", "first-letter")
    assert site.base == "https://en.wikipedia.org/wiki/Main_Page"
    assert (
        site.namespaces[0] == "" and site.namespaces[5] == "Minipedia talk" and site.namespaces[-2] == "Media"
    )
    assert site.cases == {2302: "case-sensitive"}
    assert site.has_capitals(0) and not site.has_capitals(2302)


@pytest.mark.parametrize(
    "declared, base, language",
    [
        ("en", "https://simple.wikipedia.org/wiki/Main_Page", "simple"),
        ("yue", "https://zh-yue.wikipedia.org/wiki/X", "zh-yue"),
        ("de", "https://wiki.example.org/Start", "de"),
        ("de", "https://www.wikipedia.org/", "de"),
        ("de", "", "de"),
    ],
)
def test_language(declared: str, base: str, language: str) -> None:
    assert SiteInfo.from_header(header(declared, base)).language == language


@pytest.mark.parametrize(
    "text",
    [
        '<mediawiki xml:lang="it">',
        '<mediawiki xml:lang="it"/>',
        "\ufeff<?xml version='1.0' encoding='utf-8'?>\n<!-- a --> <mediawiki xml:lang='it'>\n ",
        f'<mediawiki xml:lang="it">{FOOTER}',
    ],
)
def test_without_siteinfo(text: str) -> None:
    site = SiteInfo.from_header(text)
    assert site.language == "it" and site.namespaces == CANONICAL_NAMESPACES and site.has_capitals(0)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "does not begin with <mediawiki>"),
        ("<html><mediawiki>", "does not begin with <mediawiki>"),
        ("<mediawikis>", "does not begin with <mediawiki>"),
        ("<mediawiki><siteinfo><base>", "siteinfo has no end"),
        ("<mediawiki><siteinfo><base></siteinfo>", "no XML"),
        ('<!DOCTYPE m [<!ENTITY a "b">]><mediawiki>', "document type"),
    ],
)
def test_no_header(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SiteInfo.from_header(text)
