"""Attention where no kernel takes packed batches: padded, in ordinary operations."""

from typing import Tuple

import torch
from torch import Tensor
from torch.nn import functional as F

from luke_allennlp.modules.packing import Packing


def padded_attention(
    tokens: Tensor, entities: Tensor, packing: Packing, dropout: float, scale: float
) -> Tensor:
    """
    As `PackedAttention`, of entities that are not independent.

    One ordinary attention of doubled width computes the four kinds of score: the queries of a row are side by
    side; a token's key is `[key | 0]`, an entity's `[0 | key]`. Each product then involves just the one query
    that the pair calls for.
    """
    num_heads, head_size = tokens.shape[2:]
    rows = torch.cat(
        [packing.unpack_tokens(tokens.flatten(1)), packing.unpack_entities(entities.flatten(1))], dim=1
    )
    # Shape: (batch, heads, columns, tokens + entities, head size)
    columns = rows.unflatten(-1, (-1, num_heads, head_size)).transpose(1, 3)
    *queries, key, value = columns.unbind(2)
    length = packing.shapes[0][1]
    if len(queries) == 2:
        key = torch.cat(
            [F.pad(key[:, :, :length], (0, head_size)), F.pad(key[:, :, length:], (head_size, 0))], dim=2
        )
        if rows.device.type == "cpu":
            # The CPU's fused kernel wants one width for all three.
            value = F.pad(value, (0, head_size))
    bias = _bias(torch.cat(packing.masks, dim=1), rows.dtype)
    context = F.scaled_dot_product_attention(
        torch.cat(queries, dim=-1), key, value, attn_mask=bias, dropout_p=dropout, scale=scale
    )
    # Shape: (batch, tokens + entities, heads, head size)
    context = context[..., :head_size].transpose(1, 2)
    return torch.cat(
        [packing.pack_tokens(context[:, :length]), packing.pack_entities(context[:, length:])], dim=0
    )


def padded_independent_attention(
    tokens: Tensor, entities: Tensor, packing: Packing, dropout: float, scale: float
) -> Tensor:
    """As `PackedAttention`, of independent entities."""
    # Shapes: (texts, heads, tokens, head size)
    query, key, value = _unpacked(packing.unpack_tokens(tokens.flatten(1)), tokens)
    bias = _bias(packing.masks[0], tokens.dtype)
    of_tokens = F.scaled_dot_product_attention(
        query, key, value, attn_mask=bias, dropout_p=dropout, scale=scale
    )
    contexts = [packing.pack_tokens(of_tokens.transpose(1, 2))]
    # Shapes: (batch, heads, entities, head size)
    query, *self_query, self_key, self_value = _unpacked(
        packing.unpack_entities(entities.flatten(1)), entities
    )
    if packing.text_indices is not None:
        key, value, bias = key[packing.text_indices], value[packing.text_indices], bias[packing.text_indices]
    own = ((self_query[0] if self_query else query) * self_key).sum(-1, keepdim=True)
    # Shape: (batch, heads, entities, tokens + 1)
    scores = torch.cat([query @ key.transpose(-1, -2) * scale + bias, own * scale], dim=-1)
    probabilities = F.dropout(scores.softmax(-1), dropout)
    context = probabilities[..., :-1] @ value + probabilities[..., -1:] * self_value
    return torch.cat([*contexts, packing.pack_entities(context.transpose(1, 2))])


def _unpacked(rows: Tensor, like: Tensor) -> Tuple[Tensor, ...]:
    """Shape of each: (batch, heads, rows, head size)."""
    return rows.unflatten(-1, like.shape[1:]).transpose(1, 3).unbind(2)


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Of padding, and 0 elsewhere. Shape: (batch, 1, 1, rows)."""
    # The minimum rather than -inf, so that a row of padding alone does not become NaN.
    bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return bias.masked_fill_(~mask, torch.finfo(dtype).min)[:, None, None]
