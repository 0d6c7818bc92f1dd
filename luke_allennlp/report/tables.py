"""Figures of judged predictions: scores and confusion by label, outcomes, calibration, scores by length."""

from collections import Counter
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from luke_allennlp.report.judged import BOUNDARY, LABEL, MISSED, RIGHT, SPURIOUS, Judged, Pair
from luke_allennlp.report.judgements import Judge
from luke_allennlp.report.judgements.base import f1_of
from luke_allennlp.tasks.base.metric import f1_scores

BINS = 10
MOST_LABELS = 30
"""How many labels the table of confusion shows."""


class LabelScores(NamedTuple):
    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


def pairs_of(examples: Sequence[Judged]) -> List[Pair]:
    return [pair for example in examples for pair in example.pairs]


def label_scores(pairs: Sequence[Pair]) -> List[LabelScores]:
    """The scores of each label, those with most gold items first."""
    correct = Counter(pair.gold for pair in pairs if pair.kind == RIGHT)
    gold = Counter(pair.gold for pair in pairs)
    predicted = Counter(pair.predicted for pair in pairs)
    labels = [label for label in {*gold, *predicted} if label is not None]
    return [
        LabelScores(
            label,
            **f1_scores(correct[label], predicted[label], gold[label]),
            support=gold[label],
            predicted=predicted[label],
        )
        for label in sorted(labels, key=lambda label: (-gold[label], label))
    ]


def micro_scores(pairs: Sequence[Pair], negative: Optional[str]) -> LabelScores:
    """Those of all labels but the negative one."""
    support = sum(pair.gold not in (None, negative) for pair in pairs)
    predicted = sum(pair.predicted not in (None, negative) for pair in pairs)
    return LabelScores("all", **f1_of(pairs, negative), support=support, predicted=predicted)


class Confusion(NamedTuple):
    """
    Counts of gold labels (rows) and what was predicted (columns), shape (rows, columns). The last row is what
    is spurious, the last column what was missed, where there is either.
    """

    rows: List[str]
    columns: List[str]
    counts: List[List[int]]
    left_out: int  # labels that are not shown


def confusion(examples: Sequence[Judged], is_crossed: bool = False) -> Confusion:
    """
    Of all items but those with other boundaries.

    # Parameters

    is_crossed : `bool`, optional (default = `False`)
        Whether each missed item counts for each spurious one of its example, and the other way round.
    """
    counted: Counter[Tuple[Optional[str], Optional[str]]] = Counter()
    for example in examples:
        counted.update(_crossed(example.pairs) if is_crossed else _in_place(example.pairs))
    by_label: Counter[str] = Counter()
    for (gold, predicted), number in counted.items():
        by_label.update({label: number for label in (gold, predicted) if label is not None})
    ordered = [label for label, _ in sorted(by_label.items(), key=lambda item: (-item[1], item[0]))]
    labels = sorted(ordered[:MOST_LABELS])
    rows: List[Optional[str]] = [*labels, *([None] if any(gold is None for gold, _ in counted) else [])]
    columns: List[Optional[str]] = [*labels, *([None] if any(found is None for _, found in counted) else [])]
    return Confusion(
        [row or SPURIOUS for row in rows],
        [column or MISSED for column in columns],
        [[counted[row, column] for column in columns] for row in rows],
        max(len(ordered) - MOST_LABELS, 0),
    )


def _in_place(pairs: Sequence[Pair]) -> List[Tuple[Optional[str], Optional[str]]]:
    return [(pair.gold, pair.predicted) for pair in pairs if pair.kind != BOUNDARY]


def _crossed(pairs: Sequence[Pair]) -> List[Tuple[Optional[str], Optional[str]]]:
    missed = [pair.gold for pair in pairs if pair.kind == MISSED]
    spurious = [pair.predicted for pair in pairs if pair.kind == SPURIOUS]
    right = [(pair.gold, pair.predicted) for pair in pairs if pair.kind == RIGHT]
    if not missed and not spurious:
        return right
    return right + [(gold, found) for gold in missed or [None] for found in spurious or [None]]


class BoundaryErrors(NamedTuple):
    """Items of a gold label that were found with other boundaries."""

    label: str
    longer: int
    shorter: int
    shifted: int
    other_label: int  # of these, how many have another label, too


def boundary_errors(pairs: Sequence[Pair]) -> List[BoundaryErrors]:
    wrong: Dict[str, List[Pair]] = {}
    for pair in pairs:
        if pair.kind == BOUNDARY:
            wrong.setdefault(str(pair.gold), []).append(pair)
    return [
        BoundaryErrors(
            label,
            longer=sum(pair.difference > 0 for pair in found),
            shorter=sum(pair.difference < 0 for pair in found),
            shifted=sum(pair.difference == 0 for pair in found),
            other_label=sum(pair.gold != pair.predicted for pair in found),
        )
        for label, found in sorted(wrong.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def outcomes(pairs: Sequence[Pair], kinds: Dict[str, str]) -> List[Tuple[str, int, float]]:
    """How many pairs are of each kind, by its name, and their share."""
    counts = Counter(pair.kind for pair in pairs)
    return [(name, counts[kind], counts[kind] / len(pairs)) for kind, name in kinds.items()] if pairs else []


class Calibration(NamedTuple):
    """
    How often predictions are right at each probability.

    # Parameters

    probability, accuracy : `np.ndarray`
        Means of each of ten bins of equal width, NaN for an empty one. Shape: (bins,)
    counts : `np.ndarray`
        Shape: (bins,)
    error : `float`
        The expected calibration error (Naeini et al., AAAI 2015): the mean distance of both, by count.
    """

    probability: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray
    error: float


def calibration(pairs: Sequence[Pair]) -> Optional[Calibration]:
    """Of all predictions with a probability; `None` if there is none."""
    found = [(pair.probability, pair.kind == RIGHT) for pair in pairs if pair.probability is not None]
    if not found:
        return None
    # Shape: (predictions, 2)
    values = np.array(found, dtype=np.float64)
    bins = np.minimum((values[:, 0] * BINS).astype(int), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        probability, accuracy = (np.bincount(bins, column, BINS) / count for column in values.T)
    distances = np.nan_to_num(np.abs(probability - accuracy))
    return Calibration(probability, accuracy, count, float((distances * count).sum() / count.sum()))


class LengthBin(NamedTuple):
    """Examples of a range of lengths, both ends inclusive."""

    first: int
    last: int
    examples: int
    score: float

    @property
    def name(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def scores_by(
    values: Sequence[int], examples: Sequence[Judged], judge: Judge, parts: int = 6
) -> List[LengthBin]:
    """The scores of at most so many ranges of a length, which hold about the same number of examples."""
    lengths = np.array(values)
    if not len(lengths):
        return []
    split = np.array_split(np.sort(lengths), min(parts, len(lengths)))
    starts = np.unique([part[0] for part in split])
    places = np.searchsorted(starts, lengths, side="right") - 1
    bins = []
    for place in range(len(starts)):
        chosen = np.flatnonzero(places == place)
        inside = lengths[chosen]
        score = judge.score([examples[index] for index in chosen.tolist()])
        bins.append(LengthBin(int(inside.min()), int(inside.max()), len(chosen), score))
    return bins


class GroupScores(NamedTuple):
    group: str
    examples: int
    exact: float
    score: float


def scores_by_group(examples: Sequence[Judged], judge: Judge) -> List[GroupScores]:
    groups: Dict[str, List[Judged]] = {}
    for example in examples:
        if example.group:
            groups.setdefault(example.group, []).append(example)
    return [
        GroupScores(
            name, len(found), sum(example.is_right for example in found) / len(found), judge.score(found)
        )
        for name, found in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]


def worst_mistakes(examples: Sequence[Judged], number: int) -> List[Judged]:
    """The wrong examples, those with the most confident wrong prediction first, then those that miss most."""
    wrong = [example for example in examples if not example.is_right]

    def missed(example: Judged) -> int:
        return sum(pair.kind in (MISSED, LABEL, BOUNDARY) for pair in example.pairs)

    return sorted(wrong, key=lambda example: (-example.worst, -missed(example)))[:number]
