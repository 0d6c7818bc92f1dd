from pathlib import Path
from typing import Iterator, Tuple

import pytest

from luke_allennlp.wikipedia.dump import Dump
from luke_allennlp.wikipedia.page_xml import RawPage
from luke_allennlp.wikipedia.titles import TitleRules
from luke_allennlp.wikipedia.wikitext import WikitextParser
from tests.wikipedia.node_trees import TreeReader

ALL_SORTS = """
{{Infobox|name=[[a]]|b={{c|[[d|e]]}}}} <!-- [[f]] -->
'''Page''' is ''[[g]]'' of [[h|i ''j'']]&nbsp;k.<ref>[[l]]
</ref> [[File:m.png|thumb|a [[n]] of [[o|p]]<ref name="q" />]] [[Category:R]] [[:Category:S]] [[fr:T]] [[#u]]
[[page]]
== [[v]] w ==
* [http://x.example/?y={{z}} a [[b]]] http://c.example/d [[e|{{f}}]] [[g|h [[i]] j]]
*# ; <div style="display:none">[[k]]</div> <span class="l">[[m]]</span>s <br/> <nowiki>[[n]] &amp;</nowiki>
{| class="o"
! [[p]]
|-
| {{q|[[r]]}} || [[s]]
|}
<gallery>t.png|[[u]]</gallery> <math>v</math> <blockquote>[[w]]<poem>
[[x]]
</poem></blockquote> [[y
|z]] {{{a|[[b]]}}} &#65;&#x42;&eacute; <ref>c [[d]]
=== e<ref>f</ref> ===
[[g{{h}}|i]] [[j&amp;k]] <li>[[l]] <b>m [[n|<i>o</i>]]
"""


def assert_same(text: str, title: str, titles: TitleRules, parser: WikitextParser) -> int:
    tree = TreeReader(text, titles, title, titles.site.language)
    page = parser.parse(text, title)
    assert page.sections == tree.page.sections
    assert page.paragraphs == tree.page.paragraphs
    assert page.dropped == tree.dropped
    return sum(len(paragraph.links) for paragraph in page.paragraphs)


def articles(path: Path) -> "Tuple[TitleRules, Iterator[RawPage]]":
    dump = Dump(path)
    pages = (page for page in dump.pages() if isinstance(page, RawPage))
    return TitleRules(dump.site), (page for page in pages if page.namespace == 0 and page.redirect is None)


def test_same_as_the_tree_of_nodes(fixtures_dir: Path) -> None:
    dump = fixtures_dir / "wikipedia" / "valdoriawiki-pages-articles-multistream.xml.bz2"
    titles, pages = articles(dump)
    parser = WikitextParser(titles, link_trail=False)
    assert assert_same(ALL_SORTS, "Page", titles, parser) == 12
    links = [assert_same(page.text, page.title, titles, parser) for page in pages]
    assert sum(links) > 10 * len(links)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    "name, links",
    [
        ("minidump_de_dbpedia.xml.bz2", 1657),
        ("minidump_ja_dbpedia.xml.bz2", 523),
        ("minidump_ar_dbpedia.xml.bz2", 141),
        ("enwiki_p10p30302_gensim.xml.bz2", 22589),
    ],
)
def test_same_as_the_tree_of_nodes_of_real_pages(shared_dir: Path, name: str, links: int) -> None:
    titles, pages = articles(shared_dir / "data" / "wikipedia" / name)
    parser = WikitextParser(titles, link_trail=False, language=titles.site.language)
    assert sum(assert_same(page.text, page.title, titles, parser) for page in pages) == links


def test_without_the_tokenizer_in_c(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    titles, _ = articles(fixtures_dir / "wikipedia" / "valdoriawiki-pages-articles-multistream.xml.bz2")
    with_c = WikitextParser(titles).parse(ALL_SORTS)
    monkeypatch.setattr("mwparserfromhell.parser.CTokenizer", None)
    assert WikitextParser(titles).parse(ALL_SORTS) == with_c
