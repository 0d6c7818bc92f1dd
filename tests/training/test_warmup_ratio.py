"""The schedule against the one of transformers."""

import copy
import logging
from typing import Any, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from transformers import get_linear_schedule_with_warmup

from luke_allennlp.training.warmup_ratio import LinearWithWarmupRatio


def optimizer() -> torch.optim.Optimizer:
    """Two groups, of different learning rates."""
    first, second = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    return torch.optim.SGD([{"params": [first], "lr": 1e-5}, {"params": [second], "lr": 0.3}], lr=1.0)


def rates(optimizer_: torch.optim.Optimizer) -> List[float]:
    return [group["lr"] for group in optimizer_.param_groups]


@pytest.mark.parametrize(
    "epochs, steps, options, warmup",
    [
        (5, 20, {}, 6),
        (5, 33, {}, 9),  # 9.9 steps, rounded down
        (3, 7, {"warmup_ratio": 0.5}, 10),
        (1, 1, {}, 0),
        (2, 5, {"warmup_ratio": 0}, 0),
        (2, 5, {"warmup_ratio": 1}, 10),
        (2, 5, {"warmup_ratio": 0.5, "warmup_steps": 3}, 3),
        (2, 5, {"warmup_steps": 0}, 0),
    ],
)
def test_equals_transformers_at_every_step(epochs: int, steps: int, options: Any, warmup: int) -> None:
    ours, theirs = optimizer(), optimizer()
    schedule = LearningRateScheduler.from_params(
        Params({"type": "linear_with_warmup_ratio", **options}),
        optimizer=ours,
        num_epochs=epochs,
        num_steps_per_epoch=steps,
    )
    expected = get_linear_schedule_with_warmup(theirs, warmup, epochs * steps)
    for step in range(epochs * steps + 3):
        schedule.step_batch(step + 1)  # as the trainer does before each update
        assert rates(ours) == pytest.approx(rates(theirs), rel=1e-12, abs=0), step
        ours.step()
        if (step + 1) % steps == 0:
            schedule.step(0.5)
        theirs.step()
        expected.step()
    assert rates(ours) == [0.0, 0.0]


def test_goes_on_from_its_state() -> None:
    first = optimizer()
    schedule = LinearWithWarmupRatio(first, 2, 50, warmup_ratio=0.1)
    for step in range(1, 31):
        schedule.step_batch(step)
    schedule_state, optimizer_state = copy.deepcopy((schedule.state_dict(), first.state_dict()))

    second = optimizer()
    resumed = LinearWithWarmupRatio(second, 2, 50, warmup_ratio=0.1)
    second.load_state_dict(optimizer_state)
    resumed.load_state_dict(schedule_state)
    assert rates(second) == rates(first)
    for step in range(31, 102):
        schedule.step_batch(step)
        resumed.step_batch(step)
        assert rates(second) == rates(first)
    assert rates(second) == [0.0, 0.0]


@pytest.mark.parametrize("options, warmup", [({"warmup_ratio": 0.6}, 120), ({"warmup_steps": 4}, 4)])
def test_goes_on_with_more_epochs(options: Any, warmup: int, caplog: pytest.LogCaptureFixture) -> None:
    first, second, third = optimizer(), optimizer(), optimizer()
    short = LinearWithWarmupRatio(first, 2, 50, **options)
    for step in range(1, 101):
        short.step_batch(step)
    state = copy.deepcopy((short.state_dict(), first.state_dict()))

    longer, straight = (
        LinearWithWarmupRatio(second, 4, 50, **options),
        LinearWithWarmupRatio(third, 4, 50, **options),
    )
    second.load_state_dict(state[1])
    with caplog.at_level(logging.INFO):
        longer.load_state_dict(state[0])
    for step in range(1, 203):
        straight.step_batch(step)
        if step > 100:
            longer.step_batch(step)
            assert rates(second) == rates(third)
        if step == 101:
            rate = rates(third)[1]
    assert rates(second) == [0.0, 0.0]
    (record,) = caplog.records
    message = record.getMessage()
    assert f"now one of 200 updates, {warmup} of them warm-up; it was one of 100 and " in message
    assert message.endswith(
        f"After 100 updates the rate continues at {rate:.3g}; by the old schedule it would be 0."
    )


@pytest.mark.parametrize("ratio", [-0.1, 1.1, 100, float("nan")])
def test_ratio_outside_of_its_range(ratio: float) -> None:
    with pytest.raises(ConfigurationError, match=f"warmup_ratio is {ratio}; expected a share"):
        LinearWithWarmupRatio(optimizer(), 2, 5, warmup_ratio=ratio)


def test_unknown_number_of_steps() -> None:
    with pytest.raises(ConfigurationError, match="does not know how many batches an epoch has"):
        LinearWithWarmupRatio(optimizer(), 2, None)
