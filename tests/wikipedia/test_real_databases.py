"""Vocabulary and databases of a real dump, against dictionaries."""

from collections import Counter
from pathlib import Path

import pytest

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.linking.link_database import LinkDatabase
from luke_allennlp.wikipedia.extraction import extract
from luke_allennlp.wikipedia.links import build_link_database
from luke_allennlp.wikipedia.mention_counts import MentionOptions, build_mention_database
from luke_allennlp.wikipedia.pages import ExtractedWikipedia
from luke_allennlp.wikipedia.vocabulary import VocabularyOptions, build_vocabulary
from tests.wikipedia.made_pages import resolve
from tests.wikipedia.test_mention_counts import expected_mentions, found_mentions


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", ["enwiki_sample_wikipedia2vec.xml.bz2", "minidump_ja_dbpedia.xml.bz2"])
def test_a_real_dump(tmp_path: Path, shared_dir: Path, name: str) -> None:
    extract([str(shared_dir / "data" / "wikipedia" / name)], str(tmp_path / "pages"))
    wiki = str(tmp_path / "pages")
    pages = list(ExtractedWikipedia(wiki).pages())
    redirects = {page.title: page.redirect for page in pages if page.redirect is not None}
    articles = {page.title: page for page in pages if page.redirect is None}

    options = VocabularyOptions(missing_pages=True)
    assert build_vocabulary([wiki], str(tmp_path / "v.jsonl"), options)
    counts = Counter(
        resolve(redirects, link.target)
        for page in pages
        for paragraph in page.paragraphs
        for link in paragraph.links
    )
    entries = list(EntityVocabulary.from_file(tmp_path / "v.jsonl").entries())[3:]
    assert [(-count, titles[0][0]) for _, titles, count in entries] == sorted(
        (-count, title) for title, count in counts.items()
    )

    assert build_mention_database(wiki, str(tmp_path / "mentions"), MentionOptions(min_link_probability=0.0))
    mentions = expected_mentions([pages], MentionOptions(min_link_probability=0.0))
    assert len(mentions) > 100
    assert found_mentions(tmp_path / "mentions") == mentions

    assert build_link_database(wiki, str(tmp_path / "mentions"), str(tmp_path / "links"))
    database = LinkDatabase(str(tmp_path / "links"))
    assert sorted(database) == sorted(articles)
    for title, page in articles.items():
        links = [
            (link.surface, resolve(redirects, link.target)) for text in page.paragraphs for link in text.links
        ]
        assert [link[:2] for link in database.links(title)] == [link for link in links if link[1] in articles]
