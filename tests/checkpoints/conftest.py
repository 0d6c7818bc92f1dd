"""Changed copies of the tiny checkpoints."""

import json
import shutil
from pathlib import Path
from typing import Callable, Dict, Optional

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

State = Dict[str, Tensor]
Change = Callable[[State], State]


@pytest.fixture
def make_checkpoint(tmp_path: Path, fixtures_dir: Path) -> Callable[..., Path]:
    """
    `make_checkpoint(source, change, form=..., **config)`: a copy of a directory of fixtures/, its weights
    changed and saved in a form of `save_state`, its config.json overridden.
    """

    def make(
        source: str = "tiny-luke",
        change: Optional[Change] = None,
        *,
        form: str = "model.safetensors",
        name: str = "checkpoint",
        **config: object,
    ) -> Path:
        directory = tmp_path / name
        shutil.copytree(fixtures_dir / source, directory)
        path = directory / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
        state = load_file(directory / "model.safetensors")
        (directory / "model.safetensors").unlink()
        save_state(change(state) if change else state, directory, form)
        return directory

    return make


def save_state(state: State, directory: Path, form: str) -> None:
    """`form` is `model.safetensors`, `pytorch_model.bin` or the index of either, spread over three files."""
    if not form.endswith(".index.json"):
        _save(state, directory / form)
        return
    stem, suffix = form.removesuffix(".index.json").split(".")
    weight_map = {}
    for number in range(3):
        part = dict(list(state.items())[number::3])
        shard = f"{stem}-{number + 1:05}-of-00003.{suffix}"
        _save(part, directory / shard)
        weight_map.update(dict.fromkeys(part, shard))
    (directory / form).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def _save(state: State, path: Path) -> None:
    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)
