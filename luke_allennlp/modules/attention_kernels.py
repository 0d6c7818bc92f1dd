"""
Fused attention that also gives the log-sum-exp of each row, forward and backward, so that attentions over
parts of the keys can be merged. Private operators of torch, used only where they are found to work.
"""

from functools import lru_cache
from typing import Iterator, NamedTuple, Sequence, Tuple

import torch
from torch import Tensor

# A 64-bit random number is four of 16 bits.
_BITS = 16
# Scores that are held at once.
_BLOCK = 2**19


class AttentionResult(NamedTuple):
    """
    # Parameters

    context : `Tensor`
        Shape: (batch, heads, queries, head size).
    logsumexp : `Tensor`
        Of each row's scores, in `wide`. Shape: (batch, heads, queries).
    saved : `Sequence[Tensor]`
        What the backward pass needs besides.
    """

    context: Tensor
    logsumexp: Tensor
    saved: Sequence[Tensor] = ()


def wide(dtype: torch.dtype) -> torch.dtype:
    """Float32, or float64 for itself: of log-sum-exps and of what is summed up."""
    return torch.promote_types(dtype, torch.float32)


class FlashKernel:
    """torch's flash attention for CPUs, without dropout."""

    num_saved = 0

    def forward(self, query: Tensor, key: Tensor, value: Tensor, scale: float) -> AttentionResult:
        """Shapes: (batch, heads, queries or keys, head size)."""
        context, logsumexp = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, False, scale=scale
        )
        return AttentionResult(context, logsumexp)

    def backward(
        self,
        gradient: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        result: AttentionResult,
        scale: float,
    ) -> Tuple[Tensor, Tensor, Tensor]:
        """
        The gradients of query, key and value. Context and log-sum-exp may be those after a merge: the
        probabilities are then those over all keys.
        """
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
            gradient, query, key, value, result.context, result.logsumexp, 0.0, False, scale=scale
        )


class DroppingKernel:
    """
    Attention with dropout on CPUs, where torch has none that is fused: with random numbers of 16 bits, and a
    few heads at a time. It saves the probabilities, which are negative where they are kept.

    # Parameters

    dropout : `float`
        Rounded to a multiple of 2^-16.
    """

    num_saved = 2

    def __init__(self, dropout: float) -> None:
        self._bound = round(dropout * 2**_BITS)
        left = 2**_BITS - self._bound
        self._factor = 2**_BITS / left if left else 0.0

    def forward(self, query: Tensor, key: Tensor, value: Tensor, scale: float) -> AttentionResult:
        """As of `FlashKernel`."""
        size, heads, queries, _ = query.shape
        context = query.new_empty(query.shape)
        logsumexp = query.new_empty(size, heads, queries, dtype=wide(query.dtype))
        signed = query.new_empty(size, heads, queries, key.size(2))
        for place in _blocks(signed.shape):
            keys, values = key[place].contiguous(), value[place].contiguous()
            scores = (query[place] * scale).contiguous() @ keys.transpose(-1, -2)
            scores = scores.to(logsumexp.dtype)
            probabilities = scores.softmax(-1)
            # Of the largest, for which both are well above 0.
            torch.sub(scores.amax(-1), probabilities.amax(-1).log(), out=logsumexp[place])
            dropped = torch.mul(probabilities, self._draw(scores.shape), out=scores)
            signed[place] = probabilities.sub_(dropped, alpha=2)
            context[place] = (dropped.to(values.dtype) @ values).mul_(self._factor)
        return AttentionResult(context, logsumexp, (signed, logsumexp))

    def backward(
        self,
        gradient: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        result: AttentionResult,
        scale: float,
    ) -> Tuple[Tensor, Tensor, Tensor]:
        """As of `FlashKernel`."""
        signed, logsumexp = result.saved
        of_query, of_key, of_value = (tensor.new_empty(tensor.shape) for tensor in (query, key, value))
        # What part of all probabilities a row's are. Shape: (batch, heads, queries, 1)
        share = (logsumexp - result.logsumexp).exp_()[..., None]
        products = gradient.to(share.dtype) * result.context
        expected = products.sum(-1, keepdim=True) * share
        gradient = (gradient * (share * -self._factor)).to(query.dtype).contiguous()
        for place in _blocks(signed.shape):
            keys, values, above = key[place].contiguous(), value[place].contiguous(), gradient[place]
            queries = (query[place] * scale).contiguous()
            probabilities = signed[place].to(share.dtype)
            # Negative, as the gradient is.
            dropped = probabilities.clamp(max=0)
            of_scores = (above @ values.transpose(-1, -2)).to(share.dtype).mul_(dropped)
            of_scores.addcmul_(probabilities.abs(), expected[place], value=-1)
            of_scores, dropped = of_scores.to(query.dtype), dropped.to(query.dtype)
            of_query[place] = (of_scores @ keys).mul_(scale)
            of_key[place] = of_scores.transpose(-1, -2) @ queries
            of_value[place] = dropped.transpose(-1, -2) @ above
        return of_query, of_key, of_value

    def _draw(self, shape: torch.Size) -> Tensor:
        """What is kept: boolean."""
        number = shape.numel()
        numbers = torch.empty(-(-number * _BITS // 64), dtype=torch.int64).random_(-(2**63), None)
        # Uniform from -2^15 to 2^15 - 1.
        return numbers.view(torch.int16)[:number].view(shape) >= self._bound - 2 ** (_BITS - 1)


def _blocks(shape: torch.Size) -> Iterator[Tuple[slice, slice]]:
    """Parts of sequences and heads whose matrices of scores fit a processor's cache together."""
    size, heads, queries, keys = shape
    matrices = max(_BLOCK // max(queries * keys, 1), 1)
    sequences = max(matrices // heads, 1)
    some_heads = min(matrices, heads)
    for first in range(0, size, sequences):
        for first_head in range(0, heads, some_heads):
            yield slice(first, first + sequences), slice(first_head, first_head + some_heads)


@lru_cache(maxsize=None)
@torch.inference_mode(False)
def is_flash_available(dtype: torch.dtype) -> bool:
    """Whether `FlashKernel` exists in this torch, and computes attention and its gradients, on CPUs."""
    # In a generator of its own: a check must not change what is drawn after it.
    generator = torch.Generator().manual_seed(0)
    query, key, value, gradient = (
        torch.randn(1, 2, length, 16, generator=generator).to(dtype) for length in (3, 5, 5, 3)
    )
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        inputs = [tensor.double().requires_grad_() for tensor in (query, key, value)]
        scores = inputs[0] @ inputs[1].transpose(-1, -2) * 0.25
        expected = scores.softmax(-1) @ inputs[2]
        # Of a sum: given the gradient, torch would import its compiler's parts.
        gradients = torch.autograd.grad((expected * gradient.double()).sum(), inputs)
    try:
        kernel = FlashKernel()
        result = kernel.forward(query, key, value, 0.25)
        found = kernel.backward(gradient, query, key, value, result, 0.25)
    except (AttributeError, RuntimeError, TypeError):
        return False
    tolerance = 32 * torch.finfo(dtype).eps
    pairs = [
        (result.context, expected),
        (result.logsumexp, scores.logsumexp(-1)),
        *zip(found, gradients, strict=True),
    ]
    return all((ours.double() - theirs).abs().max() < tolerance for ours, theirs in pairs)
