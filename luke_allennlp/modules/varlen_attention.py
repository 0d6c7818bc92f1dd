"""
Attention over packed batches on GPUs, by torch's flash kernel for sequences of any lengths: an operator that
is private, and used only where it is found to work.
"""

import logging
import math
from functools import lru_cache
from typing import Tuple

import torch
from torch import Tensor

from luke_allennlp.modules.packed_attention import PackedAttention, PartialResult
from luke_allennlp.modules.packing import Packing
from luke_allennlp.modules.padded_attention import padded_attention

logger = logging.getLogger(__name__)


class VarlenAttention:
    """
    As `PartialAttention`, in half precision. For the kernel, the tokens of a text are a sequence of queries,
    and its entities another one, with the same keys.
    """

    def __init__(self, dropout: float) -> None:
        self.dropout = dropout

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, packing: Packing, over_entities: bool, scale: float
    ) -> PartialResult:
        bounds = packing.bounds(over_entities, query.device)
        key, value = (_for_queries(rows, packing) for rows in (key, value))
        context, logsumexp, *random = torch.ops.aten._flash_attention_forward(
            query, key, value, *bounds, self.dropout, False, False, scale=scale
        )[:4]
        # Without keys, as of a text without entities, the kernel gives +inf.
        logsumexp = logsumexp.masked_fill(logsumexp == math.inf, -math.inf)
        return PartialResult(context, logsumexp.t(), random)

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
        of_query, *of_keys = torch.ops.aten._flash_attention_backward(
            gradient,
            query,
            *(_for_queries(rows, packing) for rows in (key, value)),
            result.context,
            result.logsumexp.t().contiguous(),
            *packing.bounds(over_entities, query.device),
            self.dropout,
            False,
            *result.saved,
            scale=scale,
        )
        if packing.num_entities:
            of_keys = [rows.unflatten(0, (2, -1)).sum(0) for rows in of_keys]
        return of_query, of_keys[0], of_keys[1]


def _for_queries(rows: Tensor, packing: Packing) -> Tensor:
    """Once for the queries of tokens, and once for those of entities, if there are any."""
    return torch.cat([rows, rows]) if packing.num_entities else rows.contiguous()


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
        for type_ in (dtype, torch.float32):
            inputs = [row.to(dtype).to(type_).requires_grad_() for row in rows]
            with torch.enable_grad(), torch.autocast(device.type, enabled=False):
                if type_ == dtype:
                    output = PackedAttention.apply(*inputs, packing, VarlenAttention(0.0), 0.1, False)
                else:
                    output = padded_attention(inputs[0], inputs[1], packing, 0.0, 0.1)
                results.append([output, *torch.autograd.grad(output, inputs, gradient.to(type_))])
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        logger.info("Attention over packed batches does not work here: %s", error)
        return False
    differences = [(a.float() - b).abs().max().item() for a, b in zip(*results, strict=True)]
    # NaN is not less.
    return all(difference < 16 * torch.finfo(dtype).eps for difference in differences)
