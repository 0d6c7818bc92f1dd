"""In and out again: the same logits at every step, the same bits in every tensor."""

import json
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch
import transformers
from allennlp.data import Batch, DataLoader, Instance
from allennlp.common import Params
from allennlp.models import Archive, load_archive
from allennlp.nn.util import move_to_device
from allennlp.training.util import evaluate
from safetensors.torch import load_file

import luke_allennlp  # noqa: F401
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.exchange import export_checkpoint, import_checkpoint

DATA = {
    "LukeForEntityClassification": "data/open_entity/dev.json",
    "LukeForEntityPairClassification": "relations.jsonl",
    "LukeForEntitySpanClassification": "ner/schemes/iob2.conll",
    "LukeForQuestionAnswering": "data/squad/dev-v1.1.json",
}
RELATIONS = [
    {"text": "Edda Rask leads AVR.", "head": [0, 9], "tail": [16, 19], "label": "org:founded"},
    {"text": "Marlow, says Petra Kostrel, is rainy.", "head": [13, 26], "tail": [0, 6], "label": "no_relation"},
]
ARCHITECTURES = sorted(DATA)


@pytest.fixture
def data(fixtures_dir: Path, tmp_path: Path) -> Callable[[str], Path]:
    (tmp_path / "relations.jsonl").write_text("\n".join(map(json.dumps, RELATIONS)))

    def find(architecture: str) -> Path:
        name = DATA[architecture]
        return tmp_path / name if name == "relations.jsonl" else fixtures_dir / name

    return find


def instances_of(archive: Archive, path: Path, number: int = 4) -> List[Instance]:
    instances = list(archive.validation_dataset_reader.read(str(path)))[:number]
    for instance in instances:
        instance.index_fields(archive.model.vocab)
    return instances


def our_logits(archive: Archive, instances: List[Instance]) -> List[torch.Tensor]:
    archive.model.eval()
    batch: Any = move_to_device(Batch(instances).as_tensor_dict(), -1)
    with torch.no_grad():
        output = archive.model(**batch)
    if "logits" in output:
        return [output["logits"]]
    return [output["start_logits"], output["end_logits"]]


def their_logits(directory: Path, architecture: str, instances: List[Instance], ids: List[int]) -> List[torch.Tensor]:
    """Of Hugging Face's class, on the same words; entity ids are those of its own vocabulary, in `ids`."""
    model = getattr(transformers, architecture).from_pretrained(directory).eval()
    batch: Any = Batch(instances).as_tensor_dict()
    tokens, entities = batch["words"]["tokens"], batch["entities"]
    spans, mask = entities["entity_spans"], entities["entity_mask"]
    positions = torch.full((*mask.shape, 40), -1)
    for place in mask.nonzero().tolist():
        first, last = spans[tuple(place)].tolist()
        positions[(*place, slice(0, last - first + 1))] = torch.arange(first, last + 1)
    inputs: Dict[str, Any] = {
        "input_ids": tokens["token_ids"],
        "attention_mask": tokens["mask"].long(),
        "entity_ids": torch.tensor(ids)[entities["entity_ids"]],
        "entity_attention_mask": mask.long(),
        "entity_position_ids": positions,
    }
    if architecture == "LukeForEntitySpanClassification":
        inputs["entity_start_positions"] = spans[..., 0].clamp(min=0)
        inputs["entity_end_positions"] = spans[..., 1].clamp(min=0)
    if architecture == "LukeForQuestionAnswering" and not mask.size(1):
        inputs = {name: value for name, value in inputs.items() if not name.startswith("entity")}
    with torch.no_grad():
        output = model(**inputs)
    if architecture == "LukeForQuestionAnswering":
        return [output.start_logits, output.end_logits]
    return [output.logits]


def entity_ids(archive: Archive, directory: Path) -> List[int]:
    """Our ids of entities -> the vocabulary's."""
    vocabulary = EntityVocabulary.from_checkpoint(str(directory))
    titles = archive.model.embedder.entities
    return list(range(len(vocabulary))) if titles is None else list(vocabulary.rows(titles))


def assert_close(found: List[torch.Tensor], expected: List[torch.Tensor]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("aware", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hugging_face_in_and_out(
    architecture: str, aware: bool, published: Any, data: Callable[[str], Path], tmp_path: Path
) -> None:
    source = published(architecture, aware)
    path = import_checkpoint(str(source), str(tmp_path / "imported"))
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
    assert json.loads((source / "entity_vocab.json").read_text()) == json.loads((out / "entity_vocab.json").read_text())

    again = import_checkpoint(str(out), str(tmp_path / "again"))
    reloaded = load_archive(again)
    assert_close(our_logits(reloaded, instances_of(reloaded, data(architecture))), ours)
    first, second = archive.model.state_dict(), reloaded.model.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert archive.model.vocab.get_index_to_token_vocabulary("labels") == (
        reloaded.model.vocab.get_index_to_token_vocabulary("labels")
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_evaluates(architecture: str, published: Any, data: Callable[[str], Path], tmp_path: Path) -> None:
    archive = load_archive(import_checkpoint(str(published(architecture, True)), str(tmp_path / "imported")))
    loader = DataLoader.from_params(
        archive.config["data_loader"], reader=archive.validation_dataset_reader, data_path=str(data(architecture))
    )
    loader.index_with(archive.model.vocab)
    metrics = evaluate(archive.model, loader)
    assert metrics["loss"] > 0 and 0 <= metrics["f1"] <= 100


@pytest.mark.parametrize("architecture", ["LukeForEntityClassification", "LukeForQuestionAnswering"])
def test_lite(architecture: str, published: Any, data: Callable[[str], Path], tmp_path: Path) -> None:
    path = import_checkpoint(str(published(architecture, True)), str(tmp_path / "imported"))
    archive = load_archive(path)
    out = tmp_path / "lite"
    export_checkpoint(str(path), str(out), lite=True)
    vocabulary = json.loads((out / "entity_vocab.json").read_text())
    assert vocabulary == {"[PAD]": 0, "[UNK]": 1, "[MASK]": 2, "[MASK2]": 3}
    table = load_file(out / "model.safetensors")["luke.entity_embeddings.entity_embeddings.weight"]
    source = load_file(published(architecture, True) / "model.safetensors")[
        "luke.entity_embeddings.entity_embeddings.weight"
    ]
    assert torch.equal(table[0], source[0]) and torch.equal(table[2], source[2])
    if architecture == "LukeForEntityClassification":
        instances = instances_of(archive, data(architecture))
        assert_close(our_logits(archive, instances), their_logits(out, architecture, instances, [0, 2]))


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7))


HEADS = {
    # head, weights, markers, rows of the entity table, class
    "typing": ("typing", {"weight": random(9, 64), "bias": random(9)}, 1, 2, "LukeForEntityClassification"),
    "pairs": ("classifier", {"weight": random(3, 128)}, 2, 3, "LukeForEntityPairClassification"),
    "ner": ("classifier", {"weight": random(5, 192), "bias": random(5)}, 0, 2, "LukeForEntitySpanClassification"),
    "squad": ("qa_outputs", {"weight": random(2, 64), "bias": random(2)}, 0, 0, "LukeForQuestionAnswering"),
}
NAMES = {
    "LukeForEntityClassification": ["entity", "event", "group", "location", "object", "organization", "person", "place", "time"],
    "LukeForEntityPairClassification": ["no_relation", "org:founded", "per:title"],
    "LukeForEntitySpanClassification": ["NIL", "MISC", "PER", "ORG", "LOC"],
}


@pytest.mark.parametrize("aware", [True, False])
@pytest.mark.parametrize("task", sorted(HEADS))
def test_the_original_in_and_out(
    task: str, aware: bool, original: Any, data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
    head, weights, markers, rows, architecture = HEADS[task]
    source = original(head, weights, markers, rows, aware)
    labels = None
    if architecture in NAMES:
        (tmp_path / "labels.txt").write_text("\n".join(NAMES[architecture]))
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
    assert exported.notes[0] in (tmp_path / "out" / "README.md").read_text()
    model = transformers.LukeModel.from_pretrained(tmp_path / "out")
    expected = load_archive(path).model.embedder.luke.state_dict()
    for name, tensor in model.state_dict().items():
        if name in expected and "entity_embeddings.entity_embeddings" not in name:
            assert torch.equal(tensor, expected[name])
    tokenizer = transformers.LukeTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.convert_tokens_to_ids("[PLACEHOLDER]") == 2001
