import time
from collections import Counter, defaultdict

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.linking.mention_database import Mention, MentionDatabase
from luke_allennlp.linking.names import SEPARATOR, normalized_name, num_words
from luke_allennlp.wikipedia import mention_counts
from luke_allennlp.wikipedia.executors import Executor
from luke_allennlp.wikipedia.mention_counts import MentionOptions, build_mention_database
from tests.wikipedia.kills import kill_until_done
from tests.wikipedia.made_pages import random_shards, redirects_and_pages, resolve, write_pages

pytestmark = pytest.mark.usefixtures("here")


def expected_mentions(shards, options=MentionOptions()):
    """The counts in the plainest way, by dictionaries and lists of words."""
    redirects, pages = redirects_and_pages(shards)
    links = defaultdict(Counter)
    for made in pages:
        for paragraph in made.paragraphs:
            for link in paragraph.links:
                words = normalized_name(link.surface).split(SEPARATOR)
                if words != [""] and len(words) <= options.max_mention_words:
                    links[tuple(words)][resolve(redirects, link.target)] += 1
    documents = Counter()
    for made in pages:
        grams = set()
        for paragraph in made.paragraphs:
            words = normalized_name(paragraph.text).split(SEPARATOR)
            for start in range(len(words)):
                for end in range(start + 1, min(start + options.max_mention_words, len(words)) + 1):
                    grams.add(tuple(words[start:end]))
        documents.update(gram for gram in grams if gram in links)
    result = {}
    for words, titles in links.items():
        total, found = sum(titles.values()), documents[words]
        if found and total / found >= options.min_link_probability:
            ordered = sorted(titles.items(), key=lambda item: (-item[1], item[0]))[: options.top]
            result[SEPARATOR.join(words)] = [
                Mention(title, count, total, found)
                for title, count in ordered
                if count >= options.min_link_count
            ]
    return {name: mentions for name, mentions in result.items() if mentions}


def found_mentions(path):
    database = MentionDatabase(path)
    return {name: database.mentions(name) for name in database}


@pytest.mark.parametrize(
    "options",
    [
        MentionOptions(),
        MentionOptions(min_link_probability=0.4),
        MentionOptions(max_mention_words=2, top=2, min_link_count=2, min_link_probability=0.0),
    ],
)
def test_counts_as_in_dictionaries(tmp_path, options, monkeypatch):
    monkeypatch.setattr(mention_counts, "_PAIRS", 7)
    shards = random_shards(11, pages=60)
    pages = write_pages(tmp_path / "pages", shards)
    assert build_mention_database(str(pages), str(tmp_path / "db"), options)
    expected = expected_mentions(shards, options)
    assert len(expected) > 2
    assert found_mentions(tmp_path / "db") == expected


@pytest.mark.slow
def test_killed_at_any_moment_it_makes_the_same_bytes(tmp_path, monkeypatch):
    # So that it is not over at once.
    monkeypatch.setattr(mention_counts, "num_words", lambda name: (time.sleep(0.002), num_words(name))[1])
    pages, executor = str(write_pages(tmp_path / "pages", random_shards(2, shards=2))), Executor(workers=2)

    def build(name):
        build_mention_database(pages, str(tmp_path / name), executor=executor, force=True)

    build("whole")
    assert kill_until_done(lambda: build("db"), seed=1, step=0.2, whole_group=False) >= 2
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "db" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name, option", [("min_link_probability", "min-link-prob"), ("top", "top")])
def test_options_out_of_range(tmp_path, name, option):
    with pytest.raises(ConfigurationError, match=f"--{option} is -1; expected"):
        build_mention_database(str(tmp_path / "pages"), str(tmp_path / "db"), MentionOptions(**{name: -1}))
