import pytest

from luke_allennlp.linking.article_links import ArticleLinksEntityLinker
from luke_allennlp.linking.link_database import Link, LinkDatabase
from luke_allennlp.wikipedia.links import build_link_database
from luke_allennlp.wikipedia.mention_counts import build_mention_database
from luke_allennlp.wikipedia.redirects import build_redirects
from luke_allennlp.wikipedia.vocabulary import build_vocabulary
from tests.wikipedia.made_pages import page, redirect, write_pages

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def wiki(tmp_path):
    pages = [
        page(
            "Harbour towns", "[[Velmar|Port Velmar]] at [[Bay|the bay]].", "[[Bay|the bay]] [[Lost]] [[Loop]]"
        ),
        page("Port Velmar", "Port Velmar, Port Velmar"),
        page("Bay", "the bay the bay, [[Port Velmar]]"),
        redirect("Velmar", "Port velmar"),
        redirect("Port velmar", "Port Velmar"),
        redirect("Ports", "Harbour towns"),
        redirect("Loop", "Loop"),
        page("Bay", "A page that was moved: [[Harbour towns]]"),
        page("Category:Bays", "[[Bay]]", namespace=14),
    ]
    return str(write_pages(tmp_path / "pages", [pages[:3], pages[3:]]))


def build(wiki, directory):
    assert build_mention_database(wiki, str(directory / "mentions"))
    assert build_link_database(wiki, str(directory / "mentions"), str(directory / "links"))
    return LinkDatabase(str(directory / "links"))


def test_the_links_of_each_page(wiki, tmp_path):
    database = build(wiki, tmp_path)
    assert sorted(database) == ["Bay", "Harbour towns", "Port Velmar"]
    # "the bay" is a link twice, and stands in two pages; the other is one twice, and stands in three.
    port, bay = Link("Port Velmar", "Port Velmar", pytest.approx(2 / 3)), Link("the bay", "Bay", 1.0)
    assert database.links("Harbour towns") == [port, bay, bay]
    assert database.links("Bay") == [port]
    assert database.links("Port Velmar") == []


def test_the_linker_of_extractive_qa_reads_them(wiki, tmp_path):
    build(wiki, tmp_path)
    assert build_redirects(wiki, str(tmp_path / "redirects"))
    (tmp_path / "model").mkdir()
    assert build_vocabulary([wiki], str(tmp_path / "model" / "entity_vocab.tsv"))
    linker = ArticleLinksEntityLinker(
        str(tmp_path / "model"), str(tmp_path / "links"), link_redirects=str(tmp_path / "redirects")
    )
    # Ids by line: three special entities, then Bay (3 links), Port Velmar (2) and Harbour towns (1).
    assert linker.rows("Ports") == {"port velmar": 4, "the bay": 3}
    assert linker.rows("Lost") == {}
