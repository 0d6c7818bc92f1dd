import re
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.wikipedia.pages import PageLink
from luke_allennlp.wikipedia.siteinfo import CANONICAL_NAMESPACES, SiteInfo
from luke_allennlp.wikipedia.tidying import tidy
from luke_allennlp.wikipedia.titles import TitleRules
from luke_allennlp.wikipedia.wikitext import WikitextParser

PARSER = WikitextParser(
    TitleRules(SiteInfo("en", "enwiki", "", "", "first-letter", dict(CANONICAL_NAMESPACES), {}))
)


@pytest.mark.parametrize(
    "source, shown",
    [
        # Empty brackets, whatever vanished in them.
        ("a ({{x}}) b", "a b"),
        ("a ( {{x}} ), b", "a, b"),
        ("a（{{x}}、{{y}}）b", "ab"),
        ("a ({{x}}, {{y}}; {{z}}) b", "a b"),
        ("a ({{x}}) ({{y}}) (b)", "a (b)"),
        # Separators with nothing on one side; of two, the one that binds more tightly.
        ("a ({{x}}; born 1970)", "a (born 1970)"),
        ("a ({{x}}; , b)", "a (b)"),
        ("a (born 1970; {{x}})", "a (born 1970)"),
        ("a (Latin: {{x}}; b)", "a (Latin; b)"),
        ("a ({{x}}/b, c)", "a (b, c)"),
        ("{{x}}, a", "a"),
        # Spaces.
        ("a <ref>x</ref>, b {{x}}. c", "a, b. c"),
        # What was written stays.
        ("f() and g(, x) [ ] ; {{x}} b ( ; )", "f() and g(, x) [ ] ; b ( ; )"),
        ("{{x}} (a ; b ,) <ref>c</ref>", "(a ; b ,)"),
        ("a (http://b.example/c {{x}})", "a (http://b.example/c)"),
        ("a (/b/{{x}}, {{y}} /c/)", "a (/b/, /c/)"),
        ("a (pre-{{x}}war) {{x}}-b", "a (pre-war) -b"),
        ("a (<nowiki/>) <!-- b --> (<nowiki>; </nowiki>)", "a () (; )"),
    ],
)
def test_what_vanished_leaves_nothing_behind(source: str, shown: str) -> None:
    assert [paragraph.text for paragraph in PARSER.parse(source).paragraphs] == [shown]


def test_links_are_where_they_were() -> None:
    source = "({{x}}) [[a]] ({{x}}; [[b]]s, {{y}} [[;]]) [[c| ({{x}}) d]], [[e]]"
    (paragraph,) = PARSER.parse(source).paragraphs
    assert paragraph.text == "a (bs, ;) () d, e"
    assert [(link.start, link.surface) for link in paragraph.links] == [
        *((0, "a"), (3, "bs"), (7, ";"), (10, "() d"), (16, "e")),
    ]


def test_headings() -> None:
    (section,) = PARSER.parse("== a ({{x}}) {{y}}, b ==").sections
    assert section.title == "a, b"


@given(st.lists(st.sampled_from([*"()[],; :–-/.a\x7f", "b c"]), max_size=30), st.data())
def test_any_text(parts: List[str], data: st.DataObject) -> None:
    text, removed = "", []
    for part in parts:
        if part == "\x7f":
            removed.append(len(text))
        else:
            text += part
    bounds = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = zip(bounds[::2], bounds[1::2], strict=False)
    links = [PageLink("T", text[start:end], start, end) for start, end in spans]
    shown, moved = tidy(text, links, removed)
    assert [shown[link.start : link.end] for link in moved] == [link.surface for link in links]
    assert [link.surface for link in moved] == [link.surface for link in links]
    # Words stay, in their order; nothing is added.
    assert re.sub(r"[^a-c]", "", shown) == re.sub(r"[^a-c]", "", text)
    rest = iter(text)
    assert all(character in rest for character in shown)
    if not removed:
        assert shown == text


@pytest.mark.parametrize(
    "source",
    [
        "({{x}}) " * 20000 + "a",
        "(" + "{{x}}, " * 20000 + "a)",
        "([" * 20000 + "a{{x}}" + ")" * 20000,
        "(b, {{x}} " * 2000 + "a" + ")" * 2000,
    ],
)
def test_many_brackets(source: str) -> None:
    assert any("a" in paragraph.text for paragraph in PARSER.parse(source).paragraphs)
