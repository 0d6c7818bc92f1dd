from typing import List, Tuple

import pytest
import torch
from allennlp.common import Params
from allennlp.training.optimizers import Optimizer

from luke_allennlp.training.optimizers import FusedAdamW, ZeroAdamW, consolidate

Named = List[Tuple[str, torch.nn.Parameter]]
GROUPS = [(["bias"], {"weight_decay": 0.0})]
OPTIONS = {"lr": 0.01, "betas": (0.9, 0.99), "eps": 1e-6, "weight_decay": 0.1}


def parameters(dtype: torch.dtype = torch.float32) -> Named:
    generator = torch.Generator().manual_seed(0)
    return [
        (name, torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)))
        for name, shape in (("weight", (5, 3)), ("bias", (5,)), ("unused", (2,)))
    ]


def train(optimizer: torch.optim.Optimizer, named: Named, steps: int = 6, first: int = 0) -> None:
    for step in range(first, first + steps):
        generator = torch.Generator().manual_seed(step)
        for _, parameter in named[:2]:
            parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter)
        optimizer.step()


def by_hand(named: Named, steps: int = 6) -> List[torch.Tensor]:
    """Yamada et al.'s update, in float64."""
    results = []
    averages = [(torch.zeros_like(value).double(), torch.zeros_like(value).double()) for _, value in named]
    values = [value.detach().double() for _, value in named]
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        for index, (name, _) in enumerate(named[:2]):
            gradient = torch.randn(values[index].shape, generator=generator).double()
            first, second = averages[index]
            first = 0.9 * first + 0.1 * gradient
            second = 0.99 * second + 0.01 * gradient**2
            averages[index] = (first, second)
            decay = 0.0 if name == "bias" else 0.1
            values[index] = values[index] - 0.01 * (first / (second.sqrt() + 1e-6) + decay * values[index])
    results += values
    return results


def test_without_correction_it_is_the_original_update() -> None:
    named = parameters()
    expected = by_hand(named)
    train(FusedAdamW(named, GROUPS, correct_bias=False, **OPTIONS), named)
    for (name, found), value in zip(named, expected, strict=True):
        torch.testing.assert_close(found.detach().double(), value, rtol=1e-5, atol=1e-6, msg=name)


def test_with_correction_it_is_torchs() -> None:
    ours, theirs = parameters(), parameters()
    train(FusedAdamW(ours, **OPTIONS), ours)
    train(torch.optim.AdamW([value for _, value in theirs], **OPTIONS), theirs)
    for (_, found), (_, expected) in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("correct_bias", [True, False])
def test_a_loaded_state_goes_on(correct_bias: bool) -> None:
    whole, parts = parameters(), parameters()
    train(FusedAdamW(whole, correct_bias=correct_bias, **OPTIONS), whole)
    first = FusedAdamW(parts, correct_bias=correct_bias, **OPTIONS)
    train(first, parts, 2)
    second = FusedAdamW(parts, correct_bias=correct_bias, **OPTIONS)
    second.load_state_dict(first.state_dict())
    train(second, parts, 4, first=2)
    for (_, found), (_, expected) in zip(parts, whole, strict=True):
        assert torch.equal(found, expected)


def test_zero_adamw_of_one_process_is_fused_adamw() -> None:
    named = parameters()
    params = Params({"type": "zero_adamw", "lr": 0.1, "correct_bias": False, "parameter_groups": GROUPS})
    optimizer = Optimizer.from_params(params, model_parameters=named)
    assert isinstance(optimizer, ZeroAdamW) and isinstance(optimizer, FusedAdamW)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0, 0.01]
    train(optimizer, named, 1)
    consolidate(optimizer)
    assert len(optimizer.state_dict()["state"]) == 2
