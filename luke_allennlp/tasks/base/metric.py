"""Metrics of whole examples, whose predictions may be made in parts, in any batch and process."""

from collections import Counter
from typing import Any, Dict, Generic, Hashable, Iterable, List, Mapping, NamedTuple, Tuple, TypeVar

import torch.distributed as dist
from allennlp.common.util import is_distributed
from allennlp.training.metrics import Metric
from overrides import overrides

Example = TypeVar("Example")


KINDS = ("correct", "predicted", "gold")


class LabelScores(NamedTuple):
    """
    The scores of a label.

    # Parameters

    support : `int`
        How often it is gold.
    predicted : `int`
        How often it is predicted.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


class TaskMetric(Metric, Generic[Example]):
    """
    Scores that are functions of sums over examples. Each example counts once: its parts, which may arrive in
    different batches, are merged, and repetitions, which even out the shards of distributed evaluation, are
    ignored. At a reset the examples of all processes are gathered, so that each process returns the score
    that a single one would.

    A subclass implements `tally` and `scores`, and `merge` if examples arrive in parts.
    """

    supports_distributed = True

    def __init__(self) -> None:
        self._table: List[LabelScores] = []
        self.reset()

    def merge(self, first: Example, second: Example) -> Example:
        """
        Merges two predictions of one example, the same or parts of it. By default keeps the first. The order
        must not matter.
        """
        return first

    def tally(self, example: Example) -> Mapping[Any, float]:
        """What an example adds to each sum."""
        raise NotImplementedError

    def scores(self, sums: Mapping[Any, float]) -> Dict[str, float]:
        """The scores. `sums` is 0 for keys that no example added to."""
        raise NotImplementedError

    def final_scores(self, examples: List[Example]) -> Dict[str, float]:
        """Scores that are no functions of sums, of all examples, ordered by key. Called at a reset only."""
        return {}

    def label_counts(self, sums: Mapping[Any, float]) -> Dict[str, Dict[str, float]]:
        """
        How often each label is `correct`, `predicted` and `gold`, except a negative one. Empty, as by
        default, if the task has no labels.
        """
        return {}

    def table(self) -> List[LabelScores]:
        """
        The scores of each label over the examples of the last reset, the most frequent label first. Empty if
        the task has no labels.
        """
        return self._table

    def __call__(self, examples: Iterable[Tuple[Hashable, Example]]) -> None:  # type: ignore[override]
        """
        # Parameters

        examples : `Iterable[Tuple[Hashable, Example]]`
            Each with a key, which its parts share. Keys must be comparable, such as
            (1, "train.json, record 2").
        """
        for key, example in examples:
            if key in self._examples:
                known = self._examples[key]
                example = self.merge(known, example)
                if example is known:
                    continue
                self._sums.subtract(self.tally(known))
            self._examples[key] = example
            self._sums.update(self.tally(example))

    @overrides(check_signature=False)
    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """
        # Parameters

        reset : `bool`, optional (default = `False`)
            If true, the examples of all processes are scored together and then forgotten, and in distributed
            runs all processes must call this. If false, the scores are those of this process so far.
        """
        if not reset:
            return self.scores(self._sums)
        states: List[Any] = [self._examples]
        if is_distributed():
            states = [None] * dist.get_world_size()
            dist.all_gather_object(states, self._examples)
        self.reset()
        for state in states:
            self(state.items())
        # Again and in order: sums of floats depend on the order, and subtraction leaves rounding errors.
        ordered = [self._examples[key] for key in sorted(self._examples)]
        sums: Counter = Counter()
        for example in ordered:
            sums.update(self.tally(example))
        self.reset()
        self._table = _scores_by_label(self.label_counts(sums))
        return {**self.scores(sums), **self.final_scores(ordered)}

    @overrides
    def reset(self) -> None:
        self._examples: Dict[Any, Example] = {}
        self._sums: Counter = Counter()


def f1_scores(correct: float, predicted: float, gold: float) -> Dict[str, float]:
    """`precision`, `recall` and `f1` of three counts. A score without a denominator is 0."""
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
    }


def counts_by_label(sums: Mapping[Any, float]) -> Dict[str, Dict[str, float]]:
    """The counts of each label, of sums with keys such as ("gold", "PER")."""
    counts: Dict[str, Dict[str, float]] = {}
    # Sorted, as the last digit of a sum of floats depends on the order.
    pairs = sorted((key, count) for key, count in sums.items() if isinstance(key, tuple))
    for (kind, label), count in pairs:
        counts.setdefault(label, dict.fromkeys(KINDS, 0.0))[kind] += count
    return counts


def _scores_by_label(counts: Mapping[str, Mapping[str, float]]) -> List[LabelScores]:
    rows = [
        LabelScores(
            label, support=int(count["gold"]), predicted=int(count["predicted"]), **f1_scores(**count)
        )
        for label, count in counts.items()
        if count["gold"] or count["predicted"]
    ]
    return sorted(rows, key=lambda row: (-row.support, -row.predicted, row.label))
