from typing import List, Sequence, Tuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.tasks.ner.decoding import PredictedCandidate, non_overlapping, predicted_candidates


def decode_by_rounds(spans: Sequence[Tuple[int, int]], scores: Sequence[float]) -> List[int]:
    """The best of what is left, then away with all that shares a word with it, until nothing is left."""
    left = list(range(len(spans)))
    accepted = []
    while left:
        highest = max(scores[index] for index in left)
        winner = next(index for index in left if scores[index] == highest)
        accepted.append(winner)
        words = set(range(*spans[winner]))
        left = [index for index in left if words.isdisjoint(range(*spans[index]))]
    return sorted(accepted, key=lambda index: spans[index])


SCORED_SPANS = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.integers(1, 6),
        # Few distinct values, so that ties are common; and any float.
        st.one_of(st.integers(-2, 2).map(float), st.floats(allow_nan=False)),
    ),
    max_size=20,
)


class TestNonOverlapping:
    @given(SCORED_SPANS)
    @settings(deadline=None, max_examples=300)
    def test_equals_decoding_by_rounds(self, scored):
        spans = [(start, start + length) for start, length, _ in scored]
        scores = [score for _, _, score in scored]
        assert non_overlapping(spans, scores) == decode_by_rounds(spans, scores)

    def test_higher_score_wins_and_result_is_in_order_of_position(self):
        spans = [(4, 6), (0, 3), (2, 5), (3, 4)]
        assert non_overlapping(spans, [1.0, 2.0, 3.0, 0.5]) == [2]
        assert non_overlapping(spans, [3.0, 2.0, 1.0, 0.5]) == [1, 3, 0]

    def test_earlier_span_wins_a_tie(self):
        assert non_overlapping([(0, 2), (1, 3)], [1.0, 1.0]) == [0]
        assert non_overlapping([(1, 3), (0, 2)], [1.0, 1.0]) == [0]

    def test_neighbours_do_not_overlap(self):
        assert non_overlapping([(0, 2), (2, 3)], [1.0, 1.0]) == [0, 1]

    def test_nothing_from_nothing(self):
        assert non_overlapping([], []) == []


class TestPredictedCandidates:
    @pytest.mark.parametrize("nil_index", [0, 2])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
    def test_equals_a_loop(self, dtype, nil_index):
        generator = torch.Generator().manual_seed(5)
        logits = (3 * torch.randn(4, 9, 5, generator=generator)).to(dtype)
        mask = torch.rand(4, 9, generator=generator) < 0.7
        mask[2] = False
        expected: List[List[PredictedCandidate]] = []
        for instance in range(4):
            expected.append([])
            for candidate in range(9):
                row = logits[instance, candidate].float()
                label = int(row.argmax())
                if mask[instance, candidate] and label != nil_index:
                    probability = float(row.softmax(-1)[label])
                    expected[-1].append(PredictedCandidate(candidate, label, float(row[label]), probability))

        predicted = predicted_candidates(logits, mask, nil_index)

        assert sum(map(len, expected)) > 5 and expected[2] == []
        assert [[row[:3] for row in rows] for rows in predicted] == [
            [row[:3] for row in rows] for rows in expected
        ]
        for rows, expected_rows in zip(predicted, expected, strict=True):
            assert [row.probability for row in rows] == pytest.approx(
                [row.probability for row in expected_rows]
            )
            assert all(isinstance(row.candidate, int) and isinstance(row.label, int) for row in rows)

    def test_all_nil_and_no_candidates(self):
        logits = torch.zeros(2, 3, 4)
        logits[..., 1] = 5.0
        assert predicted_candidates(logits, torch.ones(2, 3, dtype=torch.bool), nil_index=1) == [[], []]
        assert predicted_candidates(torch.zeros(2, 0, 4), torch.zeros(2, 0), nil_index=0) == [[], []]

    def test_takes_logits_that_require_gradients_and_an_integer_mask(self):
        logits = torch.tensor([[[0.0, 2.0], [0.0, 3.0]]], requires_grad=True)
        ((predicted,),) = predicted_candidates(logits, torch.tensor([[1, 0]]), nil_index=0)
        assert predicted[:3] == (0, 1, 2.0)
