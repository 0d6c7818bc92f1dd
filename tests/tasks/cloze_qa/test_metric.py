"""The metric: the official scorer's figures, whatever the batches."""

import collections
import re
import string
from typing import Any, Dict, Iterable, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.tasks.cloze_qa.metric import ClozePrediction, ClozeQaMetric


def official(answers: Dict[Any, str], gold: Dict[Any, List[str]]) -> Dict[str, float]:
    """What ReCoRD's scorer computes, written anew: that of SQuAD 1.1, over the questions there are."""

    def words(text: str) -> List[str]:
        text = "".join(character for character in text.lower() if character not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    def overlap(answer: str, right: str) -> float:
        ours, theirs = collections.Counter(words(answer)), collections.Counter(words(right))
        same = sum(min(count, theirs[word]) for word, count in ours.items())
        if same == 0:
            return 0
        precision, recall = same / sum(ours.values()), same / sum(theirs.values())
        return 2 * precision * recall / (precision + recall)

    em = total = 0.0
    for key, rights in gold.items():
        if key in answers:
            em += max(words(answers[key]) == words(right) for right in rights)
            total += max(overlap(answers[key], right) for right in rights)
    return {"em": 100 * em / len(gold), "f1": 100 * total / len(gold)}


WORDS = ["the", "The", "a", "An", "Zoë", "zoë", "Rask", "Rask's", "U.S.", "us", "-", "🎉", "白河", " ", "  "]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)


@given(st.lists(st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=3)), min_size=1, max_size=8))
def test_equals_the_official_scorer(answered: List[Tuple[str, List[str]]]) -> None:
    metric = ClozeQaMetric()
    metric((key, ClozePrediction(answer, 0.0, 0, tuple(gold))) for key, (answer, gold) in enumerate(answered))
    expected = official(
        {key: answer for key, (answer, _) in enumerate(answered)},
        {key: gold for key, (_, gold) in enumerate(answered)},
    )
    assert metric.get_metric(reset=True) == pytest.approx(expected, abs=1e-9)


def scores(examples: Iterable[Tuple[int, ClozePrediction]]) -> Dict[str, float]:
    metric = ClozeQaMetric()
    metric(examples)
    return metric.get_metric(reset=True)


def test_corners() -> None:
    assert scores([]) == {"em": 0.0, "f1": 0.0}
    # A question without an answer counts.
    right = ClozePrediction("Zoë", 0.5, 3, ("Zoë",))
    nothing = ClozePrediction("", float("-inf"), 0, ("Zoë",))
    assert scores([(0, right), (1, nothing)]) == {"em": 50.0, "f1": 50.0}
    assert scores([(0, right), (0, nothing)]) == {"em": 100.0, "f1": 100.0}
    # The first of equal ones wins, in any order.
    later = ClozePrediction("Rask", 0.5, 4, ("Zoë",))
    better = later._replace(logit=0.75)
    for order in ([right, later, nothing], [nothing, later, right]):
        assert scores((0, part) for part in order)["em"] == 100.0
        assert scores((0, part) for part in [*order, better])["em"] == 0.0
    assert scores([(0, right._replace(gold=()))]) == {"em": 0.0, "f1": 0.0}
