"""Cross entropy against a large table, without ever holding the scores of all its rows."""

from typing import Any, Iterator, NamedTuple, Optional, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_NUMBERS_AT_ONCE = 1 << 24


class ChunkedLoss(NamedTuple):
    """
    # Parameters

    loss : `Tensor`
        The sum over all positions, in float32 at least. Shape: ().
    num_correct : `Tensor`
        How many targets have the highest score; of equal scores the first row counts. Shape: ().
    """

    loss: Tensor
    num_correct: Tensor


def chunked_cross_entropy(
    hidden: Tensor, table: Tensor, bias: Tensor, targets: Tensor, chunk_size: Optional[int] = None
) -> ChunkedLoss:
    """
    The cross entropy of `softmax(hidden @ table.T + bias)`, summed over the positions.

    The scores are made for one chunk of the table's rows at a time, and once more in the backward pass. The
    products are those of autocast where it is on; all else is computed in float32, or in float64 where the
    states are. Nothing waits for the device. Without positions the loss is 0, and so are all gradients.

    # Parameters

    hidden : `Tensor`
        Shape: (positions, size).
    table : `Tensor`
        Shape: (rows, size).
    bias : `Tensor`
        Shape: (rows,).
    targets : `Tensor`
        The right row of each position. Shape: (positions,).
    chunk_size : `int`, optional (default = `None`)
        How many rows make a chunk. By default as many as hold, or give, 16 million numbers: 64 MB in float32.

    # Raises

    `ValueError`
        `chunk_size` is less than 1.
    """
    if chunk_size is None:
        chunk_size = max(1, _NUMBERS_AT_ONCE // max(hidden.shape))
    if chunk_size < 1:
        raise ValueError(f"chunk_size is {chunk_size}; expected at least 1.")
    device_type = hidden.device.type
    autocast = torch.is_autocast_enabled(device_type) and hidden.dtype != torch.float64
    dtype = torch.get_autocast_dtype(device_type) if autocast else hidden.dtype
    return ChunkedLoss(*_ChunkedCrossEntropy.apply(hidden, table, bias, targets, chunk_size, dtype))


class _Chunks:
    """Walks over the table."""

    def __init__(
        self, hidden: Tensor, table: Tensor, bias: Tensor, targets: Tensor, size: int, dtype: torch.dtype
    ) -> None:
        self.hidden = hidden.to(dtype)
        self.wide = torch.promote_types(dtype, torch.float32)
        self._table, self._bias, self._targets = table, bias, targets
        self._size, self._dtype = size, dtype

    def __iter__(self) -> Iterator[Tuple[slice, Tensor, Tensor]]:
        """The rows, their part of the table in the type of the products, and their scores."""
        for start in range(0, self._table.size(0), self._size):
            rows = slice(start, min(start + self._size, self._table.size(0)))
            part = self._table[rows].to(self._dtype)
            # Shape: (positions, rows of the chunk)
            scores = (self.hidden @ part.T).to(self.wide)
            yield rows, part, scores.add_(self._bias[rows])

    def targets(self, rows: slice) -> Tuple[Tensor, Tensor]:
        """Where in the chunk the targets are, and whether they are. Shape of both: (positions, 1)."""
        places = (self._targets - rows.start).unsqueeze(1)
        size = rows.stop - rows.start
        return places.clamp(0, size - 1), (places >= 0) & (places < size)


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        table: Tensor,
        bias: Tensor,
        targets: Tensor,
        chunk_size: int,
        dtype: torch.dtype,
    ) -> Tuple[Tensor, Tensor]:
        with torch.autocast(hidden.device.type, enabled=False):
            chunks = _Chunks(hidden, table, bias, targets, chunk_size, dtype)
            # Of the rows so far, each of shape (positions,): the highest score, which row has it, and the sum
            # of exp(score - highest). Their logarithm alone would lose digits where scores are large.
            highest = hidden.new_full(targets.shape, -float("inf"), dtype=chunks.wide)
            total, target_scores = torch.zeros_like(highest), torch.zeros_like(highest)
            best_rows = torch.zeros_like(targets)
            for rows, _, scores in chunks:
                here, at = scores.max(dim=1)
                best_rows = torch.where(here > highest, at + rows.start, best_rows)
                places, inside = chunks.targets(rows)
                found = scores.gather(1, places)
                target_scores = torch.where(inside, found, target_scores.unsqueeze(1)).squeeze(1)
                before, highest = highest, torch.maximum(highest, here)
                total = total * (before - highest).exp()
                total += scores.sub_(highest.unsqueeze(1)).exp_().sum(dim=1)
            loss = (total.log() + (highest - target_scores)).sum()
            num_correct = (best_rows == targets).sum()
        ctx.save_for_backward(hidden, table, bias, targets, highest, total)
        ctx.chunk_size, ctx.dtype = chunk_size, dtype
        ctx.mark_non_differentiable(num_correct)
        return loss, num_correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, _: Tensor) -> Tuple[Optional[Tensor], ...]:
        hidden, table, bias, targets, highest, total = ctx.saved_tensors
        for_hidden, for_table, for_bias = ctx.needs_input_grad[:3]
        with torch.autocast(hidden.device.type, enabled=False):
            chunks = _Chunks(hidden, table, bias, targets, ctx.chunk_size, ctx.dtype)
            grad_hidden = torch.zeros_like(hidden, dtype=chunks.wide) if for_hidden else None
            grad_table = torch.empty_like(table) if for_table else None
            grad_bias = torch.empty_like(bias) if for_bias else None
            for rows, part, scores in chunks:
                # The softmax less the one of the target, in the memory of the scores.
                errors = scores.sub_(highest.unsqueeze(1)).exp_().div_(total.unsqueeze(1))
                places, inside = chunks.targets(rows)
                errors.scatter_add_(1, places, -inside.to(errors.dtype))
                # Before the product, so that a loss scale keeps small errors above float16's least number.
                errors.mul_(grad_loss)
                if grad_bias is not None:
                    grad_bias[rows] = errors.sum(dim=0)
                errors = errors.to(ctx.dtype)
                if grad_hidden is not None:
                    grad_hidden += errors @ part
                if grad_table is not None and grad_table.dtype == ctx.dtype:
                    torch.mm(errors.T, chunks.hidden, out=grad_table[rows])
                elif grad_table is not None:
                    grad_table[rows] = errors.T @ chunks.hidden
            if grad_hidden is not None:
                grad_hidden = grad_hidden.to(hidden.dtype)
        return grad_hidden, grad_table, grad_bias, None, None, None
