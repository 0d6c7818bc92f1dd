"""Micro, macro and exact-match scores of predicted types."""

from typing import Any, Dict, FrozenSet, Mapping, NamedTuple

from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.base.metric import TaskMetric, counts_by_label, f1_scores


class TypingPrediction(NamedTuple):
    """The gold and the predicted types of a mention."""

    gold: FrozenSet[str]
    predicted: FrozenSet[str]


@Metric.register("luke_entity_typing")
class EntityTypingMetric(TaskMetric[TypingPrediction]):
    """
    Registered as a `Metric` with name "luke_entity_typing".

    The scores of Ling and Weld (AAAI 2012), as computed by Choi et al. (ACL 2018):

    - `precision`, `recall`, `f1`: loose micro, over all pairs of mention and type; the paper reports these;
    - `macro_precision`, `macro_recall`, `macro_f1`: loose macro. Precision is the mean over mentions with a
      predicted type, recall the mean over those with a gold type, F1 that of both means;
    - `exact_match`: the fraction of mentions whose predicted types are exactly the gold ones, none included.

    A score without a denominator is 0.
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
            **{("correct", label): 1 for label in gold & predicted},
            **{("predicted", label): 1 for label in predicted},
            **{("gold", label): 1 for label in gold},
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

    @overrides
    def label_counts(self, sums: Mapping[Any, float]) -> Dict[str, Dict[str, float]]:
        return counts_by_label(sums)


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
