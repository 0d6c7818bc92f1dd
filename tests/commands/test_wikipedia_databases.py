"""The commands that make vocabularies and databases of extracted pages, as a user types them."""

import joblib
import pytest

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.linking.link_database import Link, LinkDatabase
from luke_allennlp.linking.mention_database import Mention, MentionDatabase
from luke_allennlp.linking.redirects import Redirects
from tests.wikipedia.made_pages import page, redirect, write_pages


@pytest.fixture
def pages(tmp_path):
    made = [
        page("Harbour", "[[Bay]], [[Port|a port]] and [[Lost]]", disambiguation=True),
        page("Bay", "a bay, [[Harbour|a port]]"),
        redirect("Port", "Harbour"),
    ]
    return str(write_pages(tmp_path / "pages", [made[:1], made[1:]]))


def test_entity_vocab(allennlp, tmp_path, pages):
    output = tmp_path / "v.tsv"
    finished = allennlp(
        "wikipedia-entity-vocab", "--vocab-size", "6", "--mask2", pages, str(output), "--workers", "2"
    )
    assert finished.status == 0 and finished.out == f"6 entities in {output}\n"
    titles = ["[PAD]", "[UNK]", "[MASK]", "[MASK2]", "Harbour", "Bay"]
    assert list(EntityVocabulary.from_file(output)) == titles
    options = ["--without-disambiguation", "--missing-pages", "--language", "en", "--min-count", "1"]
    assert allennlp("wikipedia-entity-vocab", pages, str(tmp_path / "v.jsonl"), *options).status == 0
    assert list(EntityVocabulary.from_file(tmp_path / "v.jsonl"))[3:] == ["en:Bay", "en:Lost"]


def test_databases(allennlp, tmp_path, pages):
    redirects, mentions, links = (str(tmp_path / name) for name in ("redirects", "mentions", "links"))
    finished = allennlp("wikipedia-redirects", pages, redirects)
    assert finished.status == 0 and finished.out == f"1 redirects in {redirects}\n"
    assert Redirects(redirects).resolve("Port") == "Harbour"
    finished = allennlp("wikipedia-mention-db", "--min-link-prob", "0.6", pages, mentions)
    assert finished.status == 0 and finished.out == f"2 names with 2 titles in {mentions}\n"
    assert MentionDatabase(mentions).query("A port") == [Mention("Harbour", 2, 2, 2)]
    finished = allennlp("wikipedia-link-db", pages, mentions, links)
    assert finished.status == 0 and finished.out == f"3 links of 2 pages in {links}\n"
    assert LinkDatabase(links).links("Harbour") == [Link("Bay", "Bay", 0.0), Link("a port", "Harbour", 1.0)]


def test_from_release(allennlp, tmp_path):
    source, output = str(tmp_path / "r.pkl"), str(tmp_path / "redirects")
    joblib.dump({"Port": "Harbour"}, source, compress=3)
    finished = allennlp("wikipedia-redirects", "--from-release", source, output)
    assert finished[:2] == (0, f"1 redirects in {output}\n")
    for command in ("wikipedia-mention-db", "wikipedia-link-db"):
        finished = allennlp(command, "--from-release", source, str(tmp_path / "out"))
        assert finished.error == f"allennlp: error: {source}: expected a trie as 'title_trie', found none."


@pytest.mark.parametrize("command", ["wikipedia-entity-vocab", "wikipedia-redirects", "wikipedia-mention-db"])
def test_no_pages(allennlp, tmp_path, command):
    finished = allennlp(command, str(tmp_path / "no"), str(tmp_path / "out.tsv"))
    assert finished.error.startswith(f"allennlp: error: {tmp_path}/no: there is no metadata.json; expected")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "paths, message",
    [
        (("pages", "out"), "expected PAGES, MENTIONS and OUT, found 2 paths."),
        (("--from-release", "file", "mentions", "out"), "--from-release takes FILE and OUT, found 3 paths."),
    ],
)
def test_wrong_numbers_of_paths(allennlp, paths, message):
    assert allennlp("wikipedia-link-db", *paths).error == f"allennlp: error: {message}"
