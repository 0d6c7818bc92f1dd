"""The linker "article_links": which names an article gives, and which of them are found."""

import logging
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.linking.article_links import ArticleLinksEntityLinker
from luke_allennlp.linking.entity_linker import EntityLinker
from luke_allennlp.linking.link_database import LinkDatabase
from luke_allennlp.linking.redirects import Redirects

MODEL = str(Path(__file__).resolve().parents[2] / "fixtures" / "tiny-luke")
ROWS = EntityVocabulary.from_checkpoint(MODEL)

LINKS: List[Tuple[str, str, float]] = [
    ("Port Velmar", "Port Velmar", 0.9),
    (" the PORT ", "Port Velmar", 0.01),
    ("rare", "Dorrick", 0.0099),
    ("the bay", "Tessaly Bay", 0.4),
    ("The Bay", "Brackwater", 0.4),
    ("twice", "Marlow", 0.4),
    ("Twice", "Marlow", 0.2),
    ("sometimes rare", "Lindvar", 0.5),
    ("sometimes rare", "Vexford", 0.001),
    ("old name", "Velmar", 0.3),
    ("aliases", "Velmar", 0.3),
    ("aliases", "Port Velmar", 0.3),
    ("elsewhere", "Nowhere", 0.3),
    ("  ", "Dorrick", 0.9),
    ("two  spaces", "Dorrick", 0.9),
]


@pytest.fixture
def files(tmp_path: Path) -> Dict[str, str]:
    paths = {name: str(tmp_path / name) for name in ("link_database", "link_redirects", "model_redirects")}
    LinkDatabase.build([("Harbour towns", LINKS), ("Empty", [])], paths["link_database"])
    Redirects.build([("Towns", "Harbour towns"), ("Town", "Towns")], paths["link_redirects"])
    Redirects.build([("Velmar", "Port Velmar")], paths["model_redirects"])
    return paths


def build(files: Dict[str, str], **options: Any) -> ArticleLinksEntityLinker:
    params = Params({"type": "article_links", "model_name": MODEL, **files, **options})
    linker = EntityLinker.from_params(params)
    assert isinstance(linker, ArticleLinksEntityLinker)
    return linker


class TestNames:
    def test_default(self, files: Dict[str, str]) -> None:
        assert build(files).rows("Harbour towns") == {
            "port velmar": ROWS["Port Velmar"],
            "the port": ROWS["Port Velmar"],
            "twice": ROWS["Marlow"],
            "sometimes rare": ROWS["Lindvar"],
            "old name": ROWS["Port Velmar"],
            "elsewhere": None,
            "two  spaces": ROWS["Dorrick"],
        }

    def test_merged_aliases(self, files: Dict[str, str]) -> None:
        names, plain = build(files, merge_aliases=True).rows("Towns"), build(files).rows("Towns")
        assert names == {**plain, "aliases": ROWS["Port Velmar"]}

    def test_probability(self, files: Dict[str, str]) -> None:
        names = build(files, min_link_probability=0.4).rows("Harbour towns")
        assert list(names) == ["port velmar", "twice", "sometimes rare", "two  spaces"]
        names = build(files, min_link_probability=0).rows("Harbour towns")
        assert names["rare"] == ROWS["Dorrick"] and "sometimes rare" not in names

    def test_titles(self, files: Dict[str, str]) -> None:
        # One step of redirects, and underscores before escapes.
        linker = build(files)
        assert all(linker.rows(title) for title in ("Harbour_towns", "Harbour%20towns", "Towns"))
        assert not any(linker.rows(title) for title in ("Harbour%5Ftowns", "Town"))


class TestArticles:
    def link(self, linker: EntityLinker, title: Any, text: str, part: str = "context") -> List[str]:
        offsets = WordTokenizer(MODEL).encode(text).offsets
        by_row = {ROWS[name]: name for name in ROWS}
        return [
            # A space may be a token of its own.
            f"{text[offsets[entity.first][0] : offsets[entity.last][1]].strip()}={by_row[entity.row]}"
            for entity in linker.article(title).link(text, offsets, part=part)
        ]

    def test_found(self, files: Dict[str, str]) -> None:
        linker = build(files)
        text = "From the port of PORT VELMAR, an old name, to the bay and elsewhere"
        expected = ["the port=Port Velmar", "PORT VELMAR=Port Velmar", "old name=Port Velmar"]
        assert self.link(linker, "Harbour_towns", text) == expected
        assert self.link(linker, "Towns", text, "question") == expected
        assert self.link(linker, "Empty", text) == [] == self.link(linker, None, text)
        length = len(WordTokenizer(MODEL).encode("the port").ids)
        for limit, found in ((length, expected[:1]), (length - 1, [])):
            assert self.link(build(files, max_mention_length=limit), "Towns", "the port") == found

    def test_unknown_article(self, files: Dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
        linker = build(files)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert self.link(linker, "No_page", "Port Velmar") == []
        (record,) = caplog.records
        assert "The link database has no page 'No page'" in record.getMessage()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"min_link_probability": 1.5}, "min_link_probability is 1.5; expected 0 to 1"),
        ({"max_mention_length": 0}, "max_mention_length is 0; expected at least 1"),
        ({"link_database": "/no/such"}, "/no/such: there is no such directory"),
    ],
)
def test_errors(files: Dict[str, str], options: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build(files, **options)
