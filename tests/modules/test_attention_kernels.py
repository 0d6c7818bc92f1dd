"""Attention with dropout, against the plain formula with the same dropout."""

from typing import List, Tuple

import pytest
import torch
from torch import Tensor

from luke_allennlp.modules import attention_kernels
from luke_allennlp.modules.attention_kernels import (
    AttentionResult,
    DroppingKernel,
    FlashKernel,
    is_flash_available,
)
from luke_allennlp.modules.grouped_attention import GroupedAttention
from luke_allennlp.modules.packed_attention import PackedAttention
from luke_allennlp.modules.packing import Packing


def draw(size: int = 2, queries: int = 5, keys: int = 7, heads: int = 3) -> List[Tensor]:
    """Query, key, value and a gradient."""
    generator = torch.Generator().manual_seed(0)
    lengths = (queries, keys, keys, queries)
    return [
        torch.randn(size, heads, length, 8, generator=generator, dtype=torch.float64) for length in lengths
    ]


def kept(result: AttentionResult) -> Tensor:
    return result.saved[0] < 0


def plain(tensors: List[Tensor], kept: Tensor, factor: float) -> Tuple[Tensor, Tensor, List[Tensor]]:
    query, key, value = (tensor.clone().requires_grad_() for tensor in tensors[:3])
    scores = query @ key.transpose(-1, -2) * 0.3
    context = (scores.softmax(-1) * kept * factor) @ value
    gradients = torch.autograd.grad(context, (query, key, value), tensors[3])
    return context, scores.logsumexp(-1), list(gradients)


@pytest.mark.parametrize("block", [1, 5 * 7 * 2, 2**19])
def test_dropping(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(attention_kernels, "_BLOCK", block)
    kernel, tensors = DroppingKernel(0.25), draw()
    *inputs, gradient = tensors
    result = kernel.forward(*inputs, 0.3)
    context, logsumexp, gradients = plain(tensors, kept(result), 1 / 0.75)
    torch.testing.assert_close(result.context, context, rtol=0, atol=1e-5)
    torch.testing.assert_close(result.logsumexp, logsumexp, rtol=0, atol=1e-5)
    found = kernel.backward(gradient, *inputs, result, 0.3)
    for one, other in zip(found, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_how_much_is_dropped(dropout: float) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(2, 4, length, 8) for length in (256, 257, 257)]
    first, second = (kept(DroppingKernel(dropout).forward(*inputs, 0.3)).float() for _ in range(2))
    # Within five standard deviations: of all, of each column modulo four, and of pairs.
    deviation = (dropout * (1 - dropout) / first.numel()) ** 0.5
    assert abs(first.mean() - (1 - dropout)) < 5 * deviation
    for column in range(4):
        assert abs(first.flatten()[column::4].mean() - (1 - dropout)) < 10 * deviation
    assert abs((first * second).mean() - (1 - dropout) ** 2) < 5 * deviation
    assert abs((first[..., 1:] * first[..., :-1]).mean() - (1 - dropout) ** 2) < 5 * deviation


def test_the_same_generator_drops_the_same() -> None:
    inputs = draw()[:3]
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(kept(DroppingKernel(0.5).forward(*inputs, 0.3)))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_check_of_flash(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    is_flash_available.cache_clear()
    state = torch.get_rng_state()
    assert is_flash_available(dtype)
    assert torch.equal(torch.get_rng_state(), state)

    # A torch whose operator computes something else, or is not there.
    forward = FlashKernel.forward
    for wrong in (
        lambda *arguments: forward(*arguments)._replace(logsumexp=forward(*arguments).logsumexp + 1),
        lambda *arguments: torch.ops.aten.no_such_operator(*arguments),
    ):
        monkeypatch.setattr(FlashKernel, "forward", wrong)
        is_flash_available.cache_clear()
        assert not is_flash_available(dtype)
    is_flash_available.cache_clear()


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_backward_again(dtype: torch.dtype, dropout: float, independent: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    masks = [torch.arange(length) < torch.tensor([[4], [2]]) for length in (4, 3)]
    packing = Packing(*masks)
    columns = (3 if independent else 4, 4)
    inputs = [
        torch.randn(number, column, 2, 8, generator=generator, dtype=dtype).requires_grad_()
        for number, column in zip((packing.num_tokens, packing.num_entities), columns, strict=True)
    ]
    output = PackedAttention.apply(*inputs, packing, GroupedAttention(dropout), 0.3, independent)
    assert output.dtype == dtype and output.isfinite().all()
    first, second = (torch.autograd.grad(output.sin().sum(), inputs, retain_graph=True) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other) and one.isfinite().all()
    # The gradient of a gradient is not computed, and said to be so.
    gradient = torch.autograd.grad(output.sin().sum(), inputs, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
