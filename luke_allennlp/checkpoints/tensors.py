"""Reading weights, tensor by tensor, without running code from their files."""

import json
import re
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import torch
from allennlp.common.checks import ConfigurationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from luke_allennlp.checkpoints.model_files import WEIGHTS_FILES, cache_hint, find_file

_DAMAGED = (SafetensorError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError, OSError)


class LazyTensors(Dict[str, Tensor]):
    """
    The tensors of one checkpoint by name, and where they come from, for error messages. Their files are
    mapped into memory: what is not used is not read from disk.
    """

    def __init__(self, tensors: Dict[str, Tensor], source: str) -> None:
        super().__init__(tensors)
        self.source = source


class WeightsSource(NamedTuple):
    """Where a model's weights come from."""

    model_name: str
    weights_file: Optional[str] = None  # read instead of the checkpoint's own
    strip_prefix: Optional[str] = None  # removed from the tensors' names; those without it are ignored

    def open(self, stack: ExitStack) -> LazyTensors:
        """As `open_checkpoint`."""
        if self.weights_file is None:
            tensors = open_checkpoint(self.model_name, stack)
        else:
            tensors = open_file(Path(self.weights_file).expanduser(), stack)
        prefix = self.strip_prefix or ""
        named = {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
        return LazyTensors(named, tensors.source)


def open_checkpoint(model_name: str, stack: ExitStack) -> LazyTensors:
    """
    The weights of a directory, tarball, hub id or archive of a trained model, see `find_file`. The stack
    keeps their files open while they are read. A `ConfigurationError` says that there are none, or that they
    are damaged.
    """
    from luke_allennlp.checkpoints.archives import find_archive  # which imports this module

    if (archive := find_archive(model_name)) is not None:
        return archive.tensors(stack)
    for filename in WEIGHTS_FILES:
        path = find_file(model_name, filename)
        if path is None:
            continue
        if not filename.endswith(".index.json"):
            return open_file(path, stack)
        tensors = LazyTensors({}, str(path))
        for shard in _shards(path):
            tensors.update(open_file(_shard(model_name, shard, path), stack))
        return tensors
    raise ConfigurationError(
        f"The model {model_name!r} has no weights: expected one of {', '.join(WEIGHTS_FILES)}."
        + cache_hint(model_name)
    )


def open_file(path: Path, stack: ExitStack) -> LazyTensors:
    """
    The tensors of one file: of safetensors, or a state dict saved by torch. Both are mapped into memory; only
    the format of torch before 1.6 is read at once. Otherwise as `open_checkpoint`.
    """
    if not path.is_file():
        raise ConfigurationError(f"There is no weights file {str(path)!r}; give an existing one.")
    try:
        if path.suffix == ".safetensors":
            file = stack.enter_context(safe_open(str(path), framework="pt"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        else:
            tensors = _load_state(path)
    except ConfigurationError:
        raise
    except _DAMAGED as error:
        reason = str(error).split(". ")[0].rstrip(".") or type(error).__name__
        raise ConfigurationError(
            f"The weights in {path} cannot be read, the file is damaged or no such file: {reason}."
        ) from None
    except Exception as error:  # pickle.UnpicklingError and whatever a hostile file provokes
        # Most of torch's message is advice to let the file run its code.
        found = re.search(r"[Uu]nsupported [^\n]*", str(error))
        raise ConfigurationError(
            f"The weights in {path} are refused: the file holds something other than tensors "
            f"({found.group().rstrip('.') if found else type(error).__name__})."
        ) from None
    return LazyTensors(tensors, str(path))


def _load_state(path: Path) -> Dict[str, Tensor]:
    # Files saved before torch 1.6 are no zip archives, and cannot be mapped.
    is_zip = zipfile.is_zipfile(path)
    if is_zip:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                # Torch would map the compressed bytes as they are.
                if member.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"its part {member.filename!r} is compressed, which torch never does")
    state: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise ConfigurationError(
            f"The weights in {path} are no dictionary of tensors; expected a model's state dict."
        )
    for name, tensor in state.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise ValueError(f"the tensor {name!r} is not a plain one")
    return {name: tensor.detach() for name, tensor in state.items()}


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
