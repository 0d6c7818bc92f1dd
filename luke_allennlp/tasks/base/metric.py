"""Metrics that score whole examples, wherever and in however many parts their predictions are made."""

from collections import Counter
from typing import Any, Dict, Generic, Hashable, Iterable, List, Mapping, Tuple, TypeVar

import torch.distributed as dist
from allennlp.common.util import is_distributed
from allennlp.training.metrics import Metric
from overrides import overrides

Example = TypeVar("Example")


class TaskMetric(Metric, Generic[Example]):
    """
    Scores that come out of sums over examples. Each example counts once: the parts of it that arrive in
    different batches are merged, and at a reset all processes put their examples together, so that each
    returns the score which one process would return. An example that comes again, as it does when a reader
    fills up the processes of a distributed run, changes nothing.

    A metric of this kind says what an example adds to the sums (`tally`), what the sums mean (`scores`), and,
    where examples come in parts, how two parts become one (`merge`).
    """

    supports_distributed = True

    def __init__(self) -> None:
        self.reset()

    def merge(self, first: Example, second: Example) -> Example:
        """
        # Parameters

        first, second : `Example`
            What was predicted for one example at two times: the same, or parts of it.

        # Returns

        `Example`
            The first, unless a metric knows better. The order must not matter.
        """
        return first

    def tally(self, example: Example) -> Mapping[Any, float]:
        """What an example adds to which sum."""
        raise NotImplementedError

    def scores(self, sums: Mapping[Any, float]) -> Dict[str, float]:
        """The scores; `sums` is 0 for what was never added."""
        raise NotImplementedError

    def final_scores(self, examples: List[Example]) -> Dict[str, float]:
        """
        Further scores, at a reset only: those that are no function of sums.

        # Parameters

        examples : `List[Example]`
            All there are, of all processes.
        """
        return {}

    def __call__(self, examples: Iterable[Tuple[Hashable, Example]]) -> None:  # type: ignore[override]
        """
        # Parameters

        examples : `Iterable[Tuple[Hashable, Example]]`
            Each with a key, the same for all parts of it, and for no other of the dataset. Keys of one
            dataset must be comparable, such as (1, "train.json, record 2").
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
            If true, the examples of all processes are scored together and forgotten; in a distributed run all
            processes have to call this. If false, the scores are those of this process so far.

        # Returns

        `Dict[str, float]`
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
        # Once more and in order: sums of floats depend on it in their last digit, and subtracting leaves
        # traces.
        ordered = [self._examples[key] for key in sorted(self._examples)]
        sums: Counter = Counter()
        for example in ordered:
            sums.update(self.tally(example))
        self.reset()
        return {**self.scores(sums), **self.final_scores(ordered)}

    @overrides
    def reset(self) -> None:
        self._examples: Dict[Any, Example] = {}
        self._sums: Counter = Counter()


def f1_scores(correct: float, predicted: float, gold: float) -> Dict[str, float]:
    """
    # Parameters

    correct, predicted, gold : `float`
        Counts.

    # Returns

    `Dict[str, float]`
        `precision`, `recall`, `f1`; what has no denominator is 0.
    """
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
    }
