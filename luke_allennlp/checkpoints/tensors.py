"""Reading weights, tensor by tensor, without running code from their files."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from luke_allennlp.checkpoints.resolve import find_file

# In the order of preference; an index lists the files over which a large checkpoint is spread.
_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


class LazyTensors(Mapping[str, Tensor]):
    """
    The tensors of one checkpoint, each read when it is asked for.

    # Parameters

    readers : `Dict[str, Callable[[], Tensor]]`
        Name -> how to read it whole.
    row_readers : `Dict[str, Callable[[Sequence[int]], Tensor]]`
        Name -> how to read some of its rows.
    source : `str`
        Where they come from, for messages.
    """

    def __init__(
        self,
        readers: Dict[str, Callable[[], Tensor]],
        row_readers: Dict[str, Callable[[Sequence[int]], Tensor]],
        source: str,
    ) -> None:
        self._readers = readers
        self._row_readers = row_readers
        self.source = source

    def __getitem__(self, name: str) -> Tensor:
        return self._readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def rows(self, name: str, indices: Sequence[int]) -> Tensor:
        """The given rows of a matrix, in that order, the rest of it unread. Shape: (rows, columns)."""
        return self._row_readers[name](indices)

    def renamed(self, names: Mapping[str, str]) -> "LazyTensors":
        """
        The same tensors under other names, those not mentioned left out.

        # Parameters

        names : `Mapping[str, str]`
            Name here -> new name.
        """
        return LazyTensors(
            {new: self._readers[old] for old, new in names.items()},
            {new: self._row_readers[old] for old, new in names.items()},
            self.source,
        )


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
    raise ConfigurationError(f"The model {model_name!r} has no weights: expected one of {', '.join(_FILES)}.")


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
    except (SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"The weights in {path} cannot be read, the file is damaged or no such file: {error}"
        ) from None
    except Exception as error:  # pickle.UnpicklingError and whatever a hostile file provokes
        raise ConfigurationError(
            f"The weights in {path} are refused: the file holds something other than tensors ({error})."
        ) from None


def _open_safetensors(path: Path, stack: ExitStack) -> LazyTensors:
    handle = stack.enter_context(safe_open(str(path), framework="pt"))

    def reader(name: str) -> Callable[[], Tensor]:
        return lambda: handle.get_tensor(name)

    def row_reader(name: str) -> Callable[[Sequence[int]], Tensor]:
        def read(indices: Sequence[int]) -> Tensor:
            piece = handle.get_slice(name)
            return torch.cat([piece[index : index + 1] for index in indices])

        return read

    names = list(handle.keys())
    return LazyTensors(
        {name: reader(name) for name in names}, {name: row_reader(name) for name in names}, str(path)
    )


def _open_pickle(path: Path) -> LazyTensors:
    # Files of torch before 1.6 are no zip archives and cannot be mapped.
    with path.open("rb") as file:
        mappable = file.read(4) == b"PK\x03\x04"
    state: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mappable)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigurationError(
            f"The weights in {path} are no dictionary of tensors; expected a model's state dict."
        )

    def row_reader(name: str) -> Callable[[Sequence[int]], Tensor]:
        return lambda indices: state[name][list(indices)]

    return LazyTensors(
        {name: lambda name=name: state[name].clone() for name in state},  # type: ignore[misc]
        {name: row_reader(name) for name in state},
        str(path),
    )


def _merge(parts: List[LazyTensors], source: str) -> LazyTensors:
    readers: Dict[str, Callable[[], Tensor]] = {}
    row_readers: Dict[str, Callable[[Sequence[int]], Tensor]] = {}
    for part in parts:
        readers.update(part._readers)
        row_readers.update(part._row_readers)
    return LazyTensors(readers, row_readers, source)


def _shards(index: Path) -> List[str]:
    try:
        return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
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
