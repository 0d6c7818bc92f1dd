"""Reading weights, tensor by tensor, without running code from their files."""

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from luke_allennlp.model_files import cache_hint, find_file

# In the order of preference; an index lists the files over which a large checkpoint is spread.
_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


class StoredTensor(NamedTuple):
    """
    A tensor that still lies in its file.

    # Parameters

    shape : `Tuple[int, ...]`
    read : `Callable[[], Tensor]`
        Reads it whole.
    rows : `Callable[[Sequence[int]], Tensor]`
        Reads the given rows of a matrix, in that order, and nothing else of it.
        Shape of the result: (rows, columns).
    """

    shape: Tuple[int, ...]
    read: Callable[[], Tensor]
    rows: Callable[[Sequence[int]], Tensor]


class LazyTensors(Mapping[str, StoredTensor]):
    """
    The tensors of one checkpoint by name, unread.

    # Parameters

    tensors : `Dict[str, StoredTensor]`
    source : `str`
        Where they come from, for messages.
    """

    def __init__(self, tensors: Dict[str, StoredTensor], source: str) -> None:
        self._tensors = tensors
        self.source = source

    def __getitem__(self, name: str) -> StoredTensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def renamed(self, names: Mapping[str, str]) -> "LazyTensors":
        """
        The same tensors under other names, those not mentioned left out.

        # Parameters

        names : `Mapping[str, str]`
            Name here -> new name.
        """
        return LazyTensors({new: self._tensors[old] for old, new in names.items()}, self.source)


def open_checkpoint(model_name: str, stack: ExitStack) -> LazyTensors:
    """
    # Parameters

    model_name : `str`
        A directory or hub id in Hugging Face's layout.
    stack : `ExitStack`
        Keeps the files open as long as they are read.

    # Returns

    `LazyTensors`

    # Raises

    `ConfigurationError`
        There are no weights, or they are damaged.
    """
    for filename in _FILES:
        path = find_file(model_name, filename)
        if path is None:
            continue
        paths = [path]
        if filename.endswith(".index.json"):
            paths = [_shard(model_name, shard, path) for shard in _shards(path)]
        return _merge([open_file(path, stack) for path in paths], str(path))
    raise ConfigurationError(
        f"The model {model_name!r} has no weights: expected one of {', '.join(_FILES)}."
        + cache_hint(model_name)
    )


def open_file(path: Path, stack: ExitStack) -> LazyTensors:
    """
    The tensors of one file, by safetensors or by `torch.load(weights_only=True)`. Parameters and errors as
    `open_checkpoint`.
    """
    if not path.is_file():
        raise ConfigurationError(f"There is no weights file {str(path)!r}; give an existing one.")
    try:
        if path.suffix == ".safetensors":
            return _open_safetensors(path, stack)
        return _open_pickle(path)
    except ConfigurationError:
        raise
    except (SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:
        reason = str(error).split(". ")[0] or type(error).__name__
        raise ConfigurationError(
            f"The weights in {path} cannot be read, the file is damaged or no such file: {reason}"
        ) from None
    except Exception as error:  # pickle.UnpicklingError and whatever a hostile file provokes
        # Most of torch's message is advice to let the file run its code.
        found = re.search(r"[Uu]nsupported [^\n]*", str(error))
        raise ConfigurationError(
            f"The weights in {path} are refused: the file holds something other than tensors "
            f"({found.group().rstrip('.') if found else type(error).__name__})."
        ) from None


def _open_safetensors(path: Path, stack: ExitStack) -> LazyTensors:
    handle = stack.enter_context(safe_open(str(path), framework="pt"))

    def stored(name: str) -> StoredTensor:
        piece = handle.get_slice(name)

        def rows(indices: Sequence[int]) -> Tensor:
            return torch.cat([piece[0:0], *(piece[index : index + 1] for index in indices)])

        return StoredTensor(tuple(piece.get_shape()), lambda: handle.get_tensor(name), rows)

    return LazyTensors({name: stored(name) for name in handle.keys()}, str(path))


def _open_pickle(path: Path) -> LazyTensors:
    # Files of torch before 1.6 are no zip archives and cannot be mapped.
    with path.open("rb") as file:
        mappable = file.read(4) == b"PK\x03\x04"
    state: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mappable)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigurationError(
            f"The weights in {path} are no dictionary of tensors; expected a model's state dict."
        )

    def stored(tensor: Tensor) -> StoredTensor:
        return StoredTensor(tuple(tensor.shape), lambda: tensor, lambda indices: tensor[list(indices)])

    return LazyTensors({name: stored(tensor) for name, tensor in state.items()}, str(path))


def _merge(parts: List[LazyTensors], source: str) -> LazyTensors:
    return LazyTensors({name: tensor for part in parts for name, tensor in part.items()}, source)


def _shards(index: Path) -> List[str]:
    try:
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return sorted({Path(name).as_posix() for name in names})
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ConfigurationError(f"{index} is damaged: expected a JSON object with a 'weight_map'.") from None


def _shard(model_name: str, shard: str, index: Path) -> Path:
    if Path(shard).name != shard:
        raise ConfigurationError(f"{index} names a file outside its directory: {shard!r}.")
    path = find_file(model_name, shard)
    if path is None:
        raise ConfigurationError(
            f"{index} names the file {shard!r}, which is not there; fetch the checkpoint again."
        )
    return path
