"""Markers around spans, whatever the spans are."""

from itertools import pairwise
from pathlib import Path
from typing import List, Tuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from luke_allennlp.data.marked_text import MarkedSpan, MarkedText, mark_spans
from luke_allennlp.data.word_tokenizer import WordTokenizer

MARKERS = ["[A]", "[B]", "[C]", "[D]"]

Case = Tuple[str, List[Tuple[int, int]]]


@pytest.fixture(scope="module")
def tokenizer(fixtures_dir: Path) -> WordTokenizer:
    return WordTokenizer(str(fixtures_dir / "tiny-luke"), MARKERS)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A text of several scripts, and up to four spans of it; those at the ends and equal ones are common."""
    characters = st.sampled_from("ab é\u0301👩\u200d🚀河白גشا. \u3000")
    text = draw(st.one_of(st.text(characters, min_size=1, max_size=15), st.text(min_size=1, max_size=15)))
    spans = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        spans.append((start, draw(st.integers(start, len(text)))))
    return text, spans


def mark(tokenizer: WordTokenizer, case: Case) -> Tuple[MarkedText, List[Tuple[int, int]]]:
    text, spans = case
    return mark_spans(
        tokenizer, text, [MarkedSpan(*span, marker) for span, marker in zip(spans, MARKERS, strict=False)]
    )


def shown(tokenizer: WordTokenizer, marked: MarkedText, text: str) -> str:
    """Markers by name, and between them the characters of the text."""
    names = {token_id: token for token, token_id in tokenizer.marker_ids.items()}
    return " ".join(
        names.get(token_id, text[start:end])
        for token_id, (start, end) in zip(marked.ids, marked.offsets, strict=True)
    )


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], "a b c d e"),
        ([(2, 3)], "a [A] b [A] c d e"),
        ([(0, 3), (6, 9)], "[A] a b [A] c [B] d e [B]"),
        ([(0, 9), (2, 3)], "[A] a [B] b [B] c d e [A]"),
        ([(0, 5), (0, 1)], "[A] [B] a [B] b c [A] d e"),
        ([(4, 9), (8, 9)], "a b [A] c d [B] e [B] [A]"),
        ([(0, 5), (2, 9)], "[A] a [B] b c [B] [A] [B] d e [B]"),
        ([(2, 9), (0, 5)], "[B] a [A] b c [A] [B] [A] d e [A]"),
        ([(0, 2), (2, 5)], "[A] a [A] [B] b c [B] d e"),
        ([(2, 2)], "a [A] [A] b c d e"),
        ([(0, 0), (9, 9)], "[A] [A] a b c d e [B] [B]"),
        ([(2, 2), (0, 5)], "[B] a [A] [A] b c [B] d e"),
        ([(0, 3), (3, 5), (3, 3)], "[A] a b [A] [C] [C] [B] c [B] d e"),
        ([(0, 5), (2, 7), (4, 9)], "[A] a [B] b [C] c [C] [B] [A] [B] [C] d [C] [B] [C] e [C]"),
    ],
)
def test_places_of_markers(tokenizer: WordTokenizer, spans: List[Tuple[int, int]], expected: str) -> None:
    text = "a b c d e"
    marked, _ = mark(tokenizer, (text, spans))
    assert shown(tokenizer, marked, text) == expected


@given(cases())
@example(("ab", [(0, 2), (0, 1), (1, 2), (0, 2)]))
@example(("abcdef", [(0, 3), (1, 4), (2, 5), (1, 3)]))
def test_markers_and_tokens_of_any_spans(tokenizer: WordTokenizer, case: Case) -> None:
    text, spans = case
    marked, positions = mark(tokenizer, case)
    markers = set(tokenizer.marker_ids.values())
    opened: List[int] = []
    for token_id in marked.ids:
        if token_id in opened:
            assert opened.pop() == token_id, "markers are well nested"
        elif token_id in markers:
            opened.append(token_id)
    assert opened == []

    # Positions are those of the outermost markers.
    assert len(positions) == len(spans)
    for (first, last), (start, end), marker in zip(positions, spans, MARKERS, strict=False):
        places = [i for i, token_id in enumerate(marked.ids) if token_id == tokenizer.marker_ids[marker]]
        assert (first, last) == (places[0], places[-1]) and len(places) % 2 == 0
        assert (marked.offsets[first], marked.offsets[last]) == ((start, start), (end, end))
        # What stands between them is the span's text, and nothing else is.
        inside = marked.offsets[first + 1 : last]
        assert all(start <= left <= right <= end for left, right in inside)
        outside = marked.offsets[:first] + marked.offsets[last + 1 :]
        assert all(right <= start or end <= left for left, right in outside)

    # Tokens are those of the pieces, and their offsets go forward and miss nothing.
    cuts = sorted({0, len(text), *(position for span in spans for position in span)})
    pieces = [tokenizer.encode(text[start:end]).ids for start, end in pairwise(cuts)]
    assert [token_id for token_id in marked.ids if token_id not in markers] == sum(pieces, [])
    assert len(marked) == len(marked.offsets) and marked.offsets == sorted(marked.offsets)
    covered = {at for start, end in marked.offsets for at in range(start, end)}
    assert {at for at, character in enumerate(text) if not character.isspace()} <= covered


def test_markers_in_the_text_are_characters(tokenizer: WordTokenizer) -> None:
    text = "the [A] team"
    marked, _ = mark(tokenizer, (text, [(8, 12)]))
    assert marked.ids.count(tokenizer.marker_ids["[A]"]) == 2
    assert "".join("".join(text[start:end] for start, end in marked.offsets).split()) == "the[A]team"
