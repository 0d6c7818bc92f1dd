"""Attention over packed batches on CPUs: a group of texts of equal lengths at a time."""

from itertools import islice
from typing import List, Tuple, Union

import torch
from torch import Tensor

from luke_allennlp.modules.attention_kernels import AttentionResult, DroppingKernel, FlashKernel, wide
from luke_allennlp.modules.packed_attention import PartialResult
from luke_allennlp.modules.packing import Packing, SequenceGroup


class GroupedAttention:
    """As `PartialAttention`."""

    def __init__(self, dropout: float) -> None:
        self.dropout = dropout
        self._kernel: Union[FlashKernel, DroppingKernel] = (
            DroppingKernel(dropout) if dropout else FlashKernel()
        )

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, packing: Packing, over_entities: bool, scale: float
    ) -> PartialResult:
        contexts = torch.zeros_like(query)
        logsumexps = torch.full(query.shape[:2], float("-inf"), dtype=wide(query.dtype))
        saved: List[Tensor] = []
        for group in packing.groups:
            keys = [_keys(group, rows, over_entities) for rows in (key, value)]
            if not keys[0].size(1):
                continue
            queries = _read(query, group, packing.num_tokens)
            context, logsumexp, more = self._kernel.forward(
                queries.transpose(1, 2), keys[0].transpose(1, 2), keys[1].transpose(1, 2), scale
            )
            _write(contexts, context.transpose(1, 2), group, packing.num_tokens)
            _write(logsumexps, logsumexp.transpose(1, 2), group, packing.num_tokens)
            saved += more
        return PartialResult(contexts, logsumexps, saved)

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
        of_query = torch.zeros_like(query)
        of_keys = [torch.empty(key.shape, dtype=key.dtype) for _ in range(2)]
        saved = iter(result.saved)
        for group in packing.groups:
            if not (group.num_entities if over_entities else group.num_tokens):
                continue
            of_context, queries, context, logsumexp = (
                _read(rows, group, packing.num_tokens).transpose(1, 2)
                for rows in (gradient, query, result.context, result.logsumexp)
            )
            keys = [_keys(group, rows, over_entities).transpose(1, 2) for rows in (key, value)]
            more = list(islice(saved, self._kernel.num_saved))
            merged = AttentionResult(context, logsumexp.contiguous(), more)
            found, *of_parts = self._kernel.backward(of_context, queries, keys[0], keys[1], merged, scale)
            _write(of_query, found.transpose(1, 2), group, packing.num_tokens)
            for rows, part in zip(of_keys, of_parts, strict=True):
                _keys(group, rows, over_entities).copy_(part.transpose(1, 2))
        return of_query, of_keys[0], of_keys[1]


def _keys(group: SequenceGroup, rows: Tensor, over_entities: bool) -> Tensor:
    """Shapes: (rows, heads, head size) -> (size, tokens or entities, heads, head size)."""
    return group.entities(rows) if over_entities else group.tokens(rows)


def _read(rows: Tensor, group: SequenceGroup, num_tokens: int) -> Tensor:
    """Of tokens and entities together. Shape: (size, tokens + entities, ...)."""
    tokens = group.tokens(rows[:num_tokens])
    return torch.cat([tokens, group.entities(rows[num_tokens:])], dim=1) if group.num_entities else tokens


def _write(rows: Tensor, values: Tensor, group: SequenceGroup, num_tokens: int) -> None:
    group.tokens(rows[:num_tokens]).copy_(values[:, : group.num_tokens])
    if group.num_entities:
        group.entities(rows[num_tokens:]).copy_(values[:, group.num_tokens :])
