import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.linking.redirects import Redirects
from luke_allennlp.wikipedia.pages import ExtractedWikipedia
from luke_allennlp.wikipedia.redirects import RedirectResolver, build_redirects, checked_pages
from tests.wikipedia.made_pages import page, redirect, write_pages


@pytest.fixture
def resolver(tmp_path):
    pages = [
        page("Harbour"),
        redirect("Port", "Harbour"),
        redirect("Ports", "Port"),
        redirect("Old ports", "Ports"),
        redirect("Lost", "Nowhere"),
        redirect("A", "B"),
        redirect("B", "C"),
        redirect("C", "B"),
        redirect("Self", "Self"),
        redirect("To self", "Self"),
        page("Port (disambiguation)", disambiguation=True),
        page("Category:Harbours", namespace=14),
        redirect("Cat", "Category:Harbours"),
        # A page and a redirect of one title, and two redirects of one title.
        page("Quay"),
        redirect("Quay", "Harbour"),
        redirect("Twice", "Quay"),
        redirect("Twice", "Harbour"),
    ]
    wiki = ExtractedWikipedia(write_pages(tmp_path / "pages", [pages[:7], pages[7:]]))
    return RedirectResolver.build(wiki, tmp_path / "titles")


PAGES = {"Port (disambiguation)": "", "Harbour": "", "Port": "Harbour", "Old ports": "Harbour", "Quay": ""}
PAGES["Twice"] = "Quay"
NO_PAGES = {
    "Lost": "Nowhere",
    **dict.fromkeys(["Nowhere", "Never mentioned", "A", "B", "Self", "To self"], ""),
}
NO_PAGES["Cat"] = "Category:Harbours"


@pytest.mark.parametrize("title, final", [*PAGES.items(), *NO_PAGES.items()])
def test_where_titles_lead(resolver, title, final):
    final, is_page = final or title, title in PAGES
    assert resolver.resolve(title) == final
    assert resolver.page(title) == (final if is_page else None)
    numbers = resolver.page_numbers([title, "Harbour"])
    assert numbers.tolist() == [resolver.number(final) if is_page else -1, resolver.number("Harbour")]


def test_redirects_for_the_linker_are_followed_to_the_end(resolver, tmp_path):
    assert build_redirects(str(tmp_path / "pages"), str(tmp_path / "redirects"))
    redirects = Redirects(str(tmp_path / "redirects"))
    assert {title: redirects.resolve(title) for title in redirects} == {
        **dict.fromkeys(["Port", "Ports", "Old ports"], "Harbour"),
        **{"Lost": "Nowhere", "Cat": "Category:Harbours", "Twice": "Quay"},
    }


def test_no_shards(tmp_path):
    with pytest.raises(ConfigurationError, match="has no pages"):
        checked_pages(write_pages(tmp_path / "pages", []))
