"""The linkers "none" and "spans"."""

from pathlib import Path
from typing import Tuple

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.linking import EntityLinker, NoEntityLinker, SpansEntityLinker
from luke_allennlp.linking.entity_linker import EntityMention, LinkedEntity

MODEL = str(Path(__file__).resolve().parents[2] / "fixtures" / "tiny-luke")
ROWS = EntityVocabulary.from_checkpoint(MODEL)
TEXT = "Port Velmar, Dorrick"
OFFSETS = [(0, 2), (2, 4), (5, 8), (8, 11), (11, 12), (13, 17), (17, 20)]


@pytest.fixture(scope="module")
def linker() -> SpansEntityLinker:
    return SpansEntityLinker(MODEL)


def context(start: int, end: int, title: str) -> EntityMention:
    return EntityMention("context", start, end, title)


def test_none() -> None:
    linker = EntityLinker.from_params(Params({}))
    assert isinstance(linker, NoEntityLinker)
    mentions = [context(0, 11, "Port Velmar")]
    assert linker.article("Port Velmar", mentions).link(TEXT, OFFSETS) == []
    assert linker.article(None).link(TEXT, OFFSETS, (0, 2), "question") == []


class TestSpans:
    def test_tokens_under_the_characters(self, linker: SpansEntityLinker) -> None:
        mentions = [context(13, 20, "Dorrick"), context(0, 11, "Port Velmar")]
        article = linker.article(None, [*mentions, EntityMention("question", 5, 11, "Marlow")])
        expected = [LinkedEntity(ROWS["Port Velmar"], 0, 3), LinkedEntity(ROWS["Dorrick"], 5, 6)]
        assert article.link(TEXT, OFFSETS) == expected
        assert article.link(TEXT, OFFSETS, part="question") == [LinkedEntity(ROWS["Marlow"], 2, 3)]

    @pytest.mark.parametrize(
        "window, found", [((0, 4), (0, 3)), ((0, 3), None), ((1, 7), None), ((4, 7), None), ((0, 7), (0, 3))]
    )
    def test_windows(
        self, linker: SpansEntityLinker, window: Tuple[int, int], found: Tuple[int, int]
    ) -> None:
        article = linker.article(None, [context(0, 11, "Port Velmar")])
        expected = [LinkedEntity(ROWS["Port Velmar"], *found)] if found else []
        assert article.link(TEXT, OFFSETS, window) == expected

    def test_overlapping(self, linker: SpansEntityLinker) -> None:
        mentions = [context(5, 11, "Dorrick"), context(0, 4, "Marlow"), context(0, 11, "Port Velmar")]
        mentions += [context(8, 17, "Vexford"), context(17, 20, "Lindvar")]
        # The longest of those that begin first; what begins in it is left out, and so on.
        found = linker.article(None, mentions).link(TEXT, OFFSETS)
        assert [entity.row for entity in found] == [ROWS["Port Velmar"], ROWS["Lindvar"]]

    def test_not_in_the_vocabulary(self, linker: SpansEntityLinker) -> None:
        mentions = [context(0, 12, "Unheard of"), context(5, 11, "Port Velmar")]
        assert linker.article(None, mentions).link(TEXT, OFFSETS) == [LinkedEntity(ROWS["Port Velmar"], 2, 3)]
        assert linker.article("Port Velmar").link(TEXT, OFFSETS) == []

    def test_shared_characters(self, linker: SpansEntityLinker) -> None:
        # The bytes of the second character are those of three tokens.
        offsets = [(0, 1), (2, 3), (2, 3), (2, 3), (3, 4)]
        article = linker.article(None, [context(2, 3, "Dorrick")])
        assert article.link("a 🎉b", offsets) == [LinkedEntity(ROWS["Dorrick"], 1, 3)]
        assert article.link("a 🎉b", offsets, (0, 3)) == []

    def test_from_params(self, tmp_path: Path) -> None:
        linker = EntityLinker.from_params(Params({"type": "spans", "model_name": MODEL}))
        assert isinstance(linker, SpansEntityLinker)
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(ConfigurationError, match="has no entity_vocab.json"):
            EntityLinker.from_params(Params({"type": "spans", "model_name": str(tmp_path)}))
