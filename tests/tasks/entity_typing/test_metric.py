"""The scores against the scorer of Choi et al., written out from its description, and the edges by hand."""

from typing import Dict, FrozenSet, Iterable, List, Set, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.tasks.entity_typing.metric import EntityTypingMetric, TypingPrediction

Pair = Tuple[FrozenSet[str], FrozenSet[str]]
NAMES = ["precision", "recall", "f1", "macro_precision", "macro_recall", "macro_f1", "exact_match"]


def choi(pairs: List[Pair]) -> Dict[str, float]:
    """Loose macro and micro scores as in Ultra-Fine's evaluation: pairs of gold and predicted types."""

    def harmonic(one: float, other: float) -> float:
        return 0.0 if one + other == 0.0 else 2 * one * other / (one + other)

    precision_sum = recall_sum = 0.0
    predicted_examples = gold_examples = 0
    num_predicted = num_gold = num_correct = 0
    hits = 0
    for gold, predicted in pairs:
        overlap = [label for label in predicted if label in gold]
        if len(predicted) > 0:
            predicted_examples += 1
            precision_sum += len(overlap) / float(len(predicted))
        if len(gold) > 0:
            gold_examples += 1
            recall_sum += len(overlap) / float(len(gold))
        num_predicted += len(predicted)
        num_gold += len(gold)
        num_correct += len(overlap)
        hits += sorted(gold) == sorted(predicted)
    macro_precision = precision_sum / predicted_examples if predicted_examples > 0 else 0.0
    macro_recall = recall_sum / gold_examples if gold_examples > 0 else 0.0
    precision = num_correct / num_predicted if num_predicted else 0.0
    recall = num_correct / num_gold if num_gold else 0.0
    return {
        "precision": precision,
        "recall": recall,
        "f1": harmonic(precision, recall),
        "macro_precision": macro_precision,
        "macro_recall": macro_recall,
        "macro_f1": harmonic(macro_precision, macro_recall),
        "exact_match": hits / len(pairs) if pairs else 0.0,
    }


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
    assert score(pairs) == pytest.approx(choi(pairs), abs=1e-12)


def test_all_but_perfect() -> None:
    pairs: List[Tuple[Set[str], Set[str]]] = [
        ({"person"}, {"person"}),
        ({"place", "location"}, {"place", "entity", "object"}),
        ({"event"}, set()),
        (set(), {"time"}),
        (set(), set()),
    ]
    found = score(pairs)
    assert found == pytest.approx(choi([(frozenset(g), frozenset(p)) for g, p in pairs]))
    # Two of five predicted pairs are right, and two of four gold ones are found.
    assert (found["precision"], found["recall"]) == pytest.approx((2 / 5, 2 / 4))
    assert found["f1"] == pytest.approx(4 / 9)
    # Three mentions have predictions, three have types.
    assert found["macro_precision"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found["macro_recall"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert found["exact_match"] == pytest.approx(2 / 5)
    assert list(found) == NAMES


@pytest.mark.parametrize(
    "pairs, expected",
    [
        ([], [0, 0, 0, 0, 0, 0, 0]),
        ([("", "")], [0, 0, 0, 0, 0, 0, 1]),
        ([("a", "")], [0, 0, 0, 0, 0, 0, 0]),
        ([("", "a")], [0, 0, 0, 0, 0, 0, 0]),
        ([("a", "b")], [0, 0, 0, 0, 0, 0, 0]),
        ([("ab", "ab"), ("", "")], [1, 1, 1, 1, 1, 1, 1]),
        ([("ab", "a"), ("", "")], [1, 0.5, 2 / 3, 1, 0.5, 2 / 3, 0.5]),
    ],
)
def test_edges(pairs: List[Tuple[str, str]], expected: List[float]) -> None:
    assert [score(pairs)[name] for name in NAMES] == pytest.approx(expected)
