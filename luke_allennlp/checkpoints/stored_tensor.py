"""Tensors that still lie in their file, and how they are read out of it."""

import math
from typing import BinaryIO, Callable, Mapping, NamedTuple, Sequence, Tuple

import torch
from torch import Tensor

_PIECE = 1 << 18  # numbers that are converted at once


class DamagedFileError(Exception):
    """A file of weights is not what it should be; the message says why."""


class StoredTensor(NamedTuple):
    """
    A tensor that still lies in its file.

    # Parameters

    shape : `Tuple[int, ...]`
    dtype : `torch.dtype`
    copy_to : `Callable[[Tensor], None]`
        Reads it whole into a tensor of the same shape that has no gaps, of any type of number.
    rows : `Callable[[Sequence[int]], Tensor]`
        Reads the given rows of a matrix, in that order, and nothing else of it.
        Shape of the result: (rows, columns).
    """

    shape: Tuple[int, ...]
    dtype: torch.dtype
    copy_to: Callable[[Tensor], None]
    rows: Callable[[Sequence[int]], Tensor]

    def read(self) -> Tensor:
        """Reads it whole."""
        tensor = torch.empty(self.shape, dtype=self.dtype)
        self.copy_to(tensor)
        return tensor


class Region(NamedTuple):
    """
    Where in a file a tensor lies.

    # Parameters

    dtype : `torch.dtype`
    shape : `Tuple[int, ...]`
    strides : `Tuple[int, ...]`
        In elements, one for each dimension.
    start : `int`
        The byte at which its first element begins.
    end : `int`
        The byte before which all of it must lie.
    """

    dtype: torch.dtype
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]
    start: int
    end: int

    @property
    def extent(self) -> int:
        """How many elements there are from the first to the last, those between them included."""
        if 0 in self.shape:
            return 0
        return 1 + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))


def contiguous_strides(shape: Sequence[int]) -> Tuple[int, ...]:
    """The strides of a tensor of this shape that has no gaps."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def check_regions(regions: Mapping[str, Region], file_size: int) -> None:
    """
    # Raises

    `DamagedFileError`
        A region is not part of the file.
    """
    for name, region in regions.items():
        if len(region.shape) != len(region.strides) or min((*region.shape, *region.strides, 0)) < 0:
            raise DamagedFileError(
                f"the tensor {name!r} has the shape {region.shape} with the strides {region.strides}"
            )
        if not region.extent:  # torch lets such a one begin anywhere
            continue
        last = region.start + region.extent * region.dtype.itemsize
        if not 0 <= region.start <= last <= region.end <= file_size:
            size = min(region.end, file_size)
            raise DamagedFileError(
                f"the tensor {name!r} should end at byte {max(last, region.end)} of {size}"
            )


def stored_tensor(file: BinaryIO, region: Region) -> StoredTensor:
    """
    # Parameters

    file : `BinaryIO`
        Open for as long as the tensor is to be read. It is read straight into the tensors that are asked for:
        the pages of a mapped file would count to the process beside these, and buffers tear holes into its
        memory.
    region : `Region`

    # Returns

    `StoredTensor`
    """

    def copy_to(target: Tensor) -> None:
        if region.strides == contiguous_strides(region.shape):
            _fill(target.detach().view(-1), file, region)
        else:
            target.copy_(_spread(file, region))

    def rows(indices: Sequence[int]) -> Tensor:
        count, *rest = region.shape
        table = torch.empty((len(indices), *rest), dtype=region.dtype)
        for number, index in enumerate(indices):
            if not 0 <= index < count:
                raise IndexError(f"row {index} of {count}")
            row = Region(
                region.dtype,
                tuple(rest),
                region.strides[1:],
                region.start + index * region.strides[0] * region.dtype.itemsize,
                region.end,
            )
            table[number] = _spread(file, row)
        return table

    return StoredTensor(region.shape, region.dtype, copy_to, rows)


def _spread(file: BinaryIO, region: Region) -> Tensor:
    flat = torch.empty(region.extent, dtype=region.dtype)
    _fill(flat, file, region)
    return flat.as_strided(region.shape, region.strides)


def _fill(flat: Tensor, file: BinaryIO, region: Region) -> None:
    file.seek(region.start)
    if flat.dtype == region.dtype:
        _read_into(flat, file)
        return
    piece = torch.empty(_PIECE, dtype=region.dtype)
    for begin in range(0, len(flat), _PIECE):
        part = flat[begin : begin + _PIECE]
        _read_into(piece[: len(part)], file)
        part.copy_(piece[: len(part)])


def _read_into(flat: Tensor, file: BinaryIO) -> None:
    # In bytes, which numpy has for each of torch's types of number.
    buffer = flat.view(torch.uint8).numpy().data
    if file.readinto(buffer) != len(buffer):  # type: ignore[attr-defined]
        raise DamagedFileError("the file became shorter while it was read")
