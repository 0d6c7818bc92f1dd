import gzip

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.wikipedia.vocabulary import VocabularyOptions, build_vocabulary
from tests.wikipedia.made_pages import page, redirect, write_pages

pytestmark = pytest.mark.usefixtures("here")

SPECIALS = ["[PAD]", "[UNK]", "[MASK]"]


@pytest.fixture
def wiki(tmp_path):
    """Links: Harbour 5 (2 by redirects), Bay 3, Ash 3, Port (disambiguation) 2, Quay 1, Lone 0, Lost 1."""
    pages = [
        page("Harbour", "[[Bay]] and [[Bay|the bay]], [[Ash]]", "[[Port (disambiguation)]] [[Lost]]"),
        page("Bay", "[[Harbour]], [[Port]], [[Old ports|old]] [[Loop]] [[Category:Bays]]"),
        page("Ash", "[[Harbour]] [[Harbour|x]] [[Ash]] [[Bay]]"),
        redirect("Port", "Harbour"),
        redirect("Old ports", "Port"),
        redirect("Loop", "Loop"),
        page("Port (disambiguation)", "[[Quay]] [[Port (disambiguation)]] [[Ash]]", disambiguation=True),
        page("Quay"),
        page("Lone"),
        page("Category:Bays", namespace=14),
    ]
    return str(write_pages(tmp_path / "pages", [pages[:2], pages[2:]]))


def build(pages, output, **options):
    assert build_vocabulary(
        pages if isinstance(pages, list) else [pages], str(output), VocabularyOptions(**options)
    )
    return EntityVocabulary.from_file(output)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, "Harbour 5,Ash 3,Bay 3,Port (disambiguation) 2,Quay 1"),
        ({"min_count": 3}, "Harbour 5,Ash 3,Bay 3"),
        ({"without_disambiguation": True}, "Harbour 5,Ash 3,Bay 3,Quay 1"),
        # Not those of a loop, and not those of other namespaces.
        ({"missing_pages": True}, "Harbour 5,Ash 3,Bay 3,Port (disambiguation) 2,Lost 1,Quay 1"),
    ],
)
def test_which_entities_in_which_order(wiki, tmp_path, options, expected):
    vocabulary = build(wiki, tmp_path / "v.tsv", **options)
    assert (tmp_path / "v.tsv").read_text(encoding="utf-8").splitlines() == [
        *(f"{name}\t0" for name in SPECIALS),
        *("\t".join(entity.rsplit(" ", 1)) for entity in expected.split(",")),
    ]
    assert vocabulary.table_size == 3 + len(expected.split(","))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pages", "v.tsv"]


def test_a_white_list_comes_first(wiki, tmp_path):
    white_list = tmp_path / "white.txt"
    # Not linked, no page, a redirect, its page once more, with an underscore.
    white_list.write_text("Quay\nLone\nLost\nOld ports\nHarbour\n\nPort_(disambiguation)\n", encoding="utf-8")
    first = [*SPECIALS, "Quay", "Harbour", "Port (disambiguation)"]
    assert list(build(wiki, tmp_path / "v.tsv", white_list=str(white_list))) == [*first, "Ash", "Bay"]
    options = {"white_list": str(white_list), "white_list_only": True}
    assert list(build(wiki, tmp_path / "w.tsv", **options)) == first
    assert list(build(wiki, tmp_path / "x.tsv", size=5, **options)) == first[:5]
    white_list.write_text("Lost\nLoop\n", encoding="utf-8")
    options = {"white_list": str(white_list), "missing_pages": True, "size": 5}
    assert list(build(wiki, tmp_path / "y.tsv", **options))[3:] == ["Lost", "Harbour"]


TABLE = "".join(
    f"{line}\n".replace(",", "\t")
    for line in "en,Harbour,Q10 de,Hafen,Q10 it,Porto,Q10 en,Bay,Q11 de,Bucht,Q11 fr,Baie,Q11 "
    "en,Quay,Q12 de,Alter_Kai,Q12 it,Molo_nuovo,Q12".split()
)


@pytest.fixture
def wikis(tmp_path):
    made = {
        "en": [
            page("Harbour", "[[Bay]] [[Quay]]"),
            page("Bay", "[[Harbour]]"),
            page("Quay"),
            page("Lone", "[[Lone]]"),
        ],
        "de": [
            page("Hafen", "[[Bucht]]" * 4),
            page("Bucht", "[[Hafen]] [[Alter Kai]]"),
            redirect("Alter Kai", "Kai"),
            page("Kai"),
            page("Nur hier", "[[Nur hier]]" * 9),
        ],
        "it": [page("Porto", "[[Porto]] [[Molo nuovo]]"), page("Molo nuovo")],
    }
    return [str(write_pages(tmp_path / language, [pages], language)) for language, pages in made.items()]


def test_several_languages(wikis, tmp_path):
    (tmp_path / "table.tsv").write_text(TABLE, encoding="utf-8")
    options = {"interlanguage": str(tmp_path / "table.tsv")}
    vocabulary = build(wikis, tmp_path / "three.jsonl", **options)
    assert list(vocabulary.entries())[3:] == [
        (3, [("Hafen", "de"), ("Harbour", "en"), ("Porto", "it")], 3),
        (4, [("Kai", "de"), ("Quay", "en"), ("Molo nuovo", "it")], 3),
    ]
    vocabulary = build(wikis, tmp_path / "two.jsonl", min_num_languages=2, size=5, **options)
    assert [titles for _, titles, _ in vocabulary.entries()][3:] == [
        [("Bucht", "de"), ("Bay", "en")],
        [("Hafen", "de"), ("Harbour", "en"), ("Porto", "it")],
    ]
    vocabulary = build(wikis, tmp_path / "one.jsonl", min_num_languages=1, min_count=4, **options)
    # Those without an item are an entity each.
    assert [(titles, count) for _, titles, count in vocabulary.entries()][3:] == [
        ([("Nur hier", "de")], 9),
        ([("Bucht", "de"), ("Bay", "en")], 5),
    ]
    # The order of the languages and of the table does not matter.
    compressed = gzip.compress("".join(reversed(TABLE.splitlines(keepends=True))).encode())
    (tmp_path / "table.tsv.gz").write_bytes(compressed)
    options["interlanguage"] += ".gz"
    build(wikis[::-1], tmp_path / "other.jsonl", min_num_languages=1, min_count=4, **options)
    assert (tmp_path / "other.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()


@pytest.mark.parametrize(
    "name, languages, options, message",
    [
        ("v.json", "en", {}, "expected the suffix .tsv or .jsonl"),
        ("v.tsv", "en", {"language": "en"}, "expected the suffix .jsonl for a vocabulary with languages"),
        ("v.tsv", "en", {"size": 3}, "more than the 3"),
        ("v.tsv", "en", {"min_count": 0}, "expected 1 or more"),
        ("v.tsv", "en", {"white_list_only": True}, "give --white-list"),
        ("v.tsv", "en", {"white_list": "/no/such"}, "/no/such: cannot be read"),
        ("v.tsv", "en", {"interlanguage": "/no/such"}, "two languages or more"),
        ("v.jsonl", "en de it", {}, "by --interlanguage"),
        ("v.jsonl", "en en", {}, "expected each once"),
        ("v.jsonl", "en de it", {"interlanguage": "x", "language": "en"}, "for one language"),
        ("v.jsonl", "en de it", {"interlanguage": "x", "min_num_languages": 4}, "expected 1 to 3"),
        ("old.tsv", "en", {}, "already exists"),
    ],
)
def test_options_that_do_not_fit(wikis, tmp_path, name, languages, options, message):
    (tmp_path / "old.tsv").write_text("x")
    with pytest.raises(ConfigurationError, match=message):
        build([str(tmp_path / language) for language in languages.split()], tmp_path / name, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["de", "en", "it", "old.tsv"]
    assert (tmp_path / "old.tsv").read_text() == "x"


def test_a_bad_line_of_the_table(wikis, tmp_path):
    (tmp_path / "table.tsv").write_text("en\tBay\tQ1\nen\tBay\t1\n")
    with pytest.raises(ConfigurationError, match=r"table.tsv, line 2: found 'en\\tBay\\t1'; expected a lang"):
        build(wikis, tmp_path / "v.jsonl", interlanguage=str(tmp_path / "table.tsv"))
