"""The scores against the official scorers of TACRED and SemEval, written anew, and scikit-learn."""

from collections import Counter
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from luke_allennlp.tasks.relation_classification.metric import RelationMetric, RelationPrediction

Pairs = List[Tuple[str, str]]

LABELS = ["no_relation", "per:title", "per:age", "org:founded"]


def score(pairs: Pairs, **options: Any) -> Dict[str, float]:
    metric = RelationMetric(**options)
    metric((index, RelationPrediction(*pair)) for index, pair in enumerate(pairs))
    return metric.get_metric(reset=True)


def tacred_scorer(pairs: Pairs) -> Dict[str, float]:
    """What Stanford's `scorer.py` computes, from its description: counts, then three divisions."""
    correct = sum(gold == guess != "no_relation" for gold, guess in pairs)
    guessed = sum(guess != "no_relation" for _, guess in pairs)
    golds = sum(gold != "no_relation" for gold, _ in pairs)
    precision = correct / guessed if guessed else 1.0
    recall = correct / golds if golds else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


pairs_of_labels = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1)


@given(pairs_of_labels)
def test_micro_scores_are_tacreds(pairs: Pairs) -> None:
    scores = score(pairs, negative_label="no_relation")
    expected = tacred_scorer(pairs)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-12)


@given(pairs_of_labels)
def test_macro_scores_and_accuracy_are_scikit_learns(pairs: Pairs) -> None:
    gold, predicted = zip(*pairs, strict=True)
    scores = score(pairs, negative_label="no_relation")
    assert scores["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    labels = sorted({*gold, *predicted} - {"no_relation"})
    if labels:
        expected = precision_recall_fscore_support(
            gold, predicted, labels=labels, average="macro", zero_division=0
        )
        found = [scores[f"macro_{name}"] for name in ("precision", "recall", "f1")]
        assert found == pytest.approx(expected[:3], abs=1e-12)
    else:
        assert scores["macro_f1"] == 0.0


@given(pairs_of_labels)
def test_without_a_negative_label(pairs: Pairs) -> None:
    scores = score(pairs)
    assert not any(name.startswith("semeval") for name in scores)
    assert {scores[name] for name in ("precision", "recall", "f1")} == {scores["accuracy"]}


DIRECTED = [f"{name}({ends})" for name in "ABC" for ends in ("e1,e2", "e2,e1")] + ["Other"]


def semeval_scorer(pairs: Pairs) -> Dict[str, float]:
    """
    What the official scorer says of "(9+1)-way, macro-averaged, taking directionality into account", from
    its description: a confusion matrix without directions, whose diagonal has only what is right with
    direction, and a count of the rest.
    """
    confusion: Counter = Counter()
    wrong_direction: Counter = Counter()
    for gold, guess in pairs:
        row, column = gold.split("(")[0], guess.split("(")[0]
        if row == column and gold != guess:
            wrong_direction[row] += 1
        else:
            confusion[row, column] += 1
    names = {gold.split("(")[0] for gold, _ in pairs} - {"Other"}
    sums = {"semeval_precision": 0.0, "semeval_recall": 0.0, "semeval_f1": 0.0}
    for name in names:
        right = confusion[name, name]
        predicted = sum(count for (_, column), count in confusion.items() if column == name)
        golds = sum(count for (row, _), count in confusion.items() if row == name)
        precision = right / max(predicted + wrong_direction[name], 1)
        recall = right / max(golds + wrong_direction[name], 1)
        sums["semeval_precision"] += precision
        sums["semeval_recall"] += recall
        sums["semeval_f1"] += 2 * precision * recall / (precision + recall) if right else 0.0
    return {name: total / max(len(names), 1) for name, total in sums.items()}


@given(st.lists(st.tuples(st.sampled_from(DIRECTED), st.sampled_from(DIRECTED)), min_size=1))
def test_semeval_scores_are_the_official_ones(pairs: Pairs) -> None:
    scores = score(pairs, negative_label="Other", semeval=True)
    expected = semeval_scorer(pairs)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-12)
