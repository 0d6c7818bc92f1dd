"""Warnings of trainings that will come to nothing."""

import logging
from collections import Counter
from types import SimpleNamespace
from typing import Any, List

import pytest
import torch

from luke_allennlp.tasks.base.counts import FileCounts
from luke_allennlp.tasks.base.metric import LabelScores
from luke_allennlp.tasks.base.model import TaskModel
from luke_allennlp.training.health import (
    LossWatch,
    peak_rate,
    usual_rates,
    warn_of_data,
    warn_of_no_labels,
    warn_of_nothing_predicted,
    warn_of_rate,
)


class Model(TaskModel):
    """With an encoder of a size, and nothing else."""

    def __init__(self, hidden_size: int, trained: bool = True) -> None:
        torch.nn.Module.__init__(self)
        self.embedder = torch.nn.Linear(1, 1)  # type: ignore[assignment]
        self.embedder.config = SimpleNamespace(hidden_size=hidden_size)  # type: ignore[assignment]
        self.embedder.requires_grad_(trained)


def warnings_of(caplog: pytest.LogCaptureFixture) -> List[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


class TestLearningRate:
    @pytest.mark.parametrize(
        "hidden_size, expected",
        [
            (64, None),
            (128, (1e-5, 5e-4)),
            (384, (1e-5, 5e-4)),
            (512, (1e-5, 1e-4)),
            (768, (1e-5, 1e-4)),
            (1024, (5e-6, 5e-5)),
            (2048, (5e-6, 5e-5)),
        ],
    )
    def test_ranges(self, hidden_size: int, expected: Any) -> None:
        assert usual_rates(hidden_size) == expected

    @pytest.mark.parametrize("hidden_size, rate", [(1024, 1e-4), (1024, 1e-6), (768, 3e-4), (384, 3e-3)])
    def test_unusual(self, hidden_size: int, rate: float, caplog: pytest.LogCaptureFixture) -> None:
        warn_of_rate(Model(hidden_size), rate)
        (message,) = warnings_of(caplog)
        assert f"{rate:.1e}" in message and str(hidden_size) in message and "Set learning_rate" in message

    @pytest.mark.parametrize("hidden_size, rate", [(1024, 1e-5), (768, 1e-4), (384, 3e-4), (64, 3e-3)])
    def test_usual(self, hidden_size: int, rate: float, caplog: pytest.LogCaptureFixture) -> None:
        warn_of_rate(Model(hidden_size), rate)
        warn_of_rate(Model(hidden_size, trained=False), 1.0)  # the head alone
        warn_of_rate(torch.nn.Linear(1, 1), 1.0)  # type: ignore[arg-type]
        assert not warnings_of(caplog)

    def test_peak(self) -> None:
        # A schedule with a warm-up begins at 0.
        assert peak_rate([{"lr": 0.0, "initial_lr": 2e-5}, {"lr": 1e-5}]) == 2e-5


class TestLoss:
    def test_falls(self, caplog: pytest.LogCaptureFixture) -> None:
        watch = LossWatch()
        for loss in (1.0, 0.8, 0.81, 0.3):
            watch.end_epoch([loss + 0.01 * (step % 2) for step in range(20)])
        assert not warnings_of(caplog)

    @pytest.mark.parametrize("then", [0.5, 0.499, 0.9])
    def test_stays_or_rises(self, then: float, caplog: pytest.LogCaptureFixture) -> None:
        watch = LossWatch()
        for loss in (0.5, then, then):
            watch.end_epoch([loss] * 5)
        (message,) = warnings_of(caplog)
        assert "does not fall" in message and "0.5000" in message and "learning_rate" in message

    def test_within_an_epoch(self, caplog: pytest.LogCaptureFixture) -> None:
        LossWatch().end_epoch([1 - step / 100 for step in range(60)])
        LossWatch().end_epoch([0.7] * 49)  # too few to tell
        assert not warnings_of(caplog)
        LossWatch().end_epoch([0.7] * 50)
        assert len(warnings_of(caplog)) == 1

    def test_need_not_fall_when_it_is_low(self, caplog: pytest.LogCaptureFixture) -> None:
        watch = LossWatch()
        for _ in range(3):
            watch.end_epoch([1e-4] * 100)
        assert not warnings_of(caplog)


class TestData:
    def test_no_labels_to_measure_by(self, caplog: pytest.LogCaptureFixture) -> None:
        labeled = FileCounts(labels=Counter(PER=90))
        for counts, train in ((labeled, labeled), (FileCounts(), FileCounts()), (FileCounts(), None)):
            warn_of_no_labels("dev.conll", counts, train)
        assert not caplog.records
        warn_of_no_labels("dev.conll", FileCounts(), labeled)
        assert "dev.conll: has no labels, so every score on it is 0" in caplog.text

    def test_rare_labels(self, caplog: pytest.LogCaptureFixture) -> None:
        warn_of_data("train.conll", FileCounts(labels=Counter(PER=90, ORG=5, DATE=4, LAW=1)))
        (message,) = warnings_of(caplog)
        assert "train.conll: 2 of 4 labels" in message and "LAW (1); DATE (4)" in message
        assert "ORG" not in message and "label_map" in message

    @pytest.mark.parametrize("linked", [0, 19])
    def test_few_links(self, linked: int, caplog: pytest.LogCaptureFixture) -> None:
        warn_of_data("train.json", FileCounts(instances=100, linked=linked))
        (message,) = warnings_of(caplog)
        assert f"in {linked} of 100 instances ({linked} %)" in message and "min_link_probability" in message

    def test_enough(self, caplog: pytest.LogCaptureFixture) -> None:
        warn_of_data("a", FileCounts(instances=100, linked=20, labels=Counter(PER=5)))
        warn_of_data("b", FileCounts(instances=100))  # without a linker
        assert not warnings_of(caplog)


def test_nothing_predicted(caplog: pytest.LogCaptureFixture) -> None:
    predicted = [LabelScores("PER", 0.0, 0.0, 0.0, 7, 0), LabelScores("ORG", 0.0, 0.0, 0.0, 5, 1)]
    assert not warn_of_nothing_predicted(predicted)
    assert not warn_of_nothing_predicted([])  # answers
    assert not warnings_of(caplog)
    assert warn_of_nothing_predicted(predicted[:1])
    (message,) = warnings_of(caplog)
    assert "7 labels are gold" in message and "num_epochs" in message
