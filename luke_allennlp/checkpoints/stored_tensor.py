"""Tensors in files that are mapped into memory: what is not looked at is not read from disk."""

from typing import Sequence, Tuple

import torch
from torch import Tensor


class DamagedFileError(Exception):
    """A file of weights is not what it should be; the message says why."""


class StoredTensor:
    """
    A tensor that still lies in its file.

    # Parameters

    tensor : `Tensor`
        Its storage is a mapped file.
    """

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor.detach()

    @property
    def shape(self) -> Tuple[int, ...]:
        return tuple(self._tensor.shape)

    @property
    def dtype(self) -> torch.dtype:
        return self._tensor.dtype

    def read(self) -> Tensor:
        """All of it, contiguous and in memory of its own."""
        return self._tensor.clone(memory_format=torch.contiguous_format)

    def copy_to(self, target: Tensor) -> None:
        """Reads all of it into a tensor of the same shape, of any type."""
        target.detach().copy_(self._tensor)

    def rows(self, indices: Sequence[int]) -> Tensor:
        """
        Reads the given rows of a matrix, in that order.

        # Returns

        `Tensor`
            Shape: (rows, columns).

        # Raises

        `IndexError`
            There is no such row.
        """
        for index in indices:
            if not 0 <= index < self.shape[0]:
                raise IndexError(f"row {index} of {self.shape[0]}")
        return self._tensor[list(indices)]
