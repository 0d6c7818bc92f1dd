"""Entity-aware attention where no kernel takes packed batches: padded, in one attention of doubled width."""

import torch
from torch import Tensor
from torch.nn import functional as F

from luke_allennlp.modules.packing import Packing


def padded_attention(
    tokens: Tensor, entities: Tensor, packing: Packing, dropout: float, scale: float
) -> Tensor:
    """
    As `MergedAttention`, with dropout.

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
    mask = torch.cat(packing.masks, dim=1)
    # The minimum rather than -inf, so that a row of padding alone does not become NaN.
    bias = torch.zeros(mask.shape, dtype=rows.dtype, device=rows.device)
    bias = bias.masked_fill_(~mask, torch.finfo(rows.dtype).min)[:, None, None]
    context = F.scaled_dot_product_attention(
        torch.cat(queries, dim=-1), key, value, attn_mask=bias, dropout_p=dropout, scale=scale
    )
    # Shape: (batch, tokens + entities, heads, head size)
    context = context[..., :head_size].transpose(1, 2)
    return torch.cat(
        [packing.pack_tokens(context[:, :length]), packing.pack_entities(context[:, length:])], dim=0
    )
