"""
Attention over packed batches: over the tokens and over the entities of a text apart, each with queries of its
own at head width, merged by their log-sum-exp.
"""

from typing import Any, List, NamedTuple, Protocol, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from luke_allennlp.modules.attention_kernels import wide
from luke_allennlp.modules.packing import Packing


class Rows(NamedTuple):
    """
    What attention is given.

    # Parameters

    tokens : `Tensor`
        Of each token the query over tokens, the query over entities, key, and value.
        Shape: (tokens, 4, heads, head size). With three columns there is a single query, over everything.
    entities : `Tensor`
        The same for entities. Shape: (entities, 4 or 3, heads, head size).
    """

    tokens: Tensor
    entities: Tensor

    def queries(self, over_entities: bool) -> Tensor:
        """Of tokens, then entities. Shape: (tokens + entities, heads, head size)."""
        columns = [rows[:, int(over_entities and rows.size(1) == 4)] for rows in self]
        return torch.cat(columns) if len(self.entities) else columns[0].contiguous()


class PartialResult(NamedTuple):
    """
    Attention over a part of the keys.

    # Parameters

    context : `Tensor`
        0 where there is no key. Shape: (tokens + entities, heads, head size).
    logsumexp : `Tensor`
        Of each row's scores, in `wide`; -inf where there is no key. Shape: (tokens + entities, heads).
    saved : `List[Tensor]`
        What the backward pass needs besides.
    """

    context: Tensor
    logsumexp: Tensor
    saved: List[Tensor]


class PartialAttention(Protocol):
    """Attention of all rows over the tokens, or over the entities, of their text."""

    dropout: float

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, packing: Packing, over_entities: bool, scale: float
    ) -> PartialResult:
        """Shapes: (tokens + entities, heads, head size) of `query`, and of the keys' kind the others."""
        ...

    def backward(
        self,
        gradient: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        result: PartialResult,
        packing: Packing,
        over_entities: bool,
        scale: float,
    ) -> Tuple[Tensor, Tensor, Tensor]:
        """
        The gradients of query, key and value. Context and log-sum-exp are those over all keys: the
        probabilities are then those among all keys, too.
        """
        ...


class PackedAttention(torch.autograd.Function):
    """
    # Parameters

    tokens, entities : `Tensor`
        As of `Rows`.
    independent : `bool`
        Whether tokens do not attend to entities, and an entity among entities only to itself, with its query
        over entities. Tokens have three columns then.

    # Returns

    `Tensor`
        The context of each row. Shape: (tokens + entities, heads, head size).
    """

    @staticmethod
    def forward(
        ctx: Any,
        tokens: Tensor,
        entities: Tensor,
        packing: Packing,
        attention: PartialAttention,
        scale: float,
        independent: bool,
    ) -> Tensor:
        rows = Rows(tokens, entities)
        number = len(tokens)
        part = attention.forward(rows.queries(False), *_keys(tokens), packing, False, scale)
        context, logsumexp, saved = part
        others: List[Tensor] = []
        if independent:
            factor = _self_factor(entities, attention.dropout)
            own = entities[:, -1] * factor[..., None].to(entities.dtype)
            merged = _merge(context[number:], logsumexp[number:], own, _self_scores(entities, scale))
            context[number:], logsumexp[number:] = merged
            others = [factor]
        elif len(entities):
            part = attention.forward(rows.queries(True), *_keys(entities), packing, True, scale)
            context, logsumexp = _merge(context, logsumexp, *part[:2])
            others = part.saved
        ctx.save_for_backward(tokens, entities, context, logsumexp, *saved, *others)
        ctx.num_saved = len(saved)
        ctx.options = packing, attention, scale, independent
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tuple[Any, ...]:
        tokens, entities, context, logsumexp, *saved = ctx.saved_tensors
        packing, attention, scale, independent = ctx.options
        rows, number = Rows(tokens, entities), len(tokens)
        saved, others = saved[: ctx.num_saved], saved[ctx.num_saved :]
        gradient = gradient.contiguous()
        over_tokens, *of_tokens = attention.backward(
            gradient,
            rows.queries(False),
            *_keys(tokens),
            PartialResult(context, logsumexp, saved),
            packing,
            False,
            scale,
        )
        if independent:
            over_entities, *of_entities = _self_backward(
                gradient[number:], entities, context[number:], logsumexp[number:], others[0], scale
            )
        elif len(entities):
            over_entities, *of_entities = attention.backward(
                gradient,
                rows.queries(True),
                *_keys(entities),
                PartialResult(context, logsumexp, others),
                packing,
                True,
                scale,
            )
        else:
            over_entities, of_entities = torch.zeros_like(over_tokens), [entities[:, 0]] * 2
        queries = [over_tokens[:number], over_tokens[number:]]
        if independent:
            found = [[queries[0]], _query_gradients(entities, queries[1], over_entities)]
        else:
            found = [
                _query_gradients(tokens, queries[0], over_entities[:number]),
                _query_gradients(entities, queries[1], over_entities[number:]),
            ]
        of_rows = (
            torch.stack([*query, *of_keys], dim=1)
            for query, of_keys in zip(found, (of_tokens, of_entities), strict=True)
        )
        return *of_rows, None, None, None, None


def _keys(rows: Tensor) -> Tuple[Tensor, Tensor]:
    return rows[:, -2], rows[:, -1]


def _query_gradients(rows: Tensor, over_tokens: Tensor, over_entities: Tensor) -> List[Tensor]:
    """Of each column of queries."""
    return [over_tokens, over_entities] if rows.size(1) == 4 else [over_tokens + over_entities]


def _merge(
    context: Tensor, logsumexp: Tensor, other: Tensor, other_logsumexp: Tensor
) -> Tuple[Tensor, Tensor]:
    """Context and log-sum-exp over all keys, from those over parts of them."""
    share = torch.sigmoid(other_logsumexp - logsumexp)[..., None].to(context.dtype)
    return torch.lerp(context, other, share), torch.logaddexp(logsumexp, other_logsumexp)


def _self_scores(entities: Tensor, scale: float) -> Tensor:
    """Of each entity's attention to itself, in `wide`. Shape: (entities, heads)."""
    return (entities[:, -3].to(wide(entities.dtype)) * entities[:, -2]).sum(-1) * scale


def _self_factor(entities: Tensor, dropout: float) -> Tensor:
    """Dropout of an entity's attention to itself. Shape: (entities, heads)."""
    return F.dropout(torch.ones_like(entities[:, 0, :, 0], dtype=wide(entities.dtype)), dropout)


def _self_backward(
    gradient: Tensor, entities: Tensor, context: Tensor, logsumexp: Tensor, factor: Tensor, scale: float
) -> Tuple[Tensor, Tensor, Tensor]:
    """The gradients of query, key and value of an entity's attention to itself."""
    query, key, value = (entities[:, column].to(logsumexp.dtype) for column in (-3, -2, -1))
    # Shapes: (entities, heads, 1)
    share = (_self_scores(entities, scale) - logsumexp).exp()[..., None]
    factor, gradient = factor[..., None], gradient.to(logsumexp.dtype)
    above = (gradient * value).sum(-1, keepdim=True) * factor
    expected = (gradient * context).sum(-1, keepdim=True)
    of_scores = share * (above - expected) * scale
    found = of_scores * key, of_scores * query, share * factor * gradient
    of_query, of_key, of_value = (tensor.to(entities.dtype) for tensor in found)
    return of_query, of_key, of_value
