"""In and out again: the same logits at every step, the same bits in every tensor."""

import json
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
import transformers
from allennlp.models import load_archive
from safetensors.torch import load_file

import luke_allennlp  # noqa: F401
from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from tests.exchange.comparison import (
    LABELS,
    assert_close,
    entity_ids,
    instances_of,
    our_logits,
    their_logits,
)

DATA = {
    "LukeForEntityClassification": "data/open_entity/dev.json",
    "LukeForEntityPairClassification": "relations.jsonl",
    "LukeForEntitySpanClassification": "ner/schemes/iob2.conll",
    "LukeForQuestionAnswering": "data/squad/dev-v1.1.json",
}
RELATIONS = [
    {"text": "Edda Rask leads AVR.", "head": [0, 9], "tail": [16, 19], "label": "org:founded"},
    {
        "text": "Marlow, says Petra Kostrel, is rainy.",
        "head": [13, 26],
        "tail": [0, 6],
        "label": "no_relation",
    },
]
ARCHITECTURES = sorted(DATA)


@pytest.fixture
def data(fixtures_dir: Path, tmp_path: Path) -> Callable[[str], Path]:
    (tmp_path / "relations.jsonl").write_text("\n".join(map(json.dumps, RELATIONS)))

    def find(architecture: str) -> Path:
        name = DATA[architecture]
        return tmp_path / name if name == "relations.jsonl" else fixtures_dir / name

    return find


@pytest.mark.parametrize("aware", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hugging_face_in_and_out(
    architecture: str, aware: bool, published: Any, imported: Any, data: Callable[[str], Path], tmp_path: Path
) -> None:
    source, path = published(architecture, aware), imported(architecture, aware)
    archive = load_archive(path)
    instances = instances_of(archive, data(architecture))
    ours = our_logits(archive, instances)
    assert_close(ours, their_logits(source, architecture, instances, entity_ids(archive, source)))

    exported = export_checkpoint(str(path), str(tmp_path / "exported"))
    assert exported.architecture == architecture and not exported.notes
    out = tmp_path / "exported"
    assert_close(ours, their_logits(out, architecture, instances, entity_ids(archive, out)))
    before, after = load_file(source / "model.safetensors"), load_file(out / "model.safetensors")
    assert before.keys() <= after.keys()
    assert all("2e_query" in name or "e2w_query" in name for name in after.keys() - before.keys())
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]), name
    assert json.loads((source / "entity_vocab.json").read_text()) == json.loads(
        (out / "entity_vocab.json").read_text()
    )

    again = import_checkpoint(str(out), str(tmp_path / "again"))
    reloaded = load_archive(again)
    assert_close(our_logits(reloaded, instances_of(reloaded, data(architecture))), ours)
    first, second = archive.model.state_dict(), reloaded.model.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert archive.model.vocab.get_index_to_token_vocabulary("labels") == (
        reloaded.model.vocab.get_index_to_token_vocabulary("labels")
    )


@pytest.mark.parametrize("architecture", ["LukeForEntityClassification", "LukeForQuestionAnswering"])
def test_lite(
    architecture: str, published: Any, imported: Any, data: Callable[[str], Path], tmp_path: Path
) -> None:
    path = imported(architecture)
    archive = load_archive(path)
    out = tmp_path / "lite"
    assert export_checkpoint(str(path), str(out), lite=True).notes == []
    vocabulary = json.loads((out / "entity_vocab.json").read_text())
    assert vocabulary == {"[PAD]": 0, "[UNK]": 1, "[MASK]": 2, "[MASK2]": 3}
    table = load_file(out / "model.safetensors")["luke.entity_embeddings.entity_embeddings.weight"]
    source = load_file(published(architecture, True) / "model.safetensors")[
        "luke.entity_embeddings.entity_embeddings.weight"
    ]
    assert torch.equal(table, source[:4])
    if architecture == "LukeForEntityClassification":
        instances = instances_of(archive, data(architecture))
        assert_close(our_logits(archive, instances), their_logits(out, architecture, instances, [0, 2]))


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7))


HEADS = {
    # head, weights, markers, rows of the entity table, class
    "typing": ("typing", {"weight": random(9, 64), "bias": random(9)}, 1, 2, "LukeForEntityClassification"),
    "pairs": ("classifier", {"weight": random(3, 128)}, 2, 3, "LukeForEntityPairClassification"),
    "ner": (
        "classifier",
        {"weight": random(5, 192), "bias": random(5)},
        0,
        2,
        "LukeForEntitySpanClassification",
    ),
    "squad": ("qa_outputs", {"weight": random(2, 64), "bias": random(2)}, 0, 0, "LukeForQuestionAnswering"),
}


@pytest.mark.parametrize("aware", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("task", sorted(HEADS))
def test_the_original_in_and_out(
    task: str,
    aware: bool,
    original: Any,
    data: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
    head, weights, markers, rows, architecture = HEADS[task]
    source = original(head, weights, markers, rows, aware)
    labels = None
    if task != "squad":
        (tmp_path / "labels.txt").write_text("\n".join(LABELS[architecture]))
        labels = str(tmp_path / "labels.txt")
    path = import_checkpoint(str(source), str(tmp_path / "imported"), labels=labels)
    archive = load_archive(path)
    state = archive.model.state_dict()
    ours_head = "qa_outputs" if task == "squad" else "classifier"
    assert torch.equal(state[f"{ours_head}.weight"], weights["weight"])
    instances = instances_of(archive, data(architecture))
    ours = our_logits(archive, instances)

    out = tmp_path / "exported"
    exported = export_checkpoint(str(path), str(out))
    assert exported.architecture == architecture
    assert_close(ours, their_logits(out, architecture, instances, entity_ids(archive, out)))
    again = load_archive(import_checkpoint(str(out), str(tmp_path / "again")))
    second = again.model.state_dict()
    assert all(torch.equal(state[name], second[name]) for name in state)
    assert_close(our_logits(again, instances_of(again, data(architecture))), ours)


def test_cloze_qa_exports_the_encoder(original: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
    source = original("scorer", {"weight": random(1, 128), "bias": random(1)}, 3, 2)
    path = import_checkpoint(str(source), str(tmp_path / "imported"))
    assert load_archive(path).config["model"]["type"] == "luke_cloze_qa"
    exported = export_checkpoint(str(path), str(tmp_path / "out"))
    assert exported.architecture == "LukeModel"
    assert "scorer.weight" in exported.notes[0] and "model.tar.gz" in exported.notes[0]
    assert "scorer.safetensors" in exported.notes[0]
    assert set(load_file(tmp_path / "out" / "scorer.safetensors")) == {"scorer.weight", "scorer.bias"}
    assert exported.notes[0] in (tmp_path / "out" / "README.md").read_text()
    model = transformers.LukeModel.from_pretrained(tmp_path / "out")
    expected = load_archive(path).model.embedder.luke.state_dict()
    for name, tensor in model.state_dict().items():
        if name in expected and "entity_embeddings.entity_embeddings" not in name:
            assert torch.equal(tensor, expected[name])
    tokenizer = transformers.LukeTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.convert_tokens_to_ids("[PLACEHOLDER]") == 1999
