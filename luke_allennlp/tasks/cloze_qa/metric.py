"""Exact match and F1 of answers, as ReCoRD's official scorer computes them."""

from typing import Any, Dict, Mapping, NamedTuple, Tuple

from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.base.answer_scores import exact_match_and_f1
from luke_allennlp.tasks.base.metric import TaskMetric


class ClozePrediction(NamedTuple):
    """The best answer to a question in one or more of its windows."""

    answer: str
    logit: float  # `-inf` if there is no candidate
    start: int  # first character in the passage: the first of two answers with equal logits wins
    gold: Tuple[str, ...]


@Metric.register("luke_cloze_qa")
class ClozeQaMetric(TaskMetric[ClozePrediction]):
    """
    Registered as a `Metric` with name "luke_cloze_qa".

    `em` and `f1` in percent, over questions. The window with the highest logit decides, in whatever batches
    and processes a question's windows are predicted. Answers are compared as in ReCoRD's official scorer
    (that of SQuAD 1.1): without case, punctuation, articles and surplus whitespace, with the best gold
    answer.
    """

    @overrides
    def merge(self, first: ClozePrediction, second: ClozePrediction) -> ClozePrediction:
        return first if _rank(first) >= _rank(second) else second

    @overrides
    def tally(self, example: ClozePrediction) -> Mapping[Any, float]:
        em, f1 = exact_match_and_f1(example.answer, example.gold) if example.gold else (0.0, 0.0)
        return {"questions": 1, "em": em, "f1": f1}

    @overrides
    def scores(self, sums: Mapping[Any, float]) -> Dict[str, float]:
        questions = sums["questions"]
        return {name: 100.0 * sums[name] / questions if questions else 0.0 for name in ("em", "f1")}


def _rank(prediction: ClozePrediction) -> Tuple[float, int, str]:
    return prediction.logit, -prediction.start, prediction.answer
