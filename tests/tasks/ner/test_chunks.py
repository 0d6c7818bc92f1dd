"""Windows, candidates and chunks, against an enumeration that does nothing clever."""

import math
from itertools import groupby
from typing import List, NamedTuple, Tuple

import numpy as np
import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from luke_allennlp.tasks.ner.chunks import CandidateSpans, Chunk, Chunker, DocumentTokens, context_window

START, END = 1, 2


class Case(NamedTuple):
    """Sentences as the lengths of their words in sub-words, which one to chunk, and the chunker."""

    sentences: List[List[int]]
    index: int
    chunker: Chunker


def chunker(max_length: int = 512, **options: int) -> Chunker:
    return Chunker(START, END, max_length, **options)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    budget = draw(st.integers(1, 30))
    # Words of one or two sub-words are common; some are longer than the limits, some than the window.
    word = st.one_of(st.integers(1, 2), st.integers(1, 5), st.integers(1, 2 * budget + 5))
    sentences = draw(st.lists(st.lists(word, min_size=1, max_size=25), min_size=1, max_size=4))
    return Case(
        sentences,
        draw(st.integers(0, len(sentences) - 1)),
        chunker(
            max_length=budget + 2,
            use_document=draw(st.booleans()),
            max_span_length=draw(st.integers(1, budget)),
            max_entities=draw(st.integers(1, 40)),
        ),
    )


def words_of(sentences: List[List[int]]) -> List[List[int]]:
    """Sub-word ids of each word of the document, all different and in ascending order."""
    words, next_id = [], 10
    for length in (length for sentence in sentences for length in sentence):
        words.append(list(range(next_id, next_id + length)))
        next_id += length
    return words


def run(case: Case) -> Tuple[List[Chunk], List[List[int]], List[int]]:
    """The chunks, the words of the sentence, and the sub-words that may surround it."""
    words = words_of(case.sentences)
    start = sum(map(len, case.sentences[: case.index]))
    end = start + len(case.sentences[case.index])
    chunks = case.chunker.chunks(DocumentTokens(words), start, end)
    around = words if case.chunker.use_document else words[start:end]
    return chunks, words[start:end], sum(around, [])


def brute_force(words: List[List[int]], limit: int) -> List[Tuple[int, int]]:
    return [
        (start, end)
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
        if sum(len(word) for word in words[start:end]) <= limit
    ]


def candidates_of(chunks: List[Chunk]) -> List[Tuple[int, int]]:
    return [(start, end) for chunk in chunks for start, end in chunk.candidates.tolist()]


def windows_of(chunks: List[Chunk]) -> List[Tuple[List[int], List[int]]]:
    """For each window, its sub-words and the sizes of its chunks."""
    return [
        (list(ids), [len(chunk.candidates) for chunk in group])
        for ids, group in groupby(chunks, key=lambda chunk: tuple(chunk.token_ids.tolist()))
    ]


@given(cases())
@settings(max_examples=150, deadline=None)
@example(Case([[1], [1, 9, 1], [1]], 1, chunker(5, max_span_length=2)))  # a word longer than the window
@example(Case([[9, 9]], 0, chunker(5, max_span_length=3)))  # nothing but such words
@example(Case([[1] * 20], 0, chunker(6, max_span_length=4)))  # candidates as long as the window
def test_every_short_span_is_a_candidate_once(case: Case) -> None:
    chunks, words, _ = run(case)
    found = candidates_of(chunks)
    assert len(found) == len(set(found))
    assert set(found) == set(brute_force(words, case.chunker.max_span_length))
    assert chunks


@given(cases())
@settings(max_examples=150, deadline=None)
def test_spans_point_at_the_words_of_their_candidates(case: Case) -> None:
    chunks, words, _ = run(case)
    for chunk in chunks:
        assert len(chunk.spans) == len(chunk.candidates)
        for (first, last), (start, end) in zip(chunk.spans.tolist(), chunk.candidates.tolist(), strict=True):
            assert 1 <= first <= last <= len(chunk.token_ids) - 2
            assert chunk.token_ids[first : last + 1].tolist() == sum(words[start:end], [])


@given(cases())
@settings(max_examples=150, deadline=None)
def test_windows(case: Case) -> None:
    chunks, words, around = run(case)
    sentence = sum(words, [])
    budget = case.chunker.max_length - 2
    for ids, _ in windows_of(chunks):
        assert (ids[0], ids[-1]) == (START, END)
        text = ids[1:-1]
        # A stretch of what may be context, and all of it or as much as there is room for.
        at = around.index(text[0])
        assert text == around[at : at + len(text)]
        assert len(text) == min(budget, len(around))
    if len(sentence) <= budget:
        [(ids, _)] = windows_of(chunks)
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
        assert ids == [START, *around[left - from_left : left + len(sentence) + from_right], END]


@given(cases())
@settings(max_examples=150, deadline=None)
def test_sizes_of_chunks(case: Case) -> None:
    chunks, words, _ = run(case)
    limit = case.chunker.max_entities
    windows = windows_of(chunks)
    for _, sizes in windows:
        total = sum(sizes)
        number = math.ceil(total / limit)
        if total:
            size = math.ceil(total / number)
            assert sizes[:-1] == [size] * (len(sizes) - 1) and 0 < sizes[-1] <= size <= limit
            assert len(sizes) <= number
        else:
            assert sizes == [0] and len(windows) == 1
    if sum(map(len, words)) <= case.chunker.max_length - 2:
        assert candidates_of(chunks) == brute_force(words, case.chunker.max_span_length)


def document(*sentences: List[int]) -> DocumentTokens:
    return DocumentTokens(words_of(list(sentences)))


def test_chunks_of_129_candidates() -> None:
    # 16 words have 136 spans; no span of 16, 15 and 14 words leaves 130, then two chunks of 65.
    chunks = chunker(max_span_length=13).chunks(document([1] * 16), 0, 16)
    assert [len(chunk.candidates) for chunk in chunks] == [65, 65]
    assert chunks[0].candidates[:3].tolist() == [[0, 1], [0, 2], [0, 3]]
    assert np.array_equal(chunks[0].token_ids, chunks[1].token_ids)
    chunks = chunker(max_entities=50).chunks(document([1] * 16), 0, 16)
    assert [len(chunk.candidates) for chunk in chunks] == [46, 46, 44]


def test_chunks_of_exactly_as_many_as_allowed() -> None:
    assert len(chunker(max_entities=136).chunks(document([1] * 16), 0, 16)) == 1
    assert len(chunker(max_entities=135).chunks(document([1] * 16), 0, 16)) == 2


def test_context_goes_to_the_shorter_side_first() -> None:
    around = chunker(max_length=12, max_span_length=4).chunks  # ten sub-words
    # Four sub-words before, ten after, the sentence has four: three on each side.
    [chunk] = around(document([4], [2, 2], [10]), 1, 3)
    assert chunk.token_ids.tolist() == [START, *range(11, 21), END]
    # One before: the other side gets what it leaves.
    [chunk] = around(document([1], [2, 2], [10]), 1, 3)
    assert chunk.token_ids.tolist() == [START, *range(10, 20), END]
    # One after.
    [chunk] = around(document([10], [2, 2], [1]), 1, 3)
    assert chunk.token_ids.tolist() == [START, *range(15, 25), END]
    # An odd rest goes to the longer side; to the left where both are equal.
    [chunk] = around(document([8], [5], [9]), 1, 2)
    assert chunk.token_ids.tolist() == [START, *range(16, 26), END]
    [chunk] = around(document([9], [5], [9]), 1, 2)
    assert chunk.token_ids.tolist() == [START, *range(16, 26), END]
    [chunk] = around(document([9], [5], [8]), 1, 2)
    assert chunk.token_ids.tolist() == [START, *range(16, 26), END]


def test_context_of_a_sentence_alone() -> None:
    [chunk] = chunker(use_document=False).chunks(document([4], [2, 2], [10]), 1, 3)
    assert chunk.token_ids.tolist() == [START, *range(14, 18), END]
    assert chunk.spans.tolist() == [[1, 2], [1, 4], [3, 4]]


def test_long_sentence_takes_no_more_windows_than_needed() -> None:
    # Two windows of 510 share the 15 words that a candidate of 16 reaches back.
    chunks = chunker().chunks(document([1] * 1005), 0, 1005)
    windows = windows_of(chunks)
    assert [ids[1] for ids, _ in windows] == [10, 10 + 495]
    assert len(candidates_of(chunks)) == 1005 * 16 - 15 * 16 // 2
    assert len(windows_of(chunker().chunks(document([1] * 1006), 0, 1006))) == 3
    assert len(windows_of(chunker().chunks(document([1] * 510), 0, 510))) == 1


def test_long_sentence_is_split_between_words() -> None:
    # Words of three in a window of ten: three whole ones, and a tenth sub-word of context.
    chunks = chunker(max_length=12, max_span_length=6).chunks(document([3] * 5), 0, 5)
    assert [chunk.candidates.tolist() for chunk in chunks] == [
        [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]],
        [[2, 4], [3, 4], [3, 5], [4, 5]],
    ]
    assert [chunk.token_ids.tolist() for chunk in chunks] == [
        [START, *range(10, 20), END],
        [START, *range(15, 25), END],
    ]


def test_word_longer_than_the_window() -> None:
    chunks = chunker(max_length=6, max_span_length=4).chunks(document([1, 1, 9, 1]), 0, 4)
    assert candidates_of(chunks) == [(0, 1), (0, 2), (1, 2), (3, 4)]
    [chunk] = chunker(max_length=6, max_span_length=4).chunks(document([1], [9], [1]), 1, 2)
    assert len(chunk.candidates) == len(chunk.spans) == 0
    assert chunk.candidates.shape == chunk.spans.shape == (0, 2)
    assert chunk.token_ids.tolist() == [START, *range(11, 15), END]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_span_length": 0}, "max_span_length is 0; expected at least 1"),
        ({"max_entities": 0}, "max_entities is 0; expected at least 1"),
        ({"max_length": 17}, "max_length is 17, which leaves 15 tokens .* max_span_length, 16"),
    ],
)
def test_limits(options: dict, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        chunker(**options)
    assert chunker(max_length=18).max_length == 18


def test_candidates_in_metadata_are_compared_as_a_whole() -> None:
    spans = np.array([[0, 1], [0, 2]]).view(CandidateSpans)
    assert (spans == spans.copy()) is True and (spans != spans.copy()) is False
    assert (spans == spans[:1]) is False and (spans != spans + 1) is True


SIZES = st.integers(0, 700)


class TestContextWindow:
    @pytest.mark.parametrize(
        "left, length, right, expected",
        [
            (0, 10, 0, (0, 0)),
            (100, 10, 100, (100, 100)),
            (1000, 10, 1000, (250, 250)),
            (1000, 11, 1000, (250, 249)),  # the right side is not longer: it gets the smaller half
            (999, 11, 1000, (249, 250)),
            (20, 10, 1000, (20, 480)),
            (1000, 10, 20, (480, 20)),
            (1000, 510, 1000, (0, 0)),
            (1000, 600, 1000, (0, 0)),
            (5, 509, 5, (1, 0)),
            (4, 509, 5, (0, 1)),
        ],
    )
    def test_examples(self, left: int, length: int, right: int, expected: tuple) -> None:
        assert context_window(left, length, right, 510) == expected

    @given(left=SIZES, length=SIZES, right=SIZES, budget=SIZES)
    def test_takes_as_much_as_there_is_and_fits(
        self, left: int, length: int, right: int, budget: int
    ) -> None:
        from_left, from_right = context_window(left, length, right, budget)
        free = max(budget - length, 0)
        assert 0 <= from_left <= left and 0 <= from_right <= right
        assert from_left + from_right == min(left + right, free)

    @given(left=SIZES, length=SIZES, right=SIZES, budget=SIZES)
    def test_favours_no_side(self, left: int, length: int, right: int, budget: int) -> None:
        from_left, from_right = context_window(left, length, right, budget)
        # Who got less than the other had no more to give, but for the odd one.
        if from_left < from_right - 1:
            assert from_left == left
        if from_right < from_left - 1:
            assert from_right == right
