from contextlib import ExitStack
from pathlib import Path
from typing import Iterator

import pytest
import torch
from safetensors.torch import save_file

from luke_allennlp.checkpoints.tensors import open_file

FORMS = ["a.safetensors", "zip.bin", "legacy.bin"]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16]
DTYPES += [torch.int8, torch.uint8, torch.bool]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def save(state: dict, path: Path) -> None:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=path.name.startswith("zip"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_of_number(form: str, dtype: torch.dtype, tmp_path: Path, stack: ExitStack) -> None:
    numbers = torch.randint(0, 2 if dtype == torch.bool else 100, (7, 5)).to(dtype)
    state = {"matrix": numbers, "scalar": numbers[3, 2].clone(), "none": torch.empty(0, 5, dtype=dtype)}
    save(state, tmp_path / form)
    tensors = open_file(tmp_path / form, stack)
    for name, expected in state.items():
        read = tensors[name].read()
        assert tensors[name].dtype == read.dtype == dtype
        assert tensors[name].shape == read.shape == expected.shape
        assert torch.equal(read, expected)
    assert torch.equal(tensors["matrix"].rows([6, 0, 0]), numbers[[6, 0, 0]])
    assert tensors["none"].rows([]).shape == (0, 5)
    with pytest.raises(IndexError):
        tensors["matrix"].rows([7])


@pytest.mark.parametrize("form", FORMS[1:])
def test_shared_and_strided(form: str, tmp_path: Path, stack: ExitStack) -> None:
    """As `torch.load` has them."""
    table = torch.randn(12, 6)
    state = {
        "table": table,
        "tied": table,
        "part": table[2:5],
        "transposed": table.t(),
        "column": table[:, 3],
        "steps": table[1::4, ::2],
        "spread": torch.randn(1, 6).expand(4, 6),
        "narrow": torch.randn(3, 1, 2).transpose(0, 1),
        "parameter": torch.nn.Parameter(torch.randn(3)),
    }
    save(state, tmp_path / form)
    expected = torch.load(tmp_path / form, weights_only=True)
    tensors = open_file(tmp_path / form, stack)
    assert set(tensors) == set(expected)
    for name, tensor in expected.items():
        assert torch.equal(tensors[name].read(), tensor), name
        assert torch.equal(tensors[name].rows([0]), tensor[[0]]), name
    assert torch.equal(tensors["transposed"].rows([5, 1]), table.t()[[5, 1]])


@pytest.mark.parametrize("form", FORMS)
def test_converts_while_it_reads(form: str, tmp_path: Path, stack: ExitStack) -> None:
    halves = torch.randn(700, 500).half()  # more than are converted at once
    save({"a": halves}, tmp_path / form)
    target = torch.empty(701, 500)
    open_file(tmp_path / form, stack)["a"].copy_to(target[:700])
    assert torch.equal(target[:700], halves.float())
