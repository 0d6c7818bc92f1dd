import pytest

from luke_allennlp.wikipedia.siteinfo import CANONICAL_NAMESPACES, SiteInfo
from tests.wikipedia.made_dumps import FOOTER, header


def test_header() -> None:
    site = SiteInfo.from_header(header())
    assert site[:5] == (
        *("en", "miniwiki", "Minipedia", "https://en.wikipedia.org/wiki/Main_Page", "first-letter"),
    )
    assert [site.namespaces[number] for number in (0, 5, -2)] == ["", "Minipedia talk", "Media"]
    assert site.cases == {2302: "case-sensitive"}
    assert site.has_capitals(0) and not site.has_capitals(2302)


@pytest.mark.parametrize(
    "declared, base, language",
    [
        ("en", "https://simple.wikipedia.org/wiki/Main_Page", "simple"),
        ("yue", "https://zh-yue.wikipedia.org/wiki/X", "zh-yue"),
        ("de", "https://www.wikipedia.org/", "de"),
        ("de", "", "de"),
    ],
)
def test_language(declared: str, base: str, language: str) -> None:
    assert SiteInfo.from_header(header(declared, base)).language == language


def test_without_siteinfo() -> None:
    for text in (
        '<mediawiki xml:lang="it">',
        '<mediawiki xml:lang="it"/>',
        "\ufeff<?xml version='1.0' encoding='utf-8'?>\n<!-- a --> <mediawiki xml:lang='it'>\n ",
        f'<mediawiki xml:lang="it">{FOOTER}',
    ):
        site = SiteInfo.from_header(text)
        assert site.language == "it" and site.namespaces == CANONICAL_NAMESPACES and site.has_capitals(0)
