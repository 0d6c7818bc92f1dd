"""Changed copies of the tiny checkpoints, in both layouts."""

import json
import shutil
import tarfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional, Tuple
from unittest import mock

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from luke_allennlp.checkpoints.model_files import _download

State = Dict[str, Tensor]
Change = Callable[[State], State]


@pytest.fixture
def make_checkpoint(tmp_path: Path, fixtures_dir: Path) -> Callable[..., Path]:
    """
    `make_checkpoint(source, change, form=..., entities=..., **config)`: a copy of a directory of fixtures/,
    its weights changed and saved in a form of `save_state`, its entity_vocab.json replaced, its config.json
    overridden.
    """

    def make(
        source: str = "tiny-luke",
        change: Optional[Change] = None,
        *,
        form: str = "model.safetensors",
        name: str = "checkpoint",
        entities: Optional[Dict[str, int]] = None,
        **config: object,
    ) -> Path:
        directory = tmp_path / name
        shutil.copytree(fixtures_dir / source, directory)
        if entities is not None:
            (directory / "entity_vocab.json").write_text(json.dumps(entities))
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


def original_files(fixtures_dir: Path) -> Tuple[State, Dict[str, Any], str]:
    """
    The tiny LUKE as the original release would have it: state dict with the heads of pretraining, metadata,
    entity vocabulary as tsv.
    """
    source = fixtures_dir / "tiny-luke"
    state = load_file(source / "model.safetensors")
    words, entities = "embeddings.word_embeddings.weight", "entity_embeddings.entity_embeddings.weight"
    state[words] = state[words][:1998].clone()  # Hugging Face's own markers are not in it
    state["embeddings.position_ids"] = torch.arange(514)[None]
    state["lm_head.bias"] = torch.zeros(1998)
    state["lm_head.decoder.weight"] = state[words]
    state["entity_predictions.transform.dense.weight"] = torch.zeros(32, 64)
    state["entity_predictions.decoder.weight"] = state[entities]
    config = json.loads((source / "config.json").read_text())
    for key in ("architectures", "model_type", "use_entity_aware_attention"):
        del config[key]
    config.update(vocab_size=1998, pad_token_id=0, output_attentions=False, torchscript=False)
    metadata = {"model_config": config, "max_seq_length": 512, "max_entity_length": 128, "arguments": {}}
    titles = json.loads((source / "entity_vocab.json").read_text())
    return state, metadata, "".join(f"{title}\t{number}\n" for number, title in enumerate(titles))


@pytest.fixture
def make_original(tmp_path: Path, fixtures_dir: Path) -> Callable[..., Path]:
    """
    `make_original(weights=..., tokenizer=..., **config)`: a directory in the original release's layout, the
    `model_config` of its metadata overridden. Weights named `luke.bin` are saved as torch 1.2 did.
    """

    def make(
        weights: str = "luke.bin", tokenizer: bool = True, name: str = "original", **config: object
    ) -> Path:
        directory = tmp_path / name
        directory.mkdir()
        state, metadata, vocabulary = original_files(fixtures_dir)
        metadata["model_config"].update(config)
        (directory / "metadata.json").write_text(json.dumps(metadata))
        (directory / "entity_vocab.tsv").write_text(vocabulary, encoding="utf-8")
        torch.save(state, directory / weights, _use_new_zipfile_serialization=weights != "luke.bin")
        if tokenizer:
            for file in ("vocab.json", "merges.txt"):
                shutil.copyfile(fixtures_dir / "tiny-luke" / file, directory / file)
        return directory

    return make


@pytest.fixture
def tar() -> Callable[..., Path]:
    """`tar(directory, top=...)`: a tarball of a directory's files, beside it."""

    def make(directory: Path, top: str = "", suffix: str = ".tar.gz") -> Path:
        path = directory.with_name(directory.name + suffix)
        with tarfile.open(path, "w:gz" if suffix.endswith("gz") else "w") as archive:
            for file in sorted(directory.iterdir()):
                archive.add(file, top + file.name)
        return path

    return make


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tarballs are unpacked. What other tests know of the hub is forgotten."""
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
    _download.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def hub_fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the hub answer with an error, by its name in `huggingface_hub.errors`."""

    def fail(name: str) -> None:
        # Their constructors differ between versions of the hub's library, and want an HTTP response.
        cls = getattr(huggingface_hub.errors, name)
        download = mock.Mock(side_effect=cls.__new__(cls, f"a {name} of the hub"))
        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)

    return fail
