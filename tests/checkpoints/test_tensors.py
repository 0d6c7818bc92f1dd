"""Weights in every form that torch and `transformers` write."""

from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from safetensors.torch import load_file, save_file

from luke_allennlp.checkpoints.names import ENTITY_TABLE
from luke_allennlp.checkpoints.tensors import open_checkpoint, open_file

FORMS = ["model.safetensors", "pytorch_model.bin"]
FORMS += [f"{form}.index.json" for form in FORMS]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16]
DTYPES += [torch.int8, torch.uint8, torch.bool]


def save(state: dict, path: Path) -> None:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=path.name.startswith("zip"))


class TestOpenFile:
    @pytest.mark.parametrize("form", ["a.safetensors", "zip.bin", "legacy.bin"])
    def test_every_type_of_number(self, form: str, tmp_path: Path, stack: ExitStack) -> None:
        state = {}
        for dtype in DTYPES:
            numbers = torch.randint(0, 2 if dtype == torch.bool else 100, (7, 5)).to(dtype)
            state.update({f"{dtype}": numbers, f"scalar {dtype}": numbers[3, 2].clone()})
            state[f"none {dtype}"] = torch.empty(0, 5, dtype=dtype)
        save(state, tmp_path / form)
        tensors = open_file(tmp_path / form, stack)
        assert tensors.keys() == state.keys() and tensors.source == str(tmp_path / form)
        for name, expected in state.items():
            assert tensors[name].dtype == expected.dtype and torch.equal(tensors[name], expected)

    @pytest.mark.parametrize("form", ["zip.bin", "legacy.bin"])
    def test_shared_and_strided(self, form: str, tmp_path: Path, stack: ExitStack) -> None:
        table = torch.randn(12, 6)
        state = {
            **{"table": table, "tied": table, "part": table[2:5], "transposed": table.t()},
            **{"column": table[:, 3], "steps": table[1::4, ::2], "spread": torch.randn(1, 6).expand(4, 6)},
            "parameter": torch.nn.Parameter(torch.randn(3)),
        }
        save(state, tmp_path / form)
        tensors = open_file(tmp_path / form, stack)
        assert tensors.keys() == state.keys()
        assert all(torch.equal(tensors[name], tensor) for name, tensor in state.items())
        assert not tensors["parameter"].requires_grad

    def test_that_is_not_there(self, tmp_path: Path, stack: ExitStack) -> None:
        with pytest.raises(ConfigurationError, match="no weights file '.*missing.th'; give an existing one"):
            open_file(tmp_path / "missing.th", stack)


class TestOpenCheckpoint:
    @pytest.mark.parametrize("form", FORMS)
    def test_reads_every_form(
        self, form: str, make_checkpoint: Callable, fixtures_dir: Path, stack: ExitStack
    ) -> None:
        directory = make_checkpoint(form=form)
        assert len(list(directory.glob("*model*"))) == (4 if form.endswith(".index.json") else 1)
        expected = load_file(fixtures_dir / "tiny-luke" / "model.safetensors")
        tensors = open_checkpoint(str(directory), stack)
        assert tensors.keys() == expected.keys() and tensors.source == str(directory / form)
        assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items())
        assert torch.equal(tensors[ENTITY_TABLE][[2, 0, 63, 2]], expected[ENTITY_TABLE][[2, 0, 63, 2]])

    def test_prefers_safetensors(self, make_checkpoint: Callable, stack: ExitStack) -> None:
        directory = make_checkpoint()
        (directory / "pytorch_model.bin").write_bytes(b"must not be read")
        assert open_checkpoint(str(directory), stack).source.endswith("model.safetensors")

    @pytest.mark.parametrize(
        "form, content, expected",
        [
            (FORMS[2], "{}", "is damaged: expected a JSON object with a 'weight"),
            (FORMS[2], '{"weight_map": {"a": 1}}', "is damaged"),
            (FORMS[2], '{"weight_map": {"a": "../model.safetensors"}}', "names a file outside its directory"),
            (FORMS[2], '{"weight_map": {"a": "a/b.safetensors"}}', "names a file outside its directory"),
            (FORMS[3], '{"weight_map": {"a": "lost.bin"}}', "names the file 'lost.bin', which is not there"),
        ],
    )
    def test_damaged_index(
        self, form: str, content: str, expected: str, make_checkpoint: Callable, stack: ExitStack
    ) -> None:
        directory = make_checkpoint(form=form)
        (directory / form).write_text(content)
        with pytest.raises(ConfigurationError, match=f"index.json {expected}"):
            open_checkpoint(str(directory), stack)

    def test_without_weights(self, make_checkpoint: Callable, stack: ExitStack) -> None:
        directory = make_checkpoint()
        (directory / "model.safetensors").unlink()
        with pytest.raises(ConfigurationError, match="has no weights: expected one of model.safetensors"):
            open_checkpoint(str(directory), stack)
