"""Windows, candidates and chunks, against an enumeration that does nothing clever."""

import math
from itertools import groupby
from typing import List, NamedTuple, Tuple

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from luke_allennlp.tasks.ner.examples import CandidateSpans, Chunk
from luke_allennlp.tasks.ner.reader import Chunker

START, END = 1, 2


class Case(NamedTuple):
    """Sentences as the lengths of their words in tokens, which one to chunk, and the chunker."""

    sentences: List[List[int]]
    index: int
    chunker: Chunker


def chunker(max_length: int = 512, **options: int) -> Chunker:
    return Chunker(START, END, max_length, **options)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    budget = draw(st.integers(1, 30))
    # Words of one or two tokens are common; some are longer than the limits, some than the window.
    word = st.one_of(st.integers(1, 2), st.integers(1, 5), st.integers(1, 2 * budget + 5))
    sentences = draw(st.lists(st.lists(word, min_size=1, max_size=25), min_size=1, max_size=4))
    options = {
        "use_document": draw(st.booleans()),
        "max_span_length": draw(st.integers(1, budget)),
        "max_entities": draw(st.integers(1, 40)),
    }
    return Case(sentences, draw(st.integers(0, len(sentences) - 1)), chunker(budget + 2, **options))


def run(case: Case) -> Tuple[List[Chunk], List[List[int]], List[int]]:
    """The chunks, the words of the sentence, and the tokens that may surround it. Tokens count from 10."""
    lengths = sum(case.sentences, [])
    bounds = np.cumsum([0, *lengths])
    token_ids = np.arange(10, 10 + bounds[-1])
    words = [token_ids[a:b].tolist() for a, b in zip(bounds, bounds[1:], strict=False)]
    start = sum(map(len, case.sentences[: case.index]))
    end = start + len(case.sentences[case.index])
    chunks = case.chunker.chunks(token_ids, bounds[start : end + 1])
    return chunks, words[start:end], sum(words if case.chunker.use_document else words[start:end], [])


def candidates_of(chunks: List[Chunk]) -> List[Tuple[int, int]]:
    return [(start, end) for chunk in chunks for start, end in chunk.candidates.tolist()]


def windows_of(chunks: List[Chunk]) -> List[Tuple[List[int], List[int]]]:
    """For each window, its tokens and the sizes of its chunks."""
    return [
        (list(ids), [len(chunk.candidates) for chunk in group])
        for ids, group in groupby(chunks, key=lambda chunk: tuple(chunk.token_ids.tolist()))
    ]


@given(cases())
@settings(max_examples=150, deadline=None)
@example(Case([[1], [1, 9, 1], [1]], 1, chunker(5, max_span_length=2)))  # a word longer than the window
@example(Case([[9, 9]], 0, chunker(5, max_span_length=3)))  # nothing but such words
@example(Case([[1] * 20], 0, chunker(6, max_span_length=4)))  # candidates as long as the window
def test_any_sentence(case: Case) -> None:
    chunks, words, around = run(case)
    sentence, budget = sum(words, []), case.chunker.max_length - 2

    # Every short span is a candidate once, and its tokens are where it says.
    short = [
        (start, end)
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
        if sum(map(len, words[start:end])) <= case.chunker.max_span_length
    ]
    assert chunks and sorted(candidates_of(chunks)) == short
    if len(sentence) <= budget:
        assert candidates_of(chunks) == short
    for chunk in chunks:
        for (first, last), (start, end) in zip(chunk.spans.tolist(), chunk.candidates.tolist(), strict=True):
            assert 1 <= first <= last <= len(chunk.token_ids) - 2
            assert chunk.token_ids[first : last + 1].tolist() == sum(words[start:end], [])

    # A window is a stretch of what may be context, all of it or as much as there is room for.
    windows = windows_of(chunks)
    for ids, sizes in windows:
        assert (ids[0], ids[-1]) == (START, END)
        at = around.index(ids[1])
        assert ids[1:-1] == around[at : at + len(ids) - 2]
        assert len(ids) - 2 == min(budget, len(around))
        # Its candidates are dealt to as few chunks as possible, as equal as possible.
        number = math.ceil(sum(sizes) / case.chunker.max_entities)
        if number:
            size = math.ceil(sum(sizes) / number)
            assert sizes[:-1] == [size] * (len(sizes) - 1) and 0 < sizes[-1] <= size
            assert len(sizes) <= number
        else:
            assert sizes == [0] and len(windows) == 1

    if len(sentence) <= budget:
        # The rule as the original system's description has it.
        left = around.index(sentence[0])
        right = len(around) - left - len(sentence)
        half = math.floor((budget - len(sentence)) / 2)
        if left < right:
            from_left = min(left, half)
            from_right = min(right, budget - len(sentence) - from_left)
        else:
            from_right = min(right, half)
            from_left = min(left, budget - len(sentence) - from_right)
        [(ids, _)] = windows
        assert ids == [START, *around[left - from_left : left + len(sentence) + from_right], END]


def test_long_sentence_takes_no_more_windows_than_needed() -> None:
    # Two windows of 510 share the 15 words that a candidate of 16 reaches back.
    for length, firsts in ((510, [10]), (1005, [10, 505]), (1006, [10, 505, 506])):
        windows = windows_of(run(Case([[1] * length], 0, chunker()))[0])
        assert [ids[1] for ids, _ in windows] == firsts


def test_candidates_in_metadata_are_compared_as_a_whole() -> None:
    spans = np.array([[0, 1], [0, 2]]).view(CandidateSpans)
    assert (spans == spans.copy()) is True and (spans != spans.copy()) is False
    assert (spans == spans[:1]) is False and (spans != spans + 1) is True
