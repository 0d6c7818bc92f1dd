"""The vectorised search against the original system's loops, and the merging of windows."""

from typing import List, Tuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.tasks.reading_comprehension.decoding import (
    Candidate,
    best_spans,
    n_best_answers,
    probabilities,
)

Span = Tuple[float, int, int]


def original(
    starts: List[float], ends: List[float], limits: Tuple[int, int, int, int], n_best: int, max_length: int
) -> List[Span]:
    """What the original system does with one window: two loops over the best starts and ends."""
    first, behind, first_start, behind_starts = limits

    def best(scores: List[float]) -> List[int]:
        return sorted(range(len(scores)), key=lambda index: scores[index], reverse=True)[:n_best]

    found = []
    for start in best(starts):
        for end in best(ends):
            if not first <= start < behind or not first <= end < behind:
                continue
            if not first_start <= start < behind_starts:
                continue
            if end < start or end - start + 1 > max_length:
                continue
            found.append((starts[start] + ends[end], start, end))
    return sorted(found, key=lambda span: span[0], reverse=True)[:n_best]


@st.composite
def windows(draw: st.DrawFn) -> Tuple[List[float], List[float], Tuple[int, int, int, int]]:
    length = draw(st.integers(1, 40))
    # Few values, so that there are many equal ones; sums of them are exact.
    score = st.integers(-8, 8).map(lambda number: number / 4)
    starts, ends = (draw(st.lists(score, min_size=length, max_size=length)) for _ in range(2))
    first = draw(st.integers(0, length - 1))
    behind = draw(st.integers(first, length))
    first_start = draw(st.integers(first, behind))
    return starts, ends, (first, behind, first_start, draw(st.integers(first_start, behind)))


@settings(deadline=None, max_examples=150)
@given(
    batch=st.lists(windows(), min_size=1, max_size=4),
    n_best=st.integers(1, 20),
    max_length=st.integers(1, 12),
)
def test_equals_the_original_loops(
    batch: List[Tuple[List[float], List[float], Tuple[int, int, int, int]]], n_best: int, max_length: int
) -> None:
    longest = max(len(starts) for starts, _, _ in batch)
    # What padding scores must not matter.
    start_logits, end_logits = torch.full((2, len(batch), longest), 99.0)
    mask = torch.zeros(len(batch), longest, dtype=torch.bool)
    for row, (starts, ends, _) in enumerate(batch):
        start_logits[row, : len(starts)] = torch.tensor(starts)
        end_logits[row, : len(ends)] = torch.tensor(ends)
        mask[row, : len(starts)] = True
    limits = torch.tensor([limits for _, _, limits in batch])
    spans = best_spans(start_logits, end_logits, mask, limits, n_best, max_length)
    for row, (starts, ends, (_, behind, first_start, behind_starts)) in enumerate(batch):
        scored = zip(*(part[row].tolist() for part in spans), strict=True)
        *found, last = scored
        found = [span for span in found if span[0] > -torch.inf]
        assert found == original(starts, ends, limits[row].tolist(), n_best, max_length)
        allowed = [
            (starts[start] + ends[end], start, end)
            for start in range(first_start, behind_starts)
            for end in range(start, min(start + max_length, behind))
        ]
        if allowed:
            assert last[0] == max(allowed)[0] and last in allowed
        else:
            assert last[0] == -torch.inf


def test_half_precision() -> None:
    logits = torch.randn(2, 9, dtype=torch.bfloat16)
    spans = best_spans(logits, logits, torch.ones(2, 9, dtype=torch.bool), torch.tensor([[3, 8, 3, 8]] * 2))
    assert spans.scores.dtype == torch.float32


def candidate(
    score: float, start: int, end: int, window: int = 0, rank: int = 0, ranked: bool = True
) -> Candidate:
    return Candidate(ranked, score, -window, -rank, start, end)


class TestMerging:
    context = "one two one three"

    def texts(self, candidates: List[Candidate], n_best: int = 20) -> List[Tuple[str, int, float]]:
        answers = n_best_answers(candidates, lambda start, end: self.context[start:end], n_best)
        return [(answer.text, answer.start, answer.score) for answer in answers]  # type: ignore[misc]

    def test_order_and_texts_that_come_again(self) -> None:
        candidates = [candidate(1.0, 0, 3), candidate(3.0, 8, 11, window=1), candidate(2.0, 4, 7)]
        assert self.texts(candidates) == self.texts(candidates[::-1]) == [("one", 8, 3.0), ("two", 4, 2.0)]

    def test_equal_scores_and_number(self) -> None:
        candidates = [candidate(1.0, 12, 17, window=1), candidate(1.0, 4, 7, rank=1), candidate(1.0, 0, 3)]
        assert [text for text, _, _ in self.texts(candidates)] == ["one", "two", "three"]
        candidates = [candidate(float(end), 0, end) for end in range(1, 17)]
        assert [score for _, _, score in self.texts(candidates, 3)] == [16.0, 15.0, 14.0]

    def test_what_is_not_ranked_counts_only_alone(self) -> None:
        unranked = candidate(9.0, 0, 3, ranked=False)
        assert self.texts([unranked, candidate(1.0, 4, 7, window=1)]) == [("two", 4, 1.0)]
        assert self.texts([unranked, candidate(1.0, 4, 7, window=1, ranked=False)])[0] == ("one", 0, 9.0)
        assert self.texts([]) == []


def test_probabilities() -> None:
    assert probabilities([]) == []
    assert probabilities([900.0, 900.0]) == [0.5, 0.5]
    scores = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    assert probabilities(scores.tolist()) == pytest.approx(scores.softmax(0).tolist())
