"""The scores against the scorer of Choi et al., written out from its description, and the edges by hand."""

from typing import Dict, FrozenSet, Iterable, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.tasks.entity_typing.metric import EntityTypingMetric, TypingPrediction

Pair = Tuple[FrozenSet[str], FrozenSet[str]]
NAMES = ["precision", "recall", "f1", "macro_precision", "macro_recall", "macro_f1", "exact_match"]


def ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0


def choi(pairs: List[Pair]) -> List[float]:
    """Loose macro and micro scores as in Ultra-Fine's evaluation: pairs of gold and predicted types."""
    micro = macro = (0.0, 0.0)
    if pairs:
        correct = sum(len(gold & predicted) for gold, predicted in pairs)
        predictions, golds = sum(len(p) for _, p in pairs), sum(len(g) for g, _ in pairs)
        micro = (ratio(correct, predictions), ratio(correct, golds))
        precisions = [len(gold & predicted) / len(predicted) for gold, predicted in pairs if predicted]
        recalls = [len(gold & predicted) / len(gold) for gold, predicted in pairs if gold]
        macro = (ratio(sum(precisions), len(precisions)), ratio(sum(recalls), len(recalls)))
    f1s = [ratio(2 * precision * recall, precision + recall) for precision, recall in (micro, macro)]
    exact = ratio(sum(gold == predicted for gold, predicted in pairs), len(pairs))
    return [*micro, f1s[0], *macro, f1s[1], exact]


def score(pairs: Iterable[Tuple[Iterable[str], Iterable[str]]]) -> Dict[str, float]:
    metric = EntityTypingMetric()
    metric(
        (index, TypingPrediction(frozenset(gold), frozenset(found)))
        for index, (gold, found) in enumerate(pairs)
    )
    return metric.get_metric(reset=True)


LABELS = st.frozensets(st.sampled_from("abcd"), max_size=4)


@given(st.lists(st.tuples(LABELS, LABELS), max_size=12))
def test_equals_the_scorer(pairs: List[Pair]) -> None:
    scores = score(pairs)
    assert list(scores) == NAMES
    assert list(scores.values()) == pytest.approx(choi(pairs), abs=1e-12)


# In the last, two of five predicted pairs are right, two of four gold ones are found, three mentions have
# predictions, and three have types.
@pytest.mark.parametrize(
    "pairs, expected",
    [
        ([], [0, 0, 0, 0, 0, 0, 0]),
        ([("a", "")], [0, 0, 0, 0, 0, 0, 0]),
        (
            [("a", "a"), ("bc", "bde"), ("f", ""), ("", "g"), ("", "")],
            [2 / 5, 2 / 4, 4 / 9, 4 / 9, 1 / 2, 8 / 17, 2 / 5],
        ),
    ],
)
def test_edges(pairs: List[Tuple[str, str]], expected: List[float]) -> None:
    assert list(score(pairs).values()) == pytest.approx(expected)
