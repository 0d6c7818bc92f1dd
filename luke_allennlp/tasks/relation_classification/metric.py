"""Precision, recall and F1 of relations, as the datasets' official scorers count them."""

import re
from typing import Any, Dict, Mapping, NamedTuple, Optional

from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.base.metric import TaskMetric, f1_scores

_DIRECTION = re.compile(r"\((?:e1,e2|e2,e1)\)$")


class RelationPrediction(NamedTuple):
    """The relation that is right and the one that is predicted."""

    gold: str
    predicted: str


@Metric.register("luke_relation_classification")
class RelationMetric(TaskMetric[RelationPrediction]):
    """
    Registered as a `Metric` with name "luke_relation_classification".

    - `precision`, `recall`, `f1`: micro-averaged over all relations but the negative one, the numbers of
      TACRED's official scorer, whose precision is 1 where no relation is predicted. Without a negative label
      all three are the accuracy.
    - `macro_precision`, `macro_recall`, `macro_f1`: the means of each relation's, over those that occur among
      the gold labels or the predictions, but for the negative one.
    - `accuracy`: over all examples.
    - `semeval_precision`, `semeval_recall`, `semeval_f1`, if asked for: the official scores of SemEval-2010
      Task 8, "(9+1)-way, macro-averaged, taking directionality into account": the means over the relations of
      the gold labels, where `Cause-Effect(e1,e2)` and `Cause-Effect(e2,e1)` are one relation and the negative
      one is none. A prediction of the wrong direction is wrong: its relation has one more prediction and one
      more gold example, and no more correct ones.

    All are fractions of one. What else has no denominator is 0.

    # Parameters

    negative_label : `str`, optional (default = `None`)
        The label that says that there is no relation: `no_relation` in TACRED and KBP37, `Other` in SemEval.
    semeval : `bool`, optional (default = `False`)
        Also the official scores of SemEval-2010 Task 8.
    """

    def __init__(self, negative_label: Optional[str] = None, semeval: bool = False) -> None:
        super().__init__()
        self._negative_label = negative_label
        self._semeval = semeval

    @overrides
    def tally(self, example: RelationPrediction) -> Mapping[Any, float]:
        counts = {("gold", example.gold): 1.0, ("predicted", example.predicted): 1.0}
        if example.gold == example.predicted:
            counts["correct", example.gold] = 1.0
        return counts

    @overrides
    def scores(self, sums: Mapping[Any, float]) -> Dict[str, float]:
        total = sum(count for (kind, _), count in sums.items() if kind == "gold")
        correct = sum(count for (kind, _), count in sums.items() if kind == "correct")
        counts = self._by_relation(sums)
        macro = _means({name: count for name, count in counts.items() if count["gold"] or count["predicted"]})
        micro = f1_scores(*(sum(count[kind] for count in counts.values()) for kind in _KINDS))
        if total and not any(count["predicted"] for count in counts.values()):
            micro["precision"] = 1.0
        scores = {
            **micro,
            **{f"macro_{name}": value for name, value in macro.items()},
            "accuracy": correct / total if total else 0.0,
        }
        if self._semeval:
            undirected = self._by_relation(sums, directed=False)
            official = _means({name: count for name, count in undirected.items() if count["gold"]})
            scores.update({f"semeval_{name}": value for name, value in official.items()})
        return scores

    def _by_relation(self, sums: Mapping[Any, float], directed: bool = True) -> Dict[str, Dict[str, float]]:
        """How often each relation but the negative one is correct, predicted and gold."""
        counts: Dict[str, Dict[str, float]] = {}
        # In order: sums of floats depend on it in their last digit.
        for (kind, label), count in sorted(sums.items()):
            if label != self._negative_label:
                name = label if directed else _DIRECTION.sub("", label)
                counts.setdefault(name, dict.fromkeys(_KINDS, 0.0))[kind] += count
        return counts


_KINDS = ("correct", "predicted", "gold")


def _means(counts: Mapping[str, Dict[str, float]]) -> Dict[str, float]:
    scores = [f1_scores(**count) for count in counts.values()]
    return {
        name: sum(score[name] for score in scores) / len(scores) if scores else 0.0
        for name in ("precision", "recall", "f1")
    }
