"""Where the tensors of a safetensors file lie in it."""

import json
from pathlib import Path
from typing import Dict

import torch
from safetensors import safe_open

from luke_allennlp.checkpoints.stored_tensor import DamagedFileError, Region, contiguous_strides

_LENGTH = 8  # bytes, little-endian, in front of the header
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def safetensors_regions(path: Path) -> Dict[str, Region]:
    """
    # Parameters

    path : `Path`

    # Returns

    `Dict[str, Region]`
        By the tensors' names.

    # Raises

    `SafetensorError`, `DamagedFileError`
        The library or this function finds the header at odds with itself or with the file.
    """
    # The library knows best what a header may say: lengths, overlaps, gaps. It only maps the file here.
    with safe_open(str(path), framework="pt") as checked:
        names = list(checked.keys())
    with path.open("rb") as file:
        header_size = int.from_bytes(file.read(_LENGTH), "little")
        header = json.loads(file.read(header_size))
    regions = {}
    for name in names:
        entry = header[name]
        dtype = _DTYPES.get(entry["dtype"])
        if dtype is None:
            raise DamagedFileError(
                f"the tensor {name!r} is of the type {entry['dtype']}; expected one of {', '.join(_DTYPES)}"
            )
        shape = tuple(entry["shape"])
        begin, end = (_LENGTH + header_size + offset for offset in entry["data_offsets"])
        regions[name] = Region(dtype, shape, contiguous_strides(shape), begin, end)
    return regions
