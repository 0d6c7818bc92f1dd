"""Exact match and F1 of answers, as ReCoRD's official scorer counts them."""

from collections import Counter
from typing import Any, Dict, Mapping, NamedTuple, Tuple

from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.base.metric import TaskMetric


class ClozePrediction(NamedTuple):
    """
    The best answer to a question that one or several of its windows hold.

    # Parameters

    answer : `str`
    logit : `float`
        `-inf` where there is no candidate.
    start : `int`
        Its first character in the passage: of two answers with one logit the first is taken.
    gold : `Tuple[str, ...]`
        The answers that are right.
    """

    answer: str
    logit: float
    start: int
    gold: Tuple[str, ...]


@Metric.register("luke_cloze_qa")
class ClozeQaMetric(TaskMetric[ClozePrediction]):
    """
    Registered as a `Metric` with name "luke_cloze_qa".

    `em` and `f1` in percent, over questions. Of a question's windows the one with the highest logit decides,
    in whatever batches and on whatever processes they are predicted. Answers are compared as by ReCoRD's
    official scorer (that of SQuAD 1.1): without case, punctuation, articles and surplus space, with the best
    of the answers that are right.
    """

    @overrides
    def merge(self, first: ClozePrediction, second: ClozePrediction) -> ClozePrediction:
        return first if _rank(first) >= _rank(second) else second

    @overrides
    def tally(self, example: ClozePrediction) -> Mapping[Any, float]:
        return {
            "questions": 1,
            "em": max((exact_match(example.answer, gold) for gold in example.gold), default=0.0),
            "f1": max((f1(example.answer, gold) for gold in example.gold), default=0.0),
        }

    @overrides
    def scores(self, sums: Mapping[Any, float]) -> Dict[str, float]:
        questions = sums["questions"]
        return {name: 100.0 * sums[name] / questions if questions else 0.0 for name in ("em", "f1")}


def _rank(prediction: ClozePrediction) -> Tuple[float, int, str]:
    return prediction.logit, -prediction.start, prediction.answer


def exact_match(answer: str, gold: str) -> float:
    """
    # Parameters

    answer, gold : `str`

    # Returns

    `float`
        1 if they are the same once normalised, else 0.
    """
    return float(_normalized(answer) == _normalized(gold))


def f1(answer: str, gold: str) -> float:
    """
    # Parameters

    answer, gold : `str`

    # Returns

    `float`
        Of the words that they have in common once normalised. Unlike that of allennlp-models, which is SQuAD
        2.0's, it is 0 if both are without any word, as in the official scorer.
    """
    words, gold_words = _normalized(answer).split(), _normalized(gold).split()
    common = sum((Counter(words) & Counter(gold_words)).values())
    if not common:
        return 0.0
    precision, recall = common / len(words), common / len(gold_words)
    return 2 * precision * recall / (precision + recall)


def _normalized(text: str) -> str:
    # All of allennlp-models' reading comprehension comes along.
    from allennlp_models.rc.tools.squad import normalize_answer

    return normalize_answer(text)
