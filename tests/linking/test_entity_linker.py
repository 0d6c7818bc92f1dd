"""The linkers "none" and "spans"."""

import json
import pickle
from pathlib import Path
from typing import List, Tuple

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.linking.entity_linker import (
    EntityLinker,
    EntityMention,
    LinkedEntity,
    NoEntityLinker,
    SpansEntityLinker,
)

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
    def test_sub_words_under_the_characters(self, linker: SpansEntityLinker) -> None:
        mentions = [
            context(13, 20, "Dorrick"),
            context(0, 11, "Port Velmar"),
            EntityMention("question", 5, 11, "Marlow"),
        ]
        article = linker.article(None, mentions)
        assert article.link(TEXT, OFFSETS) == [
            LinkedEntity(ROWS["Port Velmar"], 0, 3),
            LinkedEntity(ROWS["Dorrick"], 5, 6),
        ]
        assert article.link(TEXT, OFFSETS, part="question") == [LinkedEntity(ROWS["Marlow"], 2, 3)]

    def test_inside_of_sub_words(self, linker: SpansEntityLinker) -> None:
        article = linker.article("Any", [context(3, 9, "Port Velmar")])
        assert article.link(TEXT, OFFSETS) == [LinkedEntity(ROWS["Port Velmar"], 1, 3)]
        # Characters that no sub-word has.
        assert linker.article("Any", [context(4, 5, "Port Velmar")]).link(TEXT, OFFSETS) == []

    @pytest.mark.parametrize(
        "window, found", [((0, 4), (0, 3)), ((0, 3), None), ((1, 7), None), ((4, 7), None), ((0, 7), (0, 3))]
    )
    def test_windows(
        self, linker: SpansEntityLinker, window: Tuple[int, int], found: Tuple[int, int]
    ) -> None:
        article = linker.article(None, [context(0, 11, "Port Velmar")])
        expected = [LinkedEntity(ROWS["Port Velmar"], *found)] if found else []
        assert article.link(TEXT, OFFSETS, window) == expected

    def test_positions_count_from_the_window(self, linker: SpansEntityLinker) -> None:
        article = linker.article(None, [context(13, 20, "Dorrick")])
        assert article.link(TEXT, OFFSETS, (4, 7)) == [LinkedEntity(ROWS["Dorrick"], 1, 2)]

    def test_overlapping(self, linker: SpansEntityLinker) -> None:
        mentions = [
            context(5, 11, "Dorrick"),
            context(0, 4, "Marlow"),
            context(0, 11, "Port Velmar"),
            context(8, 17, "Vexford"),
            context(17, 20, "Lindvar"),
        ]
        # The longest of those that begin first; what begins in it is left out, and so on.
        assert [entity.row for entity in linker.article(None, mentions).link(TEXT, OFFSETS)] == [
            ROWS["Port Velmar"],
            ROWS["Lindvar"],
        ]

    def test_not_in_the_vocabulary(self, linker: SpansEntityLinker) -> None:
        mentions = [context(0, 12, "Unheard of"), context(5, 11, "Port Velmar")]
        assert linker.article(None, mentions).link(TEXT, OFFSETS) == [LinkedEntity(ROWS["Port Velmar"], 2, 3)]
        assert linker.article("Port Velmar").link(TEXT, OFFSETS) == []

    def test_shared_characters(self, linker: SpansEntityLinker) -> None:
        # The bytes of the second character are those of three sub-words.
        offsets = [(0, 1), (2, 3), (2, 3), (2, 3), (3, 4)]
        article = linker.article(None, [context(2, 3, "Dorrick")])
        assert article.link("a 🎉b", offsets) == [LinkedEntity(ROWS["Dorrick"], 1, 3)]
        assert article.link("a 🎉b", offsets, (0, 3)) == []

    def test_pickle(self, linker: SpansEntityLinker) -> None:
        other = pickle.loads(pickle.dumps(linker))
        mentions = [context(0, 11, "Port Velmar")]
        assert other.article(None, mentions).link(TEXT, OFFSETS) == linker.article(None, mentions).link(
            TEXT, OFFSETS
        )

    def test_from_params(self, tmp_path: Path) -> None:
        linker = EntityLinker.from_params(Params({"type": "spans", "model_name": MODEL}))
        assert isinstance(linker, SpansEntityLinker)
        (tmp_path / "config.json").write_text(json.dumps({}), encoding="utf-8")
        with pytest.raises(ConfigurationError, match="has no entity_vocab.json"):
            EntityLinker.from_params(Params({"type": "spans", "model_name": str(tmp_path)}))


@given(
    lengths=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=10),
    spans=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), max_size=6),
    window=st.tuples(st.integers(0, 9), st.integers(0, 10)),
)
def test_what_is_found_is_inside(
    linker: SpansEntityLinker,
    lengths: List[Tuple[int, int]],
    spans: List[Tuple[int, int]],
    window: Tuple[int, int],
) -> None:
    offsets: List[Tuple[int, int]] = []
    position = 0
    for gap, length in lengths:
        offsets.append((position + gap, position + gap + length))
        position += gap + length
    first, end = min(window[0], len(offsets)), min(max(window), len(offsets))
    mentions = [context(start, start + length, "Dorrick") for start, length in spans]
    free = 0
    for entity in linker.article(None, mentions).link("x" * position, offsets, (first, end)):
        assert free <= entity.first <= entity.last < end - first
        free = entity.last + 1
        begin, behind = offsets[first + entity.first][0], offsets[first + entity.last][1]
        under = [mention for mention in mentions if begin < mention.end and mention.start < behind]
        assert under
