"""`huggingface_adamw`, whose algorithm transformers no longer has."""

import math

import pytest
import torch
from allennlp.training.huggingface_adamw import AdamW


def plain_step(parameters, state, lr, betas, eps, weight_decay, correct_bias):
    """The algorithm as one would write it down: one parameter after the other."""
    for index, parameter in enumerate(parameters):
        if parameter.grad is None:
            continue
        step, average, square = state.get(index, (0, 0.0, 0.0))
        step += 1
        average = betas[0] * average + (1 - betas[0]) * parameter.grad
        square = betas[1] * square + (1 - betas[1]) * parameter.grad**2
        state[index] = (step, average, square)
        correction = math.sqrt(1 - betas[1] ** step) / (1 - betas[0] ** step) if correct_bias else 1
        moved = parameter.data - lr * correction * average / (square.sqrt() + eps)
        parameter.data = moved - lr * weight_decay * moved


def set_gradients(step, *models):
    """The same gradients for all models; the first parameter has none in every third step."""
    for model in models:
        generator = torch.Generator().manual_seed(step)
        for index, parameter in enumerate(model):
            gradient = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.grad = None if index == 0 and step % 3 == 1 else gradient


def make_model(transposed=False):
    generator = torch.Generator().manual_seed(7)
    shapes = [(5, 3), (4,), (), (2, 3, 4)]
    model = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    if transposed:
        model[0] = model[0].t().contiguous().t()
    return [parameter.requires_grad_() for parameter in model]


@pytest.mark.edit("huggingface-adamw")
@pytest.mark.parametrize("correct_bias", [True, False])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("transposed", [False, True], ids=["fused", "not fused"])
def test_equals_a_plain_loop(correct_bias, weight_decay, transposed, monkeypatch):
    fused = []
    kernel = torch._fused_adamw_
    monkeypatch.setattr(torch, "_fused_adamw_", lambda *a, **b: fused.append(a[0]) or kernel(*a, **b))
    ours, plain = make_model(transposed), make_model()
    options = {"lr": 0.01, "betas": (0.9, 0.98), "eps": 1e-6, "correct_bias": correct_bias}
    groups = [{"params": ours[:2], "weight_decay": weight_decay}, {"params": ours[2:], "weight_decay": 0.0}]
    optimizer = AdamW(groups, **options)
    states = ({}, {})
    for step in range(8):
        set_gradients(step, ours, plain)
        # A warmup starts with 0.
        options["lr"] = 0.005 * step
        for group in optimizer.param_groups:
            group["lr"] = options["lr"]
        optimizer.step()
        plain_step(plain[:2], states[0], weight_decay=weight_decay, **options)
        plain_step(plain[2:], states[1], weight_decay=0.0, **options)
    assert any(ours[0] is parameter for parameters in fused for parameter in parameters) != transposed
    assert any(ours[3] is parameter for parameters in fused for parameter in parameters)
    assert optimizer.state[ours[0]]["step"] == 5
    assert optimizer.state[ours[1]]["step"] == 8
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_sparse_gradients_are_refused_by_a_sentence():
    embedding = torch.nn.Embedding(4, 2, sparse=True)
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="does not take sparse gradients: use the dense_sparse_adam"):
        AdamW(embedding.parameters()).step()


@pytest.mark.parametrize("options", [{"lr": -1.0}, {"betas": (1.0, 0.9)}, {"eps": -1e-8}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
        AdamW([torch.ones(1, requires_grad=True)], **options)
