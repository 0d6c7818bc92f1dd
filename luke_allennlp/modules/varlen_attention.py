"""
Entity-aware attention over packed batches on GPUs, in one call of torch's flash kernel for sequences of any
lengths: an operator that is private, and used only where it is found to work.
"""

import logging
import math
from functools import lru_cache
from typing import Any, List, NamedTuple, Tuple

import torch
from torch import Tensor
from torch.nn import functional as F

from luke_allennlp.modules.packing import Packing
from luke_allennlp.modules.padded_attention import padded_attention

logger = logging.getLogger(__name__)


class _Bounds(NamedTuple):
    """Of the sequences of queries and of keys. Shape: (sequences + 1)."""

    queries: Tensor
    keys: Tensor
    longest_query: int
    longest_key: int


class VarlenAttention(torch.autograd.Function):
    """
    As `MergedAttention`, with dropout, in half precision. For the kernel, each kind of query of each text is
    a sequence. A row's two attentions, over tokens and over entities, are merged by their log-sum-exp; given
    the merged ones, the kernel's backward pass has the probabilities over all keys.
    """

    @staticmethod
    def forward(
        ctx: Any, tokens: Tensor, entities: Tensor, packing: Packing, dropout: float, scale: float
    ) -> Tensor:
        bounds = _bounds(packing, tokens)
        query, key, value = _rows(tokens, entities)
        context, logsumexp, *random = torch.ops.aten._flash_attention_forward(
            query, key, value, *bounds, dropout, False, False, scale=scale
        )[:4]
        if tokens.size(1) == 4:
            context, logsumexp = _merge(context, logsumexp, tokens.size(0), entities.size(0))
        ctx.save_for_backward(tokens, entities, context, logsumexp, *bounds[:2], *random)
        ctx.longest, ctx.dropout, ctx.scale = bounds[2:], dropout, scale
        return context

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tuple[Any, ...]:
        tokens, entities, context, logsumexp, of_queries, of_keys, *random = ctx.saved_tensors
        rows = _rows(tokens, entities)
        num_tokens = tokens.size(0)
        gradient = gradient.contiguous()
        if tokens.size(1) == 4:
            gradient, context = (_twice(value, num_tokens) for value in (gradient, context))
            logsumexp = _twice(logsumexp.t(), num_tokens).t().contiguous()
        of_query, of_key, of_value = torch.ops.aten._flash_attention_backward(
            gradient,
            *rows,
            context,
            logsumexp,
            of_queries,
            of_keys,
            *ctx.longest,
            ctx.dropout,
            False,
            *random,
            scale=ctx.scale,
        )
        return *_of_columns(of_query, of_key, of_value, tokens, entities), None, None, None


def _rows(tokens: Tensor, entities: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    """
    Queries, keys and values: tokens asking tokens, tokens asking entities, entities asking tokens, entities
    asking entities. Shape: (rows, heads, head size).
    """
    if tokens.size(1) == 3:
        query, key, value = tokens.unbind(1)
        return query.contiguous(), key.contiguous(), value.contiguous()
    query = torch.cat([tokens[:, 0], tokens[:, 1], entities[:, 0], entities[:, 1]])
    key, value = (torch.cat([tokens[:, column], entities[:, column]] * 2) for column in (2, 3))
    return query, key, value


def _of_columns(
    of_query: Tensor, of_key: Tensor, of_value: Tensor, tokens: Tensor, entities: Tensor
) -> Tuple[Tensor, Tensor]:
    """The gradients of tokens and entities from those of `_rows`."""
    if tokens.size(1) == 3:
        return torch.stack([of_query, of_key, of_value], dim=1), torch.zeros_like(entities)
    sizes = [tokens.size(0), entities.size(0)]
    from_tokens, from_entities = of_query.split([2 * size for size in sizes])
    columns: Tuple[List[Tensor], List[Tensor]] = (
        list(from_tokens.chunk(2)) if sizes[0] else [from_tokens] * 2,
        list(from_entities.chunk(2)) if sizes[1] else [from_entities] * 2,
    )
    for gradient in (of_key, of_value):
        halves = gradient.unflatten(0, (2, sum(sizes))).sum(0)
        for kind, rows in zip(columns, halves.split(sizes), strict=True):
            kind.append(rows)
    return torch.stack(columns[0], dim=1), torch.stack(columns[1], dim=1)


def _bounds(packing: Packing, tokens: Tensor) -> _Bounds:
    num_tokens = [group.num_tokens for group in packing.groups for _ in range(group.size)]
    num_entities = [group.num_entities for group in packing.groups for _ in range(group.size)]
    queries, keys = num_tokens, num_tokens
    if tokens.size(1) == 4:
        queries = num_tokens * 2 + num_entities * 2
        keys = (num_tokens + num_entities) * 2
    lengths = torch.tensor([queries, keys]).to(tokens.device, non_blocking=True)
    of_queries, of_keys = F.pad(lengths.cumsum(1), (1, 0)).int()
    return _Bounds(of_queries, of_keys, max(queries), max(keys))


def _merge(context: Tensor, logsumexp: Tensor, num_tokens: int, num_entities: int) -> Tuple[Tensor, Tensor]:
    """Shapes: (2 * rows, heads, head size), (heads, 2 * rows) -> half as many rows."""
    # Without keys, as of a text without entities, the kernel gives +inf.
    logsumexp = logsumexp.masked_fill(logsumexp == math.inf, -math.inf).t()
    sizes = [num_tokens, num_tokens, num_entities, num_entities]
    contexts, logsumexps = context.split(sizes), logsumexp.split(sizes)
    over_tokens, over_entities = (torch.cat([contexts[i], contexts[2 + i]]) for i in (0, 1))
    of_tokens, of_entities = (torch.cat([logsumexps[i], logsumexps[2 + i]]) for i in (0, 1))
    share = torch.sigmoid(of_entities - of_tokens)[..., None].to(context.dtype)
    return torch.lerp(over_tokens, over_entities, share), torch.logaddexp(of_tokens, of_entities).t()


def _twice(rows: Tensor, num_tokens: int) -> Tensor:
    """For both queries of each row. Shapes: (rows, ...) -> (2 * rows, ...)."""
    tokens, entities = rows[:num_tokens], rows[num_tokens:]
    return torch.cat([tokens, tokens, entities, entities])


@lru_cache(maxsize=None)
@torch.inference_mode(False)
def is_varlen_available(dtype: torch.dtype, head_size: int, device: torch.device) -> bool:
    """Whether the kernel takes this type and size there, and computes attention and its gradients."""
    if dtype not in (torch.float16, torch.bfloat16):
        return False
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([[5], [0], [9]])
    masks = torch.arange(9) < lengths, torch.arange(4) < torch.tensor([[4], [2], [0]])
    packing = Packing(masks[0].to(device), masks[1].to(device))
    rows = [
        torch.randn(number, 4, 2, head_size, generator=generator).to(device)
        for number in (packing.num_tokens, packing.num_entities)
    ]
    gradient = torch.randn(sum(map(len, rows)), 2, head_size, generator=generator).to(device)
    results = []
    try:
        for attention, type_ in ((VarlenAttention.apply, dtype), (padded_attention, torch.float32)):
            inputs = [row.to(dtype).to(type_).requires_grad_() for row in rows]
            with torch.enable_grad(), torch.autocast(device.type, enabled=False):
                output = attention(*inputs, packing, 0.0, 0.1)  # type: ignore[call-arg, arg-type]
                results.append([output, *torch.autograd.grad(output, inputs, gradient.to(type_))])
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        logger.info("Attention over packed batches does not work here: %s", error)
        return False
    differences = [(a.float() - b).abs().max().item() for a, b in zip(*results, strict=True)]
    # NaN is not less.
    return all(difference < 16 * torch.finfo(dtype).eps for difference in differences)
