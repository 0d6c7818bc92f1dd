"""Where the tensors of a file that torch saved lie in it, for the zip archives of torch 1.6 and later."""

import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Dict

import torch
from torch import Tensor

from luke_allennlp.checkpoints.stored_tensor import DamagedFileError, Region

_LOCAL_HEADER = 30  # bytes, before a member's name
_ENCRYPTED = 1


class NoStateDictError(Exception):
    """A file holds something else than a dictionary of tensors."""


def torch_zip_regions(path: Path) -> Dict[str, Region]:
    """
    # Parameters

    path : `Path`

    # Returns

    `Dict[str, Region]`
        By the tensors' names.

    # Raises

    `NoStateDictError`, `DamagedFileError`
        Or what `zipfile` and `torch.load(weights_only=True)` raise.
    """
    records = _records(path)
    state: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if not is_state_dict(state, Tensor):
        raise NoStateDictError
    for name, tensor in state.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_neg():
            raise DamagedFileError(f"the tensor {name!r} is not a plain one")
    starts = _starts(state, records)
    regions = {}
    for name, tensor in state.items():
        storage = tensor.untyped_storage()
        start = starts[storage.data_ptr()] if storage.nbytes() else 0
        regions[name] = Region(
            tensor.dtype,
            tuple(tensor.shape),
            tuple(tensor.stride()),
            start + tensor.storage_offset() * tensor.element_size(),
            start + storage.nbytes(),
        )
    return regions


def is_state_dict(state: Any, kind: type) -> bool:
    """Whether it is a dictionary from names to objects of a class."""
    return isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(value, kind) for name, value in state.items()
    )


def _records(path: Path) -> Dict[int, int]:
    """Where the storages' bytes begin, and how many they are."""
    size = path.stat().st_size
    records = {}
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        for member in members:
            # Torch compresses nothing: what unfolds to more than the file is no file of torch.
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & _ENCRYPTED:
                raise DamagedFileError(f"its part {member.filename!r} is compressed, which torch never does")
        if sum(member.file_size for member in members) > size:
            raise DamagedFileError("its parts are said to be larger than the file")
        for member in members:
            folder, _, name = member.filename.rpartition("/")
            if name == "byteorder" and archive.read(member) != b"little":
                raise DamagedFileError("its numbers are big-endian; expected little-endian ones")
            if folder.rpartition("/")[2] == "data" and member.file_size:
                records[_data_offset(file, member)] = member.file_size
    return records


def _data_offset(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER)
    lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    return member.header_offset + _LOCAL_HEADER + sum(lengths)


def _starts(state: Dict[str, Tensor], records: Dict[int, int]) -> Dict[int, int]:
    """
    Which record each storage is, by its address. Torch does not tell, but it maps the file in one piece, so
    that the storages stand to each other in memory as the records do in the file.
    """
    storages = {}
    for tensor in state.values():
        storage = tensor.untyped_storage()
        if storage.nbytes():
            storages[storage.data_ptr()] = storage.nbytes()
    starts = dict(zip(sorted(storages), sorted(records), strict=False))
    if (
        len(storages) != len(records)
        or len({address - start for address, start in starts.items()}) > 1
        or any(records[start] != storages[address] for address, start in starts.items())
    ):
        raise DamagedFileError("its tensors do not make use of its parts as they do in torch's files")
    return starts
