from typing import Optional

import pytest

from luke_allennlp.wikipedia.siteinfo import SiteInfo
from luke_allennlp.wikipedia.titles import ResolvedTitle, TitleRules
from tests.wikipedia.made_dumps import NAMESPACES, header

GERMAN = """
      <namespace key="0" case="first-letter" />
      <namespace key="2" case="first-letter">Benutzer</namespace>
      <namespace key="4" case="first-letter">Wikipedia</namespace>
      <namespace key="6" case="first-letter">Datei</namespace>
      <namespace key="14" case="first-letter">Kategorie</namespace>"""


def rules(language: str = "en", namespaces: str = NAMESPACES, case: str = "first-letter") -> TitleRules:
    base = f"https://{language}.wikipedia.org/wiki/X"
    return TitleRules(SiteInfo.from_header(header(language, base, namespaces, case)))


ENGLISH = rules()
LINKS = {
    # Articles: by what is linked, the title.
    "article": {
        **dict.fromkeys(["Physics", "physics", ":physics", "::physics", "en:physics"], "Physics"),
        " new__york  city_": "New york city",
        "new\u00a0york": "New york",
        "ǆ": "Ǆ",
        # A capital of two letters is none; the mark of direction is invisible.
        "ßeta": "ßeta",
        "Abc\u200e": "Abc",
        "e&#769;t&#xE9;": "Été",
        "R&D &copy": "R&D &copy",
        "New%20York": "New York",
        "100% pure": "100% pure",
        "%C3%89t%C3%A9": "Été",
        # A prefix that is none.
        "Star Trek: Voyager": "Star Trek: Voyager",
        "C++": "C++",
        "x" * 255: "X" + "x" * 254,
    },
    # Other wikis; with a colon, the link is shown.
    "interlanguage": {"fr:Paris": "fr:Paris", "ZH-min-nan: x_y": "zh-min-nan:x y"},
    "interwiki": {
        ":fr:Paris": "fr:Paris",
        "wikt:word": "wikt:word",
        ":commons:Category:x": "commons:Category:x",
    },
}


@pytest.mark.parametrize(
    "kind, target, title", [(kind, *item) for kind, links in LINKS.items() for item in links.items()]
)
def test_titles(kind: str, target: str, title: str) -> None:
    assert ENGLISH.resolve(target) == ResolvedTitle(kind, 0, title, None, kind != "interlanguage")


@pytest.mark.parametrize(
    "target, kind, title, fragment",
    [
        ("physics#Early_history", "article", "Physics", "Early history"),
        ("C#", "article", "C", None),
        ("#History", "fragment", "", "History"),
        (" # History", "fragment", "", " History"),
    ],
)
def test_fragments(target: str, kind: str, title: str, fragment: Optional[str]) -> None:
    assert ENGLISH.resolve(target) == ResolvedTitle(kind, 0, title, fragment, True)


@pytest.mark.parametrize(
    "target, number, title, is_shown",
    [
        ("Category:physics", 14, "Category:Physics", False),
        (":Category:physics", 14, "Category:Physics", True),
        ("File:a.jpg", 6, "File:A.jpg", False),
        (":Image:a.jpg", 6, "File:A.jpg", True),
        ("Datei:a.jpg", 6, "File:A.jpg", False),
        ("ファイル:a.jpg", 6, "File:A.jpg", False),
        ("Media:a.ogg", -2, "Media:A.ogg", True),
        ("Minipedia:x", 4, "Minipedia:X", True),
        ("WP:x", 4, "Minipedia:X", True),
        ("minipedia_talk:x:y", 5, "Minipedia talk:X:y", True),
        ("Gadget definition:x", 2302, "Gadget definition:x", True),
    ],
)
def test_namespaces(target: str, number: int, title: str, is_shown: bool) -> None:
    assert ENGLISH.resolve(target) == ResolvedTitle("namespace", number, title, None, is_shown)


INVALID = ["", " ", "a\nb", "a\tb", "é" * 128, "Talk:fr:x", "http://example.org", "mailto:x@example.org"]
INVALID += (
    ": # File: Category:#x :::x a<b a&lt;b a%3Eb a[b a|b a{b} a%00b a%FFb a%2541 a&amp;nbsp;b ~~~".split()
)
INVALID += "~~~ . .. ../x a/./b a/.. Talk:File:x //example.org fr:a<b".split()


def test_invalid() -> None:
    for target in INVALID:
        assert ENGLISH.resolve(target) == ResolvedTitle("invalid", 0, target, None, True)


def test_names_of_the_wiki() -> None:
    german = rules("de", GERMAN)
    assert german.resolve("Bild:x.jpg").title == "Datei:X.jpg"
    assert german.resolve("Category:x").title == "Kategorie:X"
    assert german.resolve("Benutzerin:x").title == "Benutzer:X"
    assert german.resolve("en:x").kind == "interlanguage"
    # Not all wikis have a portal: this one's siteinfo does not list it.
    assert german.resolve("P:x").kind == "article"


def test_first_letter() -> None:
    assert rules("tr").resolve("istanbul").title == "İstanbul"
    assert rules("de").resolve("istanbul").title == "Istanbul"
    lojban = rules("jbo", NAMESPACES.replace("first-letter", "case-sensitive"), "case-sensitive")
    assert lojban.resolve("a").title == "a"
