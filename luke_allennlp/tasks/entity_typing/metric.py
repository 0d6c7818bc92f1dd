"""How well types are predicted: pooled over all mentions, mention by mention, and exactly."""

from typing import Any, Dict, FrozenSet, Mapping, NamedTuple

from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.base.metric import TaskMetric, f1_scores


class TypingPrediction(NamedTuple):
    """The types of a mention: what they are, and what they are taken for."""

    gold: FrozenSet[str]
    predicted: FrozenSet[str]


@Metric.register("luke_entity_typing")
class EntityTypingMetric(TaskMetric[TypingPrediction]):
    """
    Registered as a `Metric` with name "luke_entity_typing".

    The scores of Ling and Weld (AAAI 2012), as Choi et al. (ACL 2018) compute them:

    - `precision`, `recall`, `f1`: loose micro, over the pairs of mention and type of all mentions; these are
      the paper's;
    - `macro_precision`, `macro_recall`, `macro_f1`: loose macro, the mean over mentions. A mention without a
      predicted type has no precision and one without a gold type no recall: neither is in that mean. The F1
      is that of the two means;
    - `exact_match`: the share of mentions whose types are all predicted, and no other. To predict none where
      there is none is a match.

    What has no denominator is 0.
    """

    @overrides
    def tally(self, example: TypingPrediction) -> Mapping[Any, float]:
        gold, predicted = example
        correct = len(gold & predicted)
        return {
            "mentions": 1,
            "exact": gold == predicted,
            "correct": correct,
            "predicted": len(predicted),
            "gold": len(gold),
            "with_predicted": bool(predicted),
            "with_gold": bool(gold),
            "precisions": correct / len(predicted) if predicted else 0.0,
            "recalls": correct / len(gold) if gold else 0.0,
        }

    @overrides
    def scores(self, sums: Mapping[Any, float]) -> Dict[str, float]:
        precision = _ratio(sums["precisions"], sums["with_predicted"])
        recall = _ratio(sums["recalls"], sums["with_gold"])
        return {
            **f1_scores(sums["correct"], sums["predicted"], sums["gold"]),
            "macro_precision": precision,
            "macro_recall": recall,
            "macro_f1": _ratio(2 * precision * recall, precision + recall),
            "exact_match": _ratio(sums["exact"], sums["mentions"]),
        }


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
