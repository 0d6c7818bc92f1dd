"""Several runs: seeds of one config, and what differs between two."""

import json
from collections import defaultdict
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from luke_allennlp.report.judged import Judged
from luke_allennlp.report.run_files import Run

_ABSENT = "-"


def flattened(value: Any, path: str = "") -> Iterator[Tuple[str, Any]]:
    """The leaves of a config by their dotted paths."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flattened(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _is_seed(path: str) -> bool:
    return path.rpartition(".")[2].endswith("seed")


def groups_of(runs: Sequence[Run]) -> List[List[int]]:
    """The places of runs whose configs differ in nothing but seeds, in the order of the first."""
    groups: Dict[str, List[int]] = defaultdict(list)
    for place, run in enumerate(runs):
        leaves = {path: value for path, value in flattened(run.config) if not _is_seed(path)}
        groups[json.dumps(leaves, sort_keys=True)].append(place)
    return list(groups.values())


class Difference(NamedTuple):
    """A path of the config, and its value in each run."""

    path: str
    values: List[str]


def config_differences(runs: Sequence[Run]) -> List[Difference]:
    """The options in which the runs differ."""
    configs = [dict(flattened(run.config)) for run in runs]
    paths = list(dict.fromkeys(path for config in configs for path in config))
    shown = [
        Difference(
            path,
            [
                json.dumps(config[path], ensure_ascii=False) if path in config else _ABSENT
                for config in configs
            ],
        )
        for path in paths
    ]
    return [difference for difference in shown if len(set(difference.values)) > 1]


class MeanScore(NamedTuple):
    """A score over several runs; `deviation` is the sample standard deviation, `None` of one run."""

    values: List[Optional[float]]
    mean: Optional[float]
    deviation: Optional[float]


def mean_score(values: Sequence[Optional[float]]) -> MeanScore:
    known = [value for value in values if value is not None]
    mean = float(np.mean(known)) if known else None
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return MeanScore(list(values), mean, deviation)


class Disagreement(NamedTuple):
    """An example that two runs predict differently."""

    first: Judged
    second: Judged

    @property
    def is_decided(self) -> bool:
        """Whether one of the two is right."""
        return self.first.is_right != self.second.is_right


class Agreement(NamedTuple):
    """How the predictions of two runs for the examples that both have compare."""

    both_right: int
    first_right: int
    second_right: int
    both_wrong: int
    left_out: int  # examples that only one of them has
    differing: List[Disagreement]


def agreement(first: Sequence[Judged], second: Sequence[Judged]) -> Agreement:
    """
    Compares examples of the same text and gold labels. Of those that differ, those that one run has right
    come first, by the confidence of the other.
    """
    waiting: Dict[Any, List[Judged]] = defaultdict(list)
    for example in reversed(second):
        waiting[example.identity].append(example)
    pairs = []
    for example in first:
        if waiting[example.identity]:
            pairs.append(Disagreement(example, waiting[example.identity].pop()))
    counts: Dict[Tuple[bool, bool], int] = defaultdict(int)
    for pair in pairs:
        counts[pair.first.is_right, pair.second.is_right] += 1
    differing = [pair for pair in pairs if pair.first.decision != pair.second.decision]
    differing.sort(key=lambda pair: (not pair.is_decided, -max(pair.first.worst, pair.second.worst)))
    return Agreement(
        counts[True, True],
        counts[True, False],
        counts[False, True],
        counts[False, False],
        len(first) + len(second) - 2 * len(pairs),
        differing,
    )
