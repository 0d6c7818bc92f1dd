"""Figures of judged predictions, against those counted by hand."""

import math

import numpy as np
import pytest

from luke_allennlp.report.judged import BOUNDARY, LABEL, MISSED, RIGHT, SPURIOUS, Mark, Pair
from luke_allennlp.report.judgements.ner import paired
from luke_allennlp.report.tables import (
    boundary_errors,
    calibration,
    confusion,
    label_scores,
    micro_scores,
    scores_by,
    worst_mistakes,
)
from tests.report.runs import example, predictions_of

TEXT = "Zoe met Max in Bonn"
ZOE, MAX, BONN = Mark(0, 3, "PER"), Mark(8, 11, "PER"), Mark(15, 19, "LOC")


def test_each_entity_is_paired_once():
    found = {ZOE: 0.9, Mark(8, 14, "PER"): 0.8, Mark(8, 9, "ORG"): 0.7, Mark(15, 19, "ORG"): 0.6}
    assert sorted(paired({ZOE, MAX, BONN}, found), key=str) == sorted(
        [
            Pair("PER", "PER", RIGHT, 0.9),
            Pair("PER", "PER", BOUNDARY, 0.8, 3),
            Pair("LOC", "ORG", LABEL, 0.6),
            Pair(None, "ORG", SPURIOUS, 0.7),
        ],
        key=str,
    )
    assert paired({ZOE}, {}) == [Pair("PER", None, MISSED)]


def test_an_entity_of_the_same_place_comes_before_a_longer_overlap():
    inner, outer = Mark(0, 3, "PER"), Mark(0, 11, "ORG")
    pairs = paired({outer, inner._replace(label="LOC")}, {inner: 0.5})
    assert Pair("LOC", "PER", LABEL, 0.5) in pairs
    assert Pair("ORG", None, MISSED) in pairs


PAIRS = [
    Pair("PER", "PER", RIGHT, 0.95),
    Pair("PER", "PER", RIGHT, 0.85),
    Pair("PER", "ORG", LABEL, 0.45),
    Pair("LOC", None, MISSED),
    Pair(None, "ORG", SPURIOUS, 0.45),
    Pair("LOC", "LOC", BOUNDARY, 0.15, -2),
]


def test_scores_by_label():
    rows = {row.label: row for row in label_scores(PAIRS)}
    assert rows["PER"][1:] == (1.0, 2 / 3, pytest.approx(0.8), 3, 2)
    assert rows["ORG"][1:] == (0.0, 0.0, 0.0, 0, 2)
    assert rows["LOC"][1:] == (0.0, 0.0, 0.0, 2, 1)
    assert micro_scores(PAIRS, None)[1:] == (2 / 5, 2 / 5, pytest.approx(2 / 5), 5, 5)
    # As a negative label is left out of both.
    assert micro_scores(PAIRS, "ORG")[1:] == (2 / 3, 2 / 5, pytest.approx(1 / 2), 5, 3)


def test_confusion_has_missed_and_spurious_but_no_other_boundaries():
    gold = [ZOE, MAX, BONN]
    found = [(ZOE, 0.9), (Mark(8, 11, "ORG"), 0.8), (Mark(4, 7, "ORG"), 0.7), (Mark(14, 19, "LOC"), 0.6)]
    table = confusion([example(TEXT, gold, found), example(TEXT, [BONN])])
    assert table.columns == ["LOC", "ORG", "PER", "missed"]
    assert table.rows == ["LOC", "ORG", "PER", "spurious"]
    assert table.counts == [[0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0]]
    assert boundary_errors(example(TEXT, gold, found).pairs) == [("LOC", 1, 0, 0, 0)]


def test_confusion_shows_the_most_frequent_labels():
    many = [example(TEXT, [ZOE._replace(label=f"L{number:02}")]) for number in range(40)]
    table = confusion(many)
    assert len(table.rows) == 30
    assert table.left_out == 10


def test_calibration_is_the_mean_distance_by_count():
    found = calibration(PAIRS)
    assert found.counts.tolist() == [0, 1, 0, 0, 2, 0, 0, 0, 1, 1]
    np.testing.assert_allclose(found.accuracy[[1, 4, 8, 9]], [0, 0, 1, 1])
    assert found.error == pytest.approx((0.15 + 2 * 0.45 + 0.15 + 0.05) / 5)
    assert calibration([Pair("PER", None, MISSED)]) is None
    assert calibration([Pair("PER", "PER", RIGHT, 1.0)]).counts[9] == 1


def test_scores_by_length():
    short, long = example("a b", [Mark(0, 1, "PER")]), example("a b c d e", [ZOE], [(ZOE, 0.9)])
    judge = predictions_of([]).judge
    bins = scores_by([2, 2, 5, 5], [short, short, long, long], judge, parts=2)
    assert [(part.name, part.examples, part.score) for part in bins] == [("2", 2, 0.0), ("5", 2, 1.0)]
    (nothing,) = scores_by([2], [example("a b")], judge)
    assert math.isnan(nothing.score)
    assert scores_by([], [], judge) == []


def test_every_example_is_in_one_range_of_lengths():
    examples = [example("a", [ZOE]) for _ in range(100)]
    bins = scores_by(list(range(100)), examples, predictions_of([]).judge)
    assert sum(part.examples for part in bins) == 100
    assert all(left.last < right.first for left, right in zip(bins, bins[1:], strict=False))


def test_the_most_confident_mistakes_come_first():
    sure = example(TEXT, [], [(ZOE, 0.9)], "sure")
    unsure = example(TEXT, [], [(ZOE, 0.3)], "unsure")
    missed = example(TEXT, [ZOE], [], "missed")
    missed_two = example(TEXT, [ZOE, MAX], [], "missed two")
    right = example(TEXT, [ZOE], [(ZOE, 0.99)], "right")
    found = worst_mistakes([missed, unsure, right, missed_two, sure], 10)
    assert [mistake.where for mistake in found] == ["sure", "unsure", "missed two", "missed"]
    assert worst_mistakes([missed, sure], 1) == [sure]
