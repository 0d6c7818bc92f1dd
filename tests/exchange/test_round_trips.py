"""In and out again: the same logits at every step, the same bits in every tensor."""

import json
import shutil
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
import transformers
from allennlp.models import load_archive
from safetensors.torch import load_file

import luke_allennlp  # noqa: F401
from luke_allennlp.checkpoints.names import ENTITY_TABLE, EXTRA_QUERY
from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from tests.exchange.comparison import (
    LABELS,
    NER,
    PAIRS,
    QA,
    TYPING,
    assert_close,
    entity_ids,
    instances_of,
    our_logits,
    their_logits,
)

DATA = {TYPING: "data/open_entity/dev.json", NER: "ner/schemes/iob2.conll", QA: "data/squad/dev-v1.1.json"}
RELATIONS = """
{"text": "Edda Rask leads AVR.", "head": [0, 9], "tail": [16, 19], "label": "org:founded"}
{"text": "Marlow, says Petra Kostrel, is rainy.", "head": [13, 26], "tail": [0, 6], "label": "no_relation"}
"""
AWARE = [True, pytest.param(False, marks=pytest.mark.slow)]


@pytest.fixture
def data(fixtures_dir: Path, tmp_path: Path) -> Callable[[str], Path]:
    (tmp_path / "relations.jsonl").write_text(RELATIONS.strip())
    return lambda name: tmp_path / "relations.jsonl" if name == PAIRS else fixtures_dir / DATA[name]


def check_out_and_in(path: Path, architecture: str, ours: Any, data: Path, place: Path) -> Path:
    """An archive that is exported and imported again gives the same logits, outside of this package too."""
    archive, out = load_archive(path), place / "exported"
    exported = export_checkpoint(str(path), str(out))
    assert exported.architecture == architecture
    instances = instances_of(archive, data)
    assert_close(ours, their_logits(out, architecture, instances, entity_ids(archive, out)))
    again = load_archive(import_checkpoint(str(out), str(place / "again")))
    assert_close(our_logits(again, instances_of(again, data)), ours)
    first, second = archive.model.state_dict(), again.model.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    names = [model.vocab.get_index_to_token_vocabulary("labels") for model in (archive.model, again.model)]
    assert names[0] == names[1]
    return out


@pytest.mark.parametrize("aware", AWARE)
@pytest.mark.parametrize("architecture", LABELS)
def test_hugging_face_in_and_out(
    architecture: str, aware: bool, published: Any, imported: Any, data: Any, tmp_path: Path
) -> None:
    source, path = published(architecture, aware), imported(architecture, aware)
    archive = load_archive(path)
    instances = instances_of(archive, data(architecture))
    ours = our_logits(archive, instances)
    assert_close(ours, their_logits(source, architecture, instances, entity_ids(archive, source)))
    out = check_out_and_in(path, architecture, ours, data(architecture), tmp_path)
    before, after = load_file(source / "model.safetensors"), load_file(out / "model.safetensors")
    assert before.keys() <= after.keys()
    assert all(EXTRA_QUERY.search(name) for name in after.keys() - before.keys())
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]), name
    vocabularies = [json.loads((place / "entity_vocab.json").read_text()) for place in (source, out)]
    assert vocabularies[0] == vocabularies[1]


@pytest.mark.parametrize("architecture", [TYPING, QA])
def test_lite(architecture: str, published: Any, imported: Any, data: Any, tmp_path: Path) -> None:
    path = imported(architecture)
    out = tmp_path / "lite"
    (tmp_path / "real").mkdir()
    out.symlink_to("real")
    assert export_checkpoint(str(path), str(out), lite=True).notes == [] and out.is_symlink()
    vocabulary = json.loads((out / "entity_vocab.json").read_text())
    assert vocabulary == {"[PAD]": 0, "[UNK]": 1, "[MASK]": 2, "[MASK2]": 3}
    source = load_file(published(architecture) / "model.safetensors")
    table = load_file(out / "model.safetensors")[f"luke.{ENTITY_TABLE}"]
    assert torch.equal(table, source[f"luke.{ENTITY_TABLE}"][:4])
    if architecture == TYPING:
        archive = load_archive(path)
        instances = instances_of(archive, data(architecture))
        assert_close(our_logits(archive, instances), their_logits(out, architecture, instances, [0, 2]))


def test_an_imported_archive_needs_nothing_beside_it(copy: Any, data: Any, tmp_path: Path) -> None:
    source = copy(TYPING)
    path = import_checkpoint(str(source), str(tmp_path / "imported"))
    before = load_archive(path)
    ours = our_logits(before, instances_of(before, data(TYPING)))
    shutil.move(str(path), tmp_path / "moved.tar.gz")
    for directory in (source, tmp_path / "imported"):
        shutil.rmtree(directory)
    after = load_archive(tmp_path / "moved.tar.gz")
    assert_close(our_logits(after, instances_of(after, data(TYPING))), ours)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7))


# Head, weights, markers, rows of the entity table.
HEADS: Any = {
    TYPING: ("typing", {"weight": random(9, 64), "bias": random(9)}, 1, 2),
    PAIRS: ("classifier", {"weight": random(3, 128)}, 2, 3),
    NER: ("classifier", {"weight": random(5, 192), "bias": random(5)}, 0, 2),
    QA: ("qa_outputs", {"weight": random(2, 64), "bias": random(2)}, 0, 0),
}


@pytest.mark.parametrize("aware", AWARE)
@pytest.mark.parametrize("architecture", HEADS)
def test_the_original_in_and_out(
    architecture: str,
    aware: bool,
    original: Any,
    data: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "labels.txt").write_text("\n".join(LABELS[architecture]))
    labels = None if architecture == QA else str(tmp_path / "labels.txt")
    source = original(*HEADS[architecture], aware)
    path = import_checkpoint(str(source), str(tmp_path / "imported"), labels=labels)
    archive = load_archive(path)
    head = "qa_outputs" if architecture == QA else "classifier"
    assert torch.equal(archive.model.state_dict()[f"{head}.weight"], HEADS[architecture][1]["weight"])
    ours = our_logits(archive, instances_of(archive, data(architecture)))
    check_out_and_in(path, architecture, ours, data(architecture), tmp_path)


def test_cloze_qa_exports_the_encoder(original: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
    source = original("scorer", {"weight": random(1, 128), "bias": random(1)}, 3, 2)
    path = import_checkpoint(str(source), str(tmp_path / "imported"))
    archive, out = load_archive(path), tmp_path / "out"
    assert archive.config["model"]["type"] == "luke_cloze_qa"
    exported = export_checkpoint(str(path), str(out))
    assert exported.architecture == "LukeModel"
    for part in ("scorer.weight", "model.tar.gz", "scorer.safetensors"):
        assert part in exported.notes[0]
    assert set(load_file(out / "scorer.safetensors")) == {"scorer.weight", "scorer.bias"}
    assert exported.notes[0] in (out / "README.md").read_text()
    expected = archive.model.embedder.luke.state_dict()
    for name, tensor in transformers.LukeModel.from_pretrained(out).state_dict().items():
        assert name not in expected or name == ENTITY_TABLE or torch.equal(tensor, expected[name])
    tokenizer = transformers.LukeTokenizer.from_pretrained(out)
    assert tokenizer.convert_tokens_to_ids("[PLACEHOLDER]") == 1999
