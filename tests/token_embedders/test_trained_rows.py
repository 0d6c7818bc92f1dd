"""An encoder that comes from an archive, of whatever kind."""

import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models import load_archive

from luke_allennlp.checkpoints.archives import archive_file, rows_of
from luke_allennlp.checkpoints.model_files import find_file
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.token_embedders import LukeEmbedder
from tests.conftest import FIXTURES
from tests.pretraining.archives import config, make_model, write_archive
from tests.tasks.support import make_archive

SPECIALS = ["[PAD]", "[MASK]"]
TABLES = ("embeddings.word_embeddings.weight", "entity_embeddings.entity_embeddings.weight")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def lean(tmp_path: Path) -> Path:
    """An archive as they were before they had their checkpoint."""
    (tmp_path / "run").mkdir()
    return make_archive("luke_relation_classification", tmp_path / "run")


def states(model: Any) -> Any:
    return model.luke.state_dict()


def test_a_lean_archive_uses_its_checkpoint(lean: Path, cache: Path) -> None:
    before = states(load_archive(lean).model.embedder)
    markers = [["[TAIL]", "#"], ["[OTHER]", "@"]]
    after = states(
        LukeEmbedder(str(lean.parent), entities=["[PAD]", "[MASK]", "[MASK]"], marker_tokens=markers)
    )
    assert all(torch.equal(after[name], before[name]) for name in before if name != TABLES[0])
    words, trained = after[TABLES[0]], before[TABLES[0]]
    at = WordTokenizer(str(FIXTURES / "tiny-luke")).token_id("@")
    assert torch.equal(words[:2000], trained[:2000])
    assert torch.equal(words[2000], trained[2001]) and torch.equal(words[2001], trained[at])
    assert (
        find_file(str(lean), "merges.txt") is not None and find_file(str(lean), "model.safetensors") is None
    )
    assert len(list(cache.glob("model-*"))) == 1
    assert WordTokenizer(str(lean)).word_table_size == 2000


def test_a_pretraining_archive(tmp_path: Path) -> None:
    start = str(FIXTURES / "tiny-luke")
    values = config(start, start)
    path = write_archive(tmp_path / "run", values, make_model(values))
    embedder = LukeEmbedder(str(path), entities=SPECIALS)
    table = load_archive(path).model.embedder.luke.state_dict()[TABLES[1]]
    rows = embedder.entity_vocabulary().rows(SPECIALS)
    assert torch.equal(states(embedder)[TABLES[1]], table[list(rows)])


def test_what_is_no_archive(tmp_path: Path, lean: Path) -> None:
    assert archive_file(str(FIXTURES / "tiny-luke")) is None
    assert archive_file("studio-ousia/luke-base") is None
    other = tmp_path / "other.tar.gz"
    with tarfile.open(other, "w:gz") as archive:
        for file in (FIXTURES / "tiny-luke").iterdir():
            archive.add(file, arcname=file.name)
    assert archive_file(str(other)) is None
    LukeEmbedder(str(other), entities=SPECIALS)
    damaged = tmp_path / "damaged.tar.gz"
    damaged.write_bytes(lean.read_bytes()[:3000])
    with pytest.raises(ConfigurationError, match="damaged"):
        LukeEmbedder(str(damaged))


def test_a_lean_archive_without_its_checkpoint(tmp_path: Path, lean: Path, cache: Path) -> None:
    place = tmp_path / "unpacked"
    with tarfile.open(lean) as archive:
        archive.extractall(place)
    file = place / "config.json"
    file.write_text(file.read_text().replace(str(FIXTURES / "tiny-luke"), str(tmp_path / "gone")))
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        for item in sorted(place.iterdir()):
            archive.add(item, arcname=item.name)
    shutil.rmtree(place)
    with pytest.raises(ConfigurationError, match="model.tar.gz: needs the checkpoint '.*gone' beside it"):
        LukeEmbedder(str(tmp_path / "model.tar.gz"), entities=SPECIALS)
    assert not list(cache.glob("model-*"))


def test_titles_of_rows() -> None:
    assert rows_of(SPECIALS) == {"[PAD]": 0, "[MASK]": 1}
    assert rows_of([*SPECIALS, "[MASK]"]) == {"[PAD]": 0, "[MASK]": 1, "[MASK2]": 2}
    assert rows_of([*SPECIALS, "[MASK]", "[MASK2]"]) == {"[PAD]": 0, "[MASK]": 1, "[MASK2]": 3}
