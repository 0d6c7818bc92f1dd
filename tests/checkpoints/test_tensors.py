import json
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Iterator

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from safetensors.torch import load_file

from luke_allennlp.checkpoints.tensors import open_checkpoint, open_file

FORMS = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


class TestOpenCheckpoint:
    @pytest.mark.parametrize("form", FORMS)
    def test_reads_every_form(
        self, form: str, make_checkpoint: Callable[..., Path], fixtures_dir: Path, stack: ExitStack
    ) -> None:
        directory = make_checkpoint(form=form)
        assert len(list(directory.glob("*model*"))) == (4 if form.endswith(".index.json") else 1)
        expected = load_file(fixtures_dir / "tiny-luke" / "model.safetensors")
        tensors = open_checkpoint(str(directory), stack)
        assert set(tensors) == set(expected)
        assert tensors.source == str(directory / form)
        for name, tensor in expected.items():
            assert tensors[name].shape == tuple(tensor.shape)
            assert torch.equal(tensors[name].read(), tensor)
        table = "entity_embeddings.entity_embeddings.weight"
        assert torch.equal(tensors[table].rows([2, 0, 63, 2]), expected[table][[2, 0, 63, 2]])
        assert tensors[table].rows([]).shape == (0, 32)

    def test_prefers_safetensors(self, make_checkpoint: Callable[..., Path], stack: ExitStack) -> None:
        directory = make_checkpoint()
        (directory / "pytorch_model.bin").write_bytes(b"must not be read")
        assert open_checkpoint(str(directory), stack).source.endswith("model.safetensors")

    def test_without_weights(self, make_checkpoint: Callable[..., Path], stack: ExitStack) -> None:
        directory = make_checkpoint()
        (directory / "model.safetensors").unlink()
        with pytest.raises(
            ConfigurationError, match="has no weights: expected one of model.safetensors, .*bin"
        ):
            open_checkpoint(str(directory), stack)

    @pytest.mark.parametrize(
        "content", ["", "{}", "[1]", '{"weight_map": ["a"]}', '{"weight_map": {"a": 1}}']
    )
    def test_damaged_index(
        self, content: str, make_checkpoint: Callable[..., Path], stack: ExitStack
    ) -> None:
        directory = make_checkpoint(form=FORMS[1])
        (directory / FORMS[1]).write_text(content)
        with pytest.raises(
            ConfigurationError, match="index.json is damaged: expected a JSON object with a 'weight"
        ):
            open_checkpoint(str(directory), stack)

    def test_shard_is_missing(self, make_checkpoint: Callable[..., Path], stack: ExitStack) -> None:
        directory = make_checkpoint(form=FORMS[3])
        (directory / "pytorch_model-00002-of-00003.bin").unlink()
        with pytest.raises(
            ConfigurationError, match="names the file 'pytorch_model-00002-of-00003.bin', which is"
        ):
            open_checkpoint(str(directory), stack)

    @pytest.mark.parametrize("shard", ["../model.safetensors", "/etc/passwd", "a/b.safetensors"])
    def test_shard_outside_the_directory(
        self, shard: str, make_checkpoint: Callable[..., Path], stack: ExitStack
    ) -> None:
        directory = make_checkpoint(form=FORMS[1])
        (directory / FORMS[1]).write_text(json.dumps({"weight_map": {"a": shard}}))
        with pytest.raises(ConfigurationError, match="names a file outside its directory"):
            open_checkpoint(str(directory), stack)


class TestOpenFile:
    def test_that_is_not_there(self, tmp_path: Path, stack: ExitStack) -> None:
        with pytest.raises(ConfigurationError, match="no weights file '.*missing.th'; give an existing one"):
            open_file(tmp_path / "missing.th", stack)

    @pytest.mark.parametrize("suffix", ["safetensors", "bin"])
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
    def test_truncated(
        self, suffix: str, share: float, make_checkpoint: Callable[..., Path], stack: ExitStack
    ) -> None:
        form = "model.safetensors" if suffix == "safetensors" else "pytorch_model.bin"
        path = make_checkpoint(form=form) / form
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ConfigurationError) as error:
            open_file(path, stack)
        assert f"The weights in {path} cannot be read, the file is damaged" in str(error.value)
        assert not str(error.value).endswith(": ")

    @pytest.mark.parametrize("name", ["a.safetensors", "a.bin"])
    def test_pointer_in_place_of_the_file(self, name: str, tmp_path: Path, stack: ExitStack) -> None:
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
        with pytest.raises(ConfigurationError, match=f"The weights in .*{name} (cannot be read|are refused)"):
            open_file(tmp_path / name, stack)
