from typing import Any, List, Tuple

import pytest

from luke_allennlp.wikipedia.pages import Paragraph
from luke_allennlp.wikipedia.siteinfo import CANONICAL_NAMESPACES, SiteInfo
from luke_allennlp.wikipedia.titles import TitleRules
from luke_allennlp.wikipedia.wikitext import ParsedPage, WikitextParser


def rules(language: str = "en", templates: str = "Template") -> TitleRules:
    names = {**CANONICAL_NAMESPACES, 4: "Wikipedia", 10: templates}
    return TitleRules(SiteInfo(language, f"{language}wiki", "Wikipedia", "", "first-letter", names, {}))


def parse(text: str, title: str = "Page", language: str = "en", **options: Any) -> ParsedPage:
    page = WikitextParser(rules(language), language=language, **options).parse(text, title)
    # What holds of every page.
    for paragraph in page.paragraphs:
        assert paragraph.text == paragraph.text.strip() != "" and "\n" not in paragraph.text
        end = 0
        for link in paragraph.links:
            assert paragraph.text[link.start : link.end] == link.surface == link.surface.strip() != ""
            assert link.target and link.start >= end
            end = link.end
    return page


def lines(text: str, **options: Any) -> List[str]:
    return [paragraph.text for paragraph in parse(text, **options).paragraphs]


def links(text: str) -> List[Tuple[str, str]]:
    return [(link.surface, link.target) for paragraph in parse(text).paragraphs for link in paragraph.links]


@pytest.mark.parametrize(
    "source, paragraphs",
    [
        (
            "Ah, [[tea]] and [[Coffee|a cup]].",
            [("Ah, tea and a cup.", [("Tea", "tea", 4, 7, None), ("Coffee", "a cup", 12, 17, None)], -1)],
        ),
        ("one\n \n  two\n", [("one", [], -1), ("two", [], -1)]),
        # Spaces are collapsed around what vanishes; one stays where a label has one.
        ("  A {{x}}  [[ b | c  d ]]\t{{y}} e", [("A c d e", [("B", "c d", 2, 5, None)], -1)]),
        ("a[[b| c ]]d", [("a c d", [("B", "c", 2, 3, None)], -1)]),
    ],
)
def test_paragraphs_and_offsets(source: str, paragraphs: List[Any]) -> None:
    assert parse(source).paragraphs == paragraphs


def test_sections() -> None:
    page = parse("lead\n== One ==\ntext\n===[[Two|2]] ''x''===\n== Empty ==\n== Last ==\nend [[a]]")
    assert page.sections == [(2, "One", 1), (3, "2 x", 2), (2, "Empty", 2), (2, "Last", 2)]
    assert [(p.text, p.section) for p in page.paragraphs] == [("lead", -1), ("text", 0), ("end a", 3)]
    assert page.dropped == {"heading": 1}


@pytest.mark.parametrize(
    "source, reason",
    [
        ("{{Infobox|a=[[x]]|b={{c|[[y]]}}}}", "template"),
        ("{{{1|[[x]] [[y]]}}}", "template"),
        ("{| class=a\n|-\n| [[x]] || [[y]]\n|}", "table"),
        ("<table><tr><td>[[x]] [[y]]</table>", "table"),
        ("<ref name=a>[[x]] {{b|[[y]]}}</ref><ref name=a />", "reference"),
        ("<includeonly>[[x]] [[y]]</includeonly>", "tag"),
        ('<span style="color:red; display: none">[[x]] <b>[[y]]</b></span>', "tag"),
    ],
)
def test_what_vanishes_with_its_links(source: str, reason: str) -> None:
    page = parse(f"before\n{source}\nafter")
    assert [p.text for p in page.paragraphs] == ["before", "after"]
    assert page.dropped == {reason: 2}


@pytest.mark.parametrize(
    "source",
    [
        "<!-- [[x]] -->",
        "<math>[[x]] a''b</math>",
        "<syntaxhighlight lang=c>[[x]]\n== y ==</syntaxhighlight>",
        "__NOTOC__ __KEIN_INHALTSVERZEICHNIS__ __目次非表示__ __noindex__",
        "[http://x.example]",
        "\N{SOFT HYPHEN}\ufeff\0",
    ],
)
def test_what_vanishes(source: str) -> None:
    assert lines(f"a{source}b") == ["ab"] or lines(f"a{source}b") == ["a b"]
    assert parse(source).dropped == {}


def test_images() -> None:
    page = parse("a [[File:x.jpg|thumb|left|b [[c]] d [[image:y.png|[[e|f]]]]]] g")
    assert lines("a [[File:x.jpg|thumb|left|b [[c]] d]] g") == ["a g"]
    assert page.dropped == {"file": 1, "caption": 3}
    assert lines("[[:File:x.jpg]] and [[:File:x.jpg|a label]]") == ["File:x.jpg and a label"]


def test_links_that_are_no_links_to_articles() -> None:
    text = (
        "[[Category:A]] [[:Category:B|b]] [[User:C]] [[wikt:d]] [[fr:E]] [[:fr:F|f]] [[#g]] [[#g|here]] "
        "[[Page]] [[page#h|i]] [[{{x}}|j]] [[k|{{l}}]] [[m| ]] end"
    )
    page = parse(text)
    assert [p.text for p in page.paragraphs] == ["b User:C wikt:d f #g here Page i j end"]
    assert page.dropped == {
        **{"category": 2, "empty": 2, "interwiki": 2, "self": 4},
        **{"interlanguage": 1, "invalid": 1, "namespace": 1},
    }
    assert links(text) == []


@pytest.mark.parametrize(
    "source, surface, target",
    [
        ("[[new  york_city]]", "new york_city", "New york city"),
        ("[[a|b]]", "b", "A"),
        ("[[:a]]", "a", "A"),
        ("[[a|]]", "a", "A"),
        ("[[Mercury (planet)|]]", "Mercury", "Mercury (planet)"),
        ("[[a|''b'' '''c'''<ref>d</ref>]]", "b c", "A"),
        ("[[a|<b>b</b><sub>2</sub>]]", "b2", "A"),
        ("[[a|b&nbsp;&amp;&#32;c]]", "b & c", "A"),
        ("[[a{{!}}b]]", "b", "A"),
        ("[http://x.example see [[a|b]]]", "b", "A"),
        ("<poem>\n[[a|b]]\n</poem>", "b", "A"),
    ],
)
def test_labels(source: str, surface: str, target: str) -> None:
    assert links(source) == [(surface, target)]


@pytest.mark.parametrize(
    "language, source, surface",
    [
        ("en", "[[bus]]es", "buses"),
        ("en", "[[bus|car]]s.", "cars"),
        ("en", "[[bus]]<!-- x -->es", "buses"),
        ("en", "[[bus]]<nowiki/>es", "bus"),
        ("en", "[[bus]]é", "bus"),
        ("fr", "[[bus]]é", "busé"),
        ("de", "[[Haus]]größe", "Hausgröße"),
        ("is", "[[x]]x-–y", "xx-–y"),
        ("unheard-of", "[[a]]bcé", "abc"),
        ("ja", "[[BBC]]tv", "BBC"),
    ],
)
def test_link_trails(language: str, source: str, surface: str) -> None:
    page = parse(source, language=language)
    (link,) = page.paragraphs[0].links
    assert link.surface == surface
    without = parse(source, language=language, link_trail=False)
    assert without.paragraphs[0].text == page.paragraphs[0].text
    assert len(without.paragraphs[0].links[0].surface) <= len(surface)


@pytest.mark.parametrize(
    "language, source, shown",
    [
        ("en", "'''bold''' ''italic'' '''''both'''''", "bold italic both"),
        ("en", "L'''amour'' et ''x''", "L'amour et x"),
        ("en", "''''a''''", "'a'"),
        ("en", "<nowiki>'''a''' __TOC__ [[b]] {{c}} &lt;</nowiki>", "'''a''' __TOC__ [[b]] {{c}} <"),
        ("en", "1 &lt; 2 &amp;amp; &eacute;&#x41;", "1 < 2 &amp; éA"),
        ("en", "a<ref>b</ref>, c<ref name=d />.", "a, c."),
        ("en", "[http://x.example/ a ''b''] c __init__", "a b c __init__"),
        ("en", "a<br/>b<br>c</ref> <font size=1>d", "a b c d"),
        ("en", "1 \ud800 2", "1 \ufffd 2"),
        # Lists and blocks.
        ("en", "; a : b\n: c<p>d</p>e\n----\nf<div>g</div><li>h<li>i", "a|b|c|d|e|f|g|h|i"),
        # What is not closed.
        ("en", "a<p>b</b> c<div>d</ref>e", "a|b c|de"),
        ("en", "a\n{| class=x\n|-\n| [[b]] || [[c]]\nd", "a|d"),
        ("zh", "-{zh-hans:计算机;zh-hant:電腦;}-x", "计算机x"),
        ("zh", "-{[[a|甲]]}-", "甲"),
        ("zh", "-{H|zh-cn:a;zh-tw:b}-x", "x"),
        ("zh", "-{R|a:b;c}-", "a:b;c"),
        ("zh", "-{zh-hans:-{a}-b;zh-hant:c}-", "ab"),
    ],
)
def test_text(language: str, source: str, shown: str) -> None:
    assert lines(source, language=language) == shown.split("|")


def test_many_rows_that_are_not_closed() -> None:
    page = parse(f"{{|\n{'<tr><td>[[a]]<td>' * 100}\n|}}\nc")
    assert [paragraph.text for paragraph in page.paragraphs] == ["c"] and page.dropped == {"table": 100}
    # This only looks like a row of a table.
    assert lines("a [[b\n|c]], d") == ["a [[b", "|c]], d"]


OPEN_TAGS = ["<li value=3>", '<Li class="{{a|{{b}}}}">', "<li\n>", "<li><dd>x<li>", "<span title='[c]'>"]
OPEN_TAGS += "<li> <dd> <DT> <p> <small> <table> <td> <caption> <br>".split()
OPEN_TAGS += ["<div style='display:none'>"]


@pytest.mark.parametrize(
    "source, reason, links_in_it",
    [
        ("{{{{Infobox|p={}[[Beta]]|o=x}}}}", "template", 1),
        ("{{{{Infobox|p={{{{a|{0}[[b]]{0}}}}}[[c]]\n|o={0}}}}}", "template", 2),
        ("{{{{{{1|{}[[b]]}}}}}}", "template", 1),
        ("{{|\n| {0}[[b]] || {0}c\n|-\n! {0}\n|}}", "table", 1),
        ("<table><tr><td>{}[[b]]</table>", "table", 1),
        ("[[File:b.png|thumb|{}[[c]]]]", "caption", 1),
        ("<ref name=b>{}[[c]]</ref>", "reference", 1),
        ("{{|\n| {{{{b|{0}[[c]]}}}} <ref>{0}d</ref> [[File:e.png|{0}]]\n|}}", "table", 2),
    ],
)
def test_html_that_is_not_closed_where_it_was_opened(source: str, reason: str, links_in_it: int) -> None:
    for number, tag in enumerate(OPEN_TAGS):
        after = "[[Alpha]]." + "</li></DD></dt></p></small></td></div></span>" * (number % 2)
        page = parse(f"{source.format(tag)}\nOld {after}")
        assert page.paragraphs == [Paragraph("Old Alpha.", [("Alpha", "Alpha", 4, 9, None)], -1)], tag
        assert page.dropped[reason] == links_in_it, tag


@pytest.mark.parametrize(
    "source, title, expected",
    [
        ("{{disambig}}", "Page", True),
        ("{{Template:Disambiguation}}", "Page", True),
        ("{{:Disambiguation}}", "Page", False),
        ("a\n__DISAMBIG__", "Page", True),
        ("* [[a]]", "Mercury (disambiguation)", True),
        ("a {{disambiguation needed}}", "Page", False),
        ("<nowiki>{{disambig}} __DISAMBIG__</nowiki> <!-- {{disambig}} -->", "Page", False),
        ("Disambiguation", "Disambiguation", False),
    ],
)
def test_disambiguations(source: str, title: str, expected: bool) -> None:
    assert parse(source, title=title).is_disambiguation is expected


def test_templates_with_the_name_of_their_namespace() -> None:
    for language, local, source in (
        ("de", "Vorlage", "{{Vorlage:Begriffsklärung}}"),
        ("xx", "Any name", "{{any_name:disambig}}"),
    ):
        assert WikitextParser(rules(language, local), language=language).parse(source).is_disambiguation


DEEP = ("[[", "{{", "<div>", "<ref>", "{|\n|", "''", "<nowiki>")
CLOSED = ("[[a|" * 3000 + "]]" * 3000, "{{a|" * 3000 + "}}" * 3000, "<div>" * 2000 + "a" + "</div>" * 2000)


@pytest.mark.parametrize("source", [*(piece * 2000 for piece in DEEP), *CLOSED], ids=range(10))
def test_nothing_is_too_deep(source: str) -> None:
    for language in ("en", "zh"):
        found = lines(f"begin\n{source}\n-->\n\nend", language=language)
        assert found[0].startswith("begin")
        assert "end" in found or not source.startswith(("<div>", "''"))
