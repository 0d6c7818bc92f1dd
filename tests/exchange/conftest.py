"""
Fine-tuned models as others publish them: tiny, random, saved by `transformers` or in the original's layout.
"""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch
import transformers
from torch import nn

from luke_allennlp.checkpoints.config import WORD_KEYS
from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from tests.exchange.comparison import LABELS, TOKENIZER_FILES


def randomise(model: nn.Module) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, fixtures_dir: Path) -> Callable[[str, bool], Path]:
    """Makes, once, the directory of one of Hugging Face's classes with either kind of attention."""
    made: Dict[Any, Path] = {}

    def make(architecture: str, aware: bool = True) -> Path:
        if (architecture, aware) in made:
            return made[architecture, aware]
        tiny = fixtures_dir / "tiny-luke"
        labels = LABELS[architecture]
        config = transformers.LukeConfig.from_pretrained(
            tiny,
            use_entity_aware_attention=aware,
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
        )
        model = getattr(transformers, architecture)(config)
        randomise(model)
        directory = tmp_path_factory.mktemp("published")
        model.save_pretrained(directory)
        for name in (*TOKENIZER_FILES, "added_tokens.json", "entity_vocab.json"):
            shutil.copyfile(tiny / name, directory / name)
        made[architecture, aware] = directory
        return directory

    return make


@pytest.fixture(scope="session")
def imported(published: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Imports each of Hugging Face's classes once; the archives are not to be changed."""
    made: Dict[Any, Path] = {}

    def make(architecture: str, aware: bool = True) -> Path:
        if (architecture, aware) not in made:
            directory = tmp_path_factory.mktemp("imported") / "run"
            made[architecture, aware] = import_checkpoint(str(published(architecture, aware)), str(directory))
        return made[architecture, aware]

    return make


@pytest.fixture(scope="session")
def exported(imported: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Exports each of these once."""
    made: Dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            made[architecture] = tmp_path_factory.mktemp("exported") / "out"
            export_checkpoint(str(imported(architecture)), str(made[architecture]))
        return made[architecture]

    return make


def original_state(
    encoder: nn.Module, head: str, weights: Dict[str, torch.Tensor], words: int, rows: int
) -> Dict[str, torch.Tensor]:
    """What the original release saves of a fine-tuned model: markers behind the words, few entities."""
    state = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    generator = torch.Generator().manual_seed(5)
    table = state["embeddings.word_embeddings.weight"]
    more = torch.randn(words, table.size(1), generator=generator)
    state["embeddings.word_embeddings.weight"] = torch.cat([table, more])
    if rows:
        name = "entity_embeddings.entity_embeddings.weight"
        state[name] = torch.randn(rows, state[name].size(1), generator=generator)
    state.update({f"{head}.{part}": tensor for part, tensor in weights.items()})
    return state


@pytest.fixture(scope="session")
def original(
    tmp_path_factory: pytest.TempPathFactory, fixtures_dir: Path
) -> Callable[[str, Dict[str, torch.Tensor], int, int, bool], Path]:
    """
    Makes a tarball in the original's layout: head's name, its weights, number of markers, rows of the entity
    table (0 for all).
    """

    def make(
        head: str, weights: Dict[str, torch.Tensor], markers: int, rows: int, aware: bool = True
    ) -> Path:
        tiny = fixtures_dir / "tiny-luke"
        # The backbone's words alone: Hugging Face's two entity tokens are none of them.
        config = transformers.LukeConfig.from_pretrained(
            tiny, use_entity_aware_attention=aware, vocab_size=1998
        )
        encoder = transformers.LukeModel(config)
        randomise(encoder)
        directory = tmp_path_factory.mktemp("original")
        content = directory / "content"
        content.mkdir()
        torch.save(original_state(encoder, head, weights, markers, rows), content / "pytorch_model.bin")
        kept = config.to_dict()
        model_config = {key: kept[key] for key in (*WORD_KEYS, "entity_vocab_size", "entity_emb_size")}
        model_config.pop("pad_token_id")
        model_config.update(bert_model_name="roberta-tiny", use_entity_aware_attention=aware)
        metadata = {
            "model_config": model_config,
            "max_seq_length": 512,
            "max_entity_length": 128,
            "max_mention_length": 30,
        }
        (content / "metadata.json").write_text(json.dumps(metadata))
        ids: Dict[str, int] = json.loads((tiny / "entity_vocab.json").read_text())
        titles: List[str] = sorted(ids, key=lambda title: ids[title])
        (content / "entity_vocab.tsv").write_text("".join(f"{title}\t0\n" for title in titles))
        # A release has no tokenizer; a directory may have its files beside the others.
        for name in ("vocab.json", "merges.txt"):
            shutil.copyfile(tiny / name, content / name)
        path = directory / "luke_fine_tuned.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for file in sorted(content.iterdir()):
                archive.add(file, arcname=file.name)
        return path

    return make
