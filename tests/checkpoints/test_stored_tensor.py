import io
import random
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from luke_allennlp.checkpoints.stored_tensor import (
    DamagedFileError,
    Region,
    check_regions,
    contiguous_strides,
    stored_tensor,
)
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


def region(*shape: int, start: int = 0, end: int = 1 << 20) -> Region:
    return Region(torch.float32, shape, contiguous_strides(shape), start, end)


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


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=4), st.randoms(use_true_random=False), st.booleans())
def test_any_layout(shape: list, shuffler: random.Random, legacy: bool) -> None:
    order = list(range(len(shape)))
    shuffler.shuffle(order)
    tensor = torch.randn(*shape, 2).select(-1, 1).permute(order)
    buffer = io.BytesIO()
    torch.save({"a": tensor}, buffer, _use_new_zipfile_serialization=not legacy)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        path = Path(directory, "a.bin")
        path.write_bytes(buffer.getvalue())
        assert torch.equal(open_file(path, stack)["a"].read(), tensor)


def test_file_that_became_shorter() -> None:
    stored = stored_tensor(io.BytesIO(b"\0" * 10), region(4))
    with pytest.raises(DamagedFileError, match="became shorter"):
        stored.read()


@pytest.mark.parametrize(
    "bad",
    [
        region(4, start=90, end=100),
        region(4, end=12),
        region(4, end=101),
        region(4, start=-4),
        region(1 << 40, 1 << 40),
        region(3)._replace(strides=(-1,)),
        region(3)._replace(shape=(-3,)),
        region(3)._replace(strides=(1, 1)),
        region(2, 2)._replace(strides=(1 << 60, 1)),
    ],
)
def test_regions_are_part_of_the_file(bad: Region) -> None:
    check_regions({"good": region(25, end=100), "empty": region(0, 9, start=100, end=100)}, 100)
    with pytest.raises(DamagedFileError, match="'bad'"):
        check_regions({"good": region(1, end=100), "bad": bad}, 100)
