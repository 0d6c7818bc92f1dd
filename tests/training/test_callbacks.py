from types import SimpleNamespace
from typing import Tuple

import pytest
from allennlp.training import TrainerCallback
from allennlp.training.metric_tracker import MetricTracker

from luke_allennlp.training import KeepLastCallback


def tracked(*values: float, keep_last: bool) -> MetricTracker:
    """A tracker that was given a value an epoch, as AllenNLP's trainer does."""
    tracker = MetricTracker("+f1", patience=1)
    callback = TrainerCallback.by_name("keep_last")("unused")
    for epoch, value in enumerate(values):
        tracker.add_metrics({"f1": value})
        if keep_last:
            callback.on_epoch(SimpleNamespace(_metric_tracker=tracker), {"f1": value}, epoch)
    return tracker


def test_is_registered() -> None:
    assert TrainerCallback.by_name("keep_last") is KeepLastCallback


@pytest.mark.parametrize("values", [(0.9, 0.1), (0.9, 0.1, 0.1), (0.1, 0.9)])
def test_the_last_epoch_is_the_best(values: Tuple[float, ...]) -> None:
    tracker = tracked(*values, keep_last=True)
    assert tracker.is_best_so_far()
    assert tracker.best_epoch == len(values) - 1
    assert not tracker.should_stop_early()


def test_without_it_the_best_epoch_is() -> None:
    tracker = tracked(0.9, 0.1, keep_last=False)
    assert not tracker.is_best_so_far()
    assert tracker.best_epoch == 0
    assert tracker.should_stop_early()
