"""
Fine-tuned models as others publish them: tiny, random, saved by `transformers` or in the original's layout.
"""

import functools
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
import transformers
from torch import nn

from luke_allennlp.checkpoints.config import WORD_KEYS
from luke_allennlp.checkpoints.names import ENTITY_TABLE, WORD_TABLE
from luke_allennlp.exchange import import_checkpoint
from tests.exchange.comparison import LABELS, TOKENIZER_FILES


def randomise(model: nn.Module) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, fixtures_dir: Path) -> Callable[..., Path]:
    """Makes, once, the directory of one of Hugging Face's classes with either kind of attention."""

    @functools.cache
    def make(architecture: str, aware: bool = True) -> Path:
        tiny = fixtures_dir / "tiny-luke"
        config = transformers.LukeConfig.from_pretrained(
            tiny,
            use_entity_aware_attention=aware,
            id2label=dict(enumerate(LABELS[architecture])),
            label2id={label: index for index, label in enumerate(LABELS[architecture])},
        )
        model = getattr(transformers, architecture)(config)
        randomise(model)
        directory = tmp_path_factory.mktemp("published")
        model.save_pretrained(directory)
        for name in (*TOKENIZER_FILES, "added_tokens.json", "entity_vocab.json"):
            shutil.copyfile(tiny / name, directory / name)
        return directory

    return make


@pytest.fixture
def copy(published: Any, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a published model, to be changed."""
    return lambda architecture: Path(shutil.copytree(published(architecture), tmp_path / "source"))


@pytest.fixture(scope="session")
def imported(published: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Imports each of Hugging Face's classes once; the archives are not to be changed."""

    @functools.cache
    def make(architecture: str, aware: bool = True) -> Path:
        directory = tmp_path_factory.mktemp("imported") / "run"
        return import_checkpoint(str(published(architecture, aware)), str(directory))

    return make


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, fixtures_dir: Path) -> Callable[..., Path]:
    """
    Makes a tarball of a fine-tuned model in the original's layout: head's name, its weights, number of
    markers behind the words, rows of the entity table (0 for all).
    """

    def make(head: str, weights: Dict[str, Any], markers: int, rows: int, aware: bool = True) -> Path:
        tiny = fixtures_dir / "tiny-luke"
        # The backbone's words alone: Hugging Face's two entity tokens are none of them.
        config = transformers.LukeConfig.from_pretrained(
            tiny, use_entity_aware_attention=aware, vocab_size=1998
        )
        encoder = transformers.LukeModel(config)
        randomise(encoder)
        state = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
        generator = torch.Generator().manual_seed(5)
        more = torch.randn(markers, state[WORD_TABLE].size(1), generator=generator)
        state[WORD_TABLE] = torch.cat([state[WORD_TABLE], more])
        if rows:
            state[ENTITY_TABLE] = torch.randn(rows, state[ENTITY_TABLE].size(1), generator=generator)
        state.update({f"{head}.{part}": tensor for part, tensor in weights.items()})
        content = tmp_path_factory.mktemp("original") / "content"
        content.mkdir()
        torch.save(state, content / "pytorch_model.bin")
        kept = config.to_dict()
        model_config = {key: kept[key] for key in (*WORD_KEYS, "entity_vocab_size", "entity_emb_size")}
        model_config.pop("pad_token_id")
        model_config.update(bert_model_name="roberta-tiny", use_entity_aware_attention=aware)
        metadata = {"model_config": model_config, "max_seq_length": 512, "max_mention_length": 30}
        (content / "metadata.json").write_text(json.dumps(metadata))
        ids: Dict[str, int] = json.loads((tiny / "entity_vocab.json").read_text())
        titles = sorted(ids, key=lambda title: ids[title])
        (content / "entity_vocab.tsv").write_text("".join(f"{title}\t0\n" for title in titles))
        # A release has no tokenizer; a directory may have its files beside the others.
        for name in ("vocab.json", "merges.txt"):
            shutil.copyfile(tiny / name, content / name)
        path = content.parent / "luke_fine_tuned.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for file in sorted(content.iterdir()):
                archive.add(file, arcname=file.name)
        return path

    return make
