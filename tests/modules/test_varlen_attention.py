"""Attention on GPUs, with the kernel's place taken by the plain formula where there is no GPU."""

import itertools
import math
from typing import Any, List, Tuple

import pytest
import torch
from torch import Tensor

from luke_allennlp.modules import varlen_attention
from luke_allennlp.modules.packed_attention import PackedAttention
from luke_allennlp.modules.packing import Packing
from luke_allennlp.modules.padded_attention import padded_attention
from luke_allennlp.modules.varlen_attention import VarlenAttention, is_varlen_available


def parts(query: Tensor, key: Tensor, *bounds: Tensor) -> Any:
    """The places of each sequence's queries and keys."""
    ends = (itertools.pairwise(values.tolist()) for values in bounds)
    return [tuple(slice(*pair) for pair in pairs) for pairs in zip(*ends, strict=True)]


def plain_forward(
    query: Tensor, key: Tensor, value: Tensor, *arguments: Any, scale: float
) -> Tuple[Any, ...]:
    context, logsumexp = torch.zeros_like(query), torch.full(query.shape[1::-1], math.inf)
    for place, of_keys in parts(query, key, *arguments[:2]):
        if of_keys.stop > of_keys.start:
            scores = torch.einsum("qhd,khd->hqk", query[place], key[of_keys]) * scale
            context[place] = torch.einsum("hqk,khd->qhd", scores.softmax(-1), value[of_keys])
            logsumexp[:, place] = scores.logsumexp(-1)
    return context, logsumexp, torch.empty(0), torch.empty(0), torch.empty(0)


def plain_backward(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    context: Tensor,
    logsumexp: Tensor,
    *arguments: Any,
    scale: float,
) -> List[Tensor]:
    """With the given context and log-sum-exp, as the kernel."""
    gradients = [torch.zeros_like(tensor) for tensor in (query, key, value)]
    expected = (gradient * context).sum(-1).t()
    for place, of_keys in parts(query, key, *arguments[:2]):
        scores = torch.einsum("qhd,khd->hqk", query[place], key[of_keys]) * scale
        probabilities = (scores - logsumexp[:, place, None]).exp()
        of_scores = torch.einsum("qhd,khd->hqk", gradient[place], value[of_keys])
        of_scores = (of_scores - expected[:, place, None]) * probabilities * scale
        gradients[0][place] = torch.einsum("hqk,khd->qhd", of_scores, key[of_keys])
        gradients[1][of_keys] = torch.einsum("hqk,qhd->khd", of_scores, query[place])
        gradients[2][of_keys] = torch.einsum("hqk,qhd->khd", probabilities, gradient[place])
    return gradients


class Plain:
    """In place of `torch.ops.aten`."""

    _flash_attention_forward = staticmethod(plain_forward)
    _flash_attention_backward = staticmethod(plain_backward)


@pytest.mark.parametrize("entities", [(3, 0, 2, 1), (0, 0, 0, 0)])
@pytest.mark.parametrize("columns", [4, 3])
def test_equals_padded_attention(
    monkeypatch: pytest.MonkeyPatch, entities: Tuple[int, ...], columns: int
) -> None:
    monkeypatch.setattr(varlen_attention.torch.ops, "aten", Plain)
    lengths = torch.tensor([5, 7, 0, 7])[:, None], torch.tensor(entities)[:, None]
    packing = Packing(torch.arange(7) < lengths[0], torch.arange(max(entities)) < lengths[1])
    generator = torch.Generator().manual_seed(0)
    results = []
    rows = [
        torch.randn(number, columns, 2, 8, generator=generator)
        for number in (packing.num_tokens, packing.num_entities)
    ]
    gradient = torch.randn(sum(map(len, rows)), 2, 8, generator=generator)
    for packed in (True, False):
        inputs = [row.clone().requires_grad_() for row in rows]
        if packed:
            output = PackedAttention.apply(*inputs, packing, VarlenAttention(0.0), 0.3, False)
        else:
            output = padded_attention(*inputs, packing, 0.0, 0.3)
        results.append([output, *torch.autograd.grad(output, inputs, gradient)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_where_there_is_no_kernel() -> None:
    assert not is_varlen_available(torch.bfloat16, 64, torch.device("cpu"))
    assert not is_varlen_available(torch.float32, 64, torch.device("cpu"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_there_is_a_kernel(dtype: torch.dtype) -> None:
    assert is_varlen_available(dtype, 64, torch.device("cuda", 0))
