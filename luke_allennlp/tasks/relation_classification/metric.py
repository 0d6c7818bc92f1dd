"""Precision, recall and F1 of relations, as the datasets' official scorers compute them."""

import re
from typing import Any, Dict, Mapping, NamedTuple, Optional

from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.base.metric import KINDS, TaskMetric, counts_by_label, f1_scores

_DIRECTION = re.compile(r"\((?:e1,e2|e2,e1)\)$")


class RelationPrediction(NamedTuple):
    """The gold and the predicted relation."""

    gold: str
    predicted: str


@Metric.register("luke_relation_classification")
class RelationMetric(TaskMetric[RelationPrediction]):
    """
    Registered as a `Metric` with name "luke_relation_classification".

    - `precision`, `recall`, `f1`: micro-averaged over all relations but the negative one, as in TACRED's
      official scorer, where precision is 1 if no relation is predicted. Without a negative label all three
      equal the accuracy.
    - `macro_precision`, `macro_recall`, `macro_f1`: averaged over the relations that occur among the gold
      labels or the predictions, except the negative one.
    - `accuracy`: over all examples.
    - `semeval_precision`, `semeval_recall`, `semeval_f1`, with `semeval`: the official scores of SemEval-2010
      Task 8, "(9+1)-way, macro-averaged, taking directionality into account": averaged over the relations of
      the gold labels except the negative one, with `Cause-Effect(e1,e2)` and `Cause-Effect(e2,e1)` as one
      relation. A prediction in the wrong direction is wrong: it counts as predicted and as gold, not as
      correct.

    Scores range from 0 to 1; others without a denominator are 0.

    # Parameters

    negative_label : `str`, optional (default = `None`)
        The label for no relation: `no_relation` in TACRED and KBP37, `Other` in SemEval.
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
        micro = f1_scores(*(sum(count[kind] for count in counts.values()) for kind in KINDS))
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
        """Counts of each relation but the negative one: correct, predicted, gold."""
        counts: Dict[str, Dict[str, float]] = {}
        for label, count in counts_by_label(sums).items():
            if label != self._negative_label:
                name = label if directed else _DIRECTION.sub("", label)
                merged = counts.setdefault(name, dict.fromkeys(KINDS, 0.0))
                merged.update({kind: merged[kind] + count[kind] for kind in KINDS})
        return counts

    @overrides
    def label_counts(self, sums: Mapping[Any, float]) -> Dict[str, Dict[str, float]]:
        return self._by_relation(sums)


def _means(counts: Mapping[str, Dict[str, float]]) -> Dict[str, float]:
    scores = [f1_scores(**count) for count in counts.values()]
    return {
        name: sum(score[name] for score in scores) / len(scores) if scores else 0.0
        for name in ("precision", "recall", "f1")
    }
