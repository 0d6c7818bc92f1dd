"""Scores as people read them."""

import pytest

from luke_allennlp.tasks.base.metric import LabelScores
from luke_allennlp.training.scores import score_table


def row(label: str, support: int, predicted: int = 1) -> LabelScores:
    return LabelScores(label, 0.5, 0.25, 1 / 3, support, predicted)


def test_labels_and_all() -> None:
    scores = {"precision": 0.6, "recall": 0.2, "f1": 0.3, "f1_PER": 1 / 3, "accuracy": 0.75, "loss": 2.0}
    lines = score_table([row("PER", 1200), row("LOC", 3)], scores).splitlines()
    assert [line.split() for line in lines] == [
        ["label", "precision", "recall", "f1", "support", "predicted"],
        ["PER", "0.500", "0.250", "0.333", "1,200", "1"],
        ["LOC", "0.500", "0.250", "0.333", "3", "1"],
        ["all", "0.600", "0.200", "0.300", "1,203", "2"],
        ["accuracy", "0.750"],
    ]


def test_many_labels() -> None:
    rows = [row(f"P{number}", 100 - number) for number in range(40)]
    lines = score_table(rows, {"precision": 0.6, "recall": 0.2, "f1": 0.3}).splitlines()
    assert len(lines) == 1 + 15 + 2
    left = sum(100 - number for number in range(15, 40))
    assert lines[-3].split()[0] == "P14" and lines[-2].split() == ["(25", "more)", f"{left:,}", "25"]
    assert lines[-1].split()[-2:] == [f"{sum(range(61, 101)):,}", "40"]


def test_without_labels() -> None:
    assert score_table([], {"em": 81.25, "f1": 90.0, "HasAns_total": 12, "loss": 1.0}) == (
        "  em 81.250, f1 90.000, HasAns_total 12"
    )


@pytest.mark.parametrize("columns", ["40", "80"])
def test_fits(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    rows = [row("a_relation_with_a_name_of_a_length_that_needs_a_wide_terminal" * 2, 3)]
    text = score_table(rows, {"f1": 0.3, **{f"macro_{number}": 0.1 for number in range(9)}})
    assert max(map(len, text.splitlines())) <= max(int(columns), 58)
