"""
Where the tensors of a file that torch before 1.6 saved lie in it, as the original release's luke.bin.

Such a file is a row of pickles (a magic number, a version, facts of the machine, the state dict with its
tensors' shapes, the storages' keys), then for each key the number of elements and the elements. The pickles
are read by an unpickler that knows the few names a state dict takes.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, NamedTuple, Optional, Tuple

import torch

from luke_allennlp.checkpoints.stored_tensor import DamagedFileError, Region
from luke_allennlp.checkpoints.torch_zip import NoStateDictError, is_state_dict

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_COUNT = 8  # bytes, little-endian, in front of a storage
_PICKLE_LIMIT = 1 << 22  # bytes; a state dict of 24 layers takes 100,000
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class _Storage(NamedTuple):
    """A storage, or part of one, that the pickle mentions: `first` and `size` in elements."""

    key: str
    dtype: torch.dtype
    first: int
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]


def legacy_regions(path: Path) -> Dict[str, Region]:
    """
    # Parameters

    path : `Path`

    # Returns

    `Dict[str, Region]`
        By the tensors' names.

    # Raises

    `NoStateDictError`, `DamagedFileError`
        Or what `pickle` raises, `UnpicklingError` naming a type that is not allowed.
    """
    file_size = path.stat().st_size
    with path.open("rb") as file:
        if _unpickle(file) != _MAGIC or _unpickle(file) != _VERSION:
            raise DamagedFileError("it does not begin as torch's files do")
        machine = _unpickle(file)
        if not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise DamagedFileError("its numbers are big-endian; expected little-endian ones")
        storages: Dict[str, _Storage] = {}
        state = _unpickle(file, storages)
        keys = _unpickle(file)
        if not is_state_dict(state, _Tensor):
            raise NoStateDictError
        starts = _starts(file, keys, storages, file_size)
    return {name: _region(tensor, storages, starts) for name, tensor in state.items()}


def _starts(file: BinaryIO, keys: Any, storages: Dict[str, _Storage], file_size: int) -> Dict[str, int]:
    """Where the elements of each storage begin."""
    if not isinstance(keys, list) or set(keys) != set(storages) or len(keys) != len(storages):
        raise DamagedFileError("the list of its storages does not fit its tensors")
    starts = {}
    at = file.tell()
    for key in keys:
        file.seek(at)
        storage, count = storages[key], int.from_bytes(file.read(_COUNT), "little")
        starts[key] = at + _COUNT
        at += _COUNT + storage.size * storage.dtype.itemsize
        if count != storage.size:
            raise DamagedFileError(f"a storage has {count} elements, its tensors expect {storage.size}")
        if at > file_size:
            raise DamagedFileError(f"it ends at byte {file_size}, and should have {at} or more")
    return starts


def _region(tensor: _Tensor, storages: Dict[str, _Storage], starts: Dict[str, int]) -> Region:
    part, start = tensor.storage, starts[tensor.storage.key]
    whole, width = storages[part.key], part.dtype.itemsize
    return Region(
        part.dtype,
        tensor.shape,
        tensor.strides,
        start + (part.first + tensor.offset) * width,
        start + min(part.first + part.size, whole.size) * width,
    )


def _unpickle(file: BinaryIO, storages: Optional[Dict[str, _Storage]] = None) -> Any:
    return _Unpickler(_Window(file, _PICKLE_LIMIT), storages).load()


class _Window:
    """No more than some bytes of a file: a pickle may ask for as many as it likes."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._left = limit

    def read(self, size: int) -> bytes:
        return self._taken(self._file.read(self._allowed(size)), size)

    def readinto(self, buffer: Any) -> int:
        buffer[:] = self.read(len(buffer))
        return len(buffer)

    def readline(self) -> bytes:
        line = self._file.readline(self._left)
        return self._taken(line, len(line))

    def _allowed(self, size: int) -> int:
        if not 0 <= size <= self._left:
            raise DamagedFileError(f"its pickle is longer than {_PICKLE_LIMIT} bytes")
        return size

    def _taken(self, content: bytes, size: int) -> bytes:
        if len(content) != size or not content and size:
            raise EOFError("it ends within its pickle")
        self._left -= size
        return content


# The one that is written in Python: that of C takes as much memory as a pickle tells it to. Its types say
# nothing of the stack.
_PythonUnpickler: Any = pickle._Unpickler


class _Unpickler(_PythonUnpickler):
    """
    Makes dictionaries, lists and the numbers in them, and descriptions of tensors. All other types are
    refused by name.
    """

    def __init__(self, file: _Window, storages: Optional[Dict[str, _Storage]]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module in ("torch", "torch.cuda") and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch._utils" and name in _REBUILT:
            return _REBUILT[name]
        raise pickle.UnpicklingError(f"Unsupported global {module}.{name}")

    def persistent_load(self, saved: Any) -> _Storage:
        if self._storages is None or not isinstance(saved, tuple) or len(saved) != 6 or saved[0] != "storage":
            raise pickle.UnpicklingError("Unsupported persistent id")
        _, dtype, key, _, size, view = saved
        if not (isinstance(dtype, torch.dtype) and isinstance(key, str) and _is_size(size)):
            raise DamagedFileError("a storage is not described as torch does")
        whole = self._storages.setdefault(key, _Storage(key, dtype, 0, size))
        if whole != _Storage(key, dtype, 0, size):
            raise DamagedFileError("a storage is described twice, and differently")
        if view is None:
            return whole
        if not (isinstance(view, tuple) and len(view) == 3 and _is_size(view[1]) and _is_size(view[2])):
            raise DamagedFileError("part of a storage is not described as torch does")
        return _Storage(key, dtype, view[1], view[2])

    def load_build(self) -> None:
        # State dicts carry the versions of their modules, which nothing here asks for.
        self.stack.pop()
        if type(self.stack[-1]) is not OrderedDict:
            raise pickle.UnpicklingError(f"Unsupported state of a {type(self.stack[-1]).__name__}")

    dispatch = {**_PythonUnpickler.dispatch, pickle.BUILD[0]: load_build}


def _rebuild_tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> _Tensor:
    sizes: List[Any] = [offset]
    for given in (shape, strides):
        if not isinstance(given, tuple):
            raise DamagedFileError("a tensor is not described as torch does")
        sizes.extend(given)
    if not isinstance(storage, _Storage) or not all(map(_is_size, sizes)) or hooks or metadata:
        raise DamagedFileError("a tensor is not described as torch does")
    return _Tensor(storage, offset, shape, strides)


def _rebuild_parameter(data: Any, requires_grad: Any, hooks: Any) -> Any:
    return data


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


_REBUILT: Dict[str, Callable[..., Any]] = {
    "_rebuild_tensor_v2": _rebuild_tensor,
    "_rebuild_parameter": _rebuild_parameter,
}
