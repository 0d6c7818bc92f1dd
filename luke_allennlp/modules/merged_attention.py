"""
Entity-aware attention over packed batches, as two ordinary attentions at head width: over the tokens and over
the entities, each with queries of its own, merged by their log-sum-exp.
"""

from typing import Any, List, Tuple, Union

import torch
from torch import Tensor

from luke_allennlp.modules.attention_kernels import AttentionResult, DroppingKernel, FlashKernel
from luke_allennlp.modules.packing import Packing, SequenceGroup

Kernel = Union[FlashKernel, DroppingKernel]


class MergedAttention(torch.autograd.Function):
    """
    # Parameters

    tokens : `Tensor`
        Of each token the query over tokens, the query over entities, key, and value.
        Shape: (tokens, 4, heads, head size). With three columns instead of four there is a single query, over
        everything.
    entities : `Tensor`
        The same for entities. Shape: (entities, 4 or 3, heads, head size).

    # Returns

    `Tensor`
        The context of each row. Shape: (tokens + entities, heads, head size).
    """

    @staticmethod
    def forward(
        ctx: Any, tokens: Tensor, entities: Tensor, packing: Packing, kernel: Kernel, scale: float
    ) -> Tensor:
        contexts = tokens.new_empty(tokens.size(0) + entities.size(0), *tokens.shape[2:])
        saved: List[Tensor] = []
        for group in packing.groups:
            results = [kernel.forward(*part, scale) for part in _parts(group, tokens, entities)]
            if results:
                context, logsumexp = _merge(results)
                _write(contexts, context.transpose(1, 2), group, tokens.size(0))
                saved += [logsumexp, *(result.kept for result in results)]
        ctx.save_for_backward(tokens, entities, contexts, *saved)
        ctx.packing, ctx.kernel, ctx.scale = packing, kernel, scale
        return contexts

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tuple[Any, ...]:
        tokens, entities, contexts, *rest = ctx.saved_tensors
        of_tokens, of_entities = torch.zeros_like(tokens), torch.zeros_like(entities)
        saved = iter(rest)
        for group in ctx.packing.groups:
            parts = _parts(group, tokens, entities)
            if not parts:
                continue
            logsumexp = next(saved)
            context, of_context = (
                _read(rows, group, tokens.size(0)).transpose(1, 2) for rows in (contexts, gradient)
            )
            gradients = [
                ctx.kernel.backward(
                    of_context, *part, AttentionResult(context, logsumexp, next(saved)), ctx.scale
                )
                for part in parts
            ]
            _write_parts(group, of_tokens, of_entities, gradients)
        return of_tokens, of_entities, None, None, None


_Part = Tuple[Tensor, Tensor, Tensor]


def _parts(group: SequenceGroup, tokens: Tensor, entities: Tensor) -> List[_Part]:
    """
    Query, key and value of each attention of a group: over its tokens, over its entities, or over both.
    Shapes: (size, heads, rows, head size).
    """
    of_tokens, of_entities = _columns(group, tokens, entities)
    num_queries = of_tokens.size(2) - 2
    # A single query is of everything, so that keys and values are, too.
    shared = 2 if num_queries == 2 else 3
    both = of_tokens[:, :, :shared]
    if group.num_entities:
        both = torch.cat([both, of_entities[:, :, :shared]], dim=3)
    if num_queries == 1:
        return [tuple(both.unbind(2))] if both.size(3) else []  # type: ignore[list-item]
    return [
        (both[:, :, query], rows[:, :, 2], rows[:, :, 3])
        for query, rows in enumerate((of_tokens, of_entities))
        if rows.size(3)
    ]


def _columns(group: SequenceGroup, tokens: Tensor, entities: Tensor) -> Tuple[Tensor, Tensor]:
    """Views of a group's rows. Shapes: (size, heads, columns, rows, head size)."""
    return group.tokens(tokens).transpose(1, 3), group.entities(entities).transpose(1, 3)


def _merge(results: List[AttentionResult]) -> Tuple[Tensor, Tensor]:
    """Context and log-sum-exp over all keys, from those over parts of them."""
    context, logsumexp, _ = results[0]
    for other, other_logsumexp, _ in results[1:]:
        share = torch.sigmoid(other_logsumexp - logsumexp)[..., None].to(context.dtype)
        context = torch.lerp(context, other, share)
        logsumexp = torch.logaddexp(logsumexp, other_logsumexp)
    return context, logsumexp


def _read(rows: Tensor, group: SequenceGroup, num_tokens: int) -> Tensor:
    """Of tokens and entities together. Shape: (size, tokens + entities, heads, head size)."""
    tokens, entities = group.tokens(rows[:num_tokens]), group.entities(rows[num_tokens:])
    return torch.cat([tokens, entities], dim=1) if group.num_entities else tokens


def _write(rows: Tensor, values: Tensor, group: SequenceGroup, num_tokens: int) -> None:
    group.tokens(rows[:num_tokens]).copy_(values[:, : group.num_tokens])
    if group.num_entities:
        group.entities(rows[num_tokens:]).copy_(values[:, group.num_tokens :])


def _write_parts(group: SequenceGroup, tokens: Tensor, entities: Tensor, gradients: List[_Part]) -> None:
    """Writes the gradients of `_parts` to those of the rows."""
    of_tokens, of_entities = _columns(group, tokens, entities)
    number = group.num_tokens
    if of_tokens.size(2) == 3:
        for column, gradient in enumerate(gradients[0]):
            of_tokens[:, :, column] = gradient[:, :, :number]
            of_entities[:, :, column] = gradient[:, :, number:]
        return
    present = [(query, rows) for query, rows in enumerate((of_tokens, of_entities)) if rows.size(3)]
    for (query, rows), (of_query, of_key, of_value) in zip(present, gradients, strict=True):
        of_tokens[:, :, query] = of_query[:, :, :number]
        of_entities[:, :, query] = of_query[:, :, number:]
        rows[:, :, 2], rows[:, :, 3] = of_key, of_value
