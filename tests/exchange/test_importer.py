"""What cannot be imported, what options do, and that nothing is left of an import that failed."""

import json
import logging
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models import load_archive
from safetensors.torch import load_file

from luke_allennlp.checkpoints.names import ENTITY_TABLE, EXTRA_QUERY
from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from tests.archives import Change, change_json, config_with, removed, written
from tests.exchange.comparison import NER, PAIRS, QA, TYPING, change_tensors

TABLE = f"luke.{ENTITY_TABLE}"
BIAS = "encoder.layer.1.output.dense.bias"
W2E = "encoder.layer.1.attention.self.w2e_query.bias"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Any]:
    """The archive that an import makes."""
    target = str(tmp_path / "imported")
    return lambda source, **options: load_archive(import_checkpoint(str(source), target, **options))


@pytest.fixture
def labels(tmp_path: Path) -> Callable[..., str]:
    def write(*names: str) -> str:
        (tmp_path / "labels.txt").write_text("\n".join(names))
        return str(tmp_path / "labels.txt")

    return write


def refused(source: Path, **options: Any) -> str:
    target = source.parent / "imported"
    before = set(source.parent.iterdir())
    with pytest.raises(ConfigurationError) as error:
        import_checkpoint(str(source), str(target), **options)
    assert set(source.parent.iterdir()) == before, "something was left behind"
    assert ".imported." not in str(error.value), "names what is gone"
    return str(error.value)


def weights(change: Any) -> Change:
    return lambda source: change_tensors(source / "model.safetensors", change)


def more_weights(name: str, size: int) -> Change:
    return weights(lambda tensors: tensors.update({name: torch.zeros(size)}))


def entities(change: Callable[[Any], Any]) -> Change:
    def apply(source: Path) -> None:
        path = source / "entity_vocab.json"
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    return apply


def row(title: str, number: Any) -> Change:
    return entities(lambda ids: {**ids, title: number})


def no_entity(title: str) -> Change:
    return entities(lambda ids: {name: number for name, number in ids.items() if name != title})


def evil(source: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (source / "evil",))

    (source / "model.safetensors").unlink()
    torch.save({"classifier.weight": Evil()}, source / "pytorch_model.bin")


def sentencepiece(source: Path) -> None:
    for name in ("vocab.json", "merges.txt"):
        (source / name).unlink()
    (source / "sentencepiece.bpe.model").write_bytes(b"pieces")


TOKENIZER = "tokenizer_config.json"
REFUSED = [
    # Weights.
    (TYPING, evil, "refused"),
    (TYPING, weights(lambda tensors: tensors.pop(f"luke.{BIAS}")), f"missing: {BIAS}"),
    (TYPING, weights(lambda tensors: tensors.pop(f"luke.{W2E}")), f"missing: {W2E}."),
    (TYPING, more_weights("luke.encoder.adapter.weight", 2), "unexpected: encoder.adapter.weight"),
    (TYPING, more_weights("classifier.bias", 4), "classifier.bias has shape (4,), expected (9,)"),
    (TYPING, more_weights("embeddings.LayerNorm.bias", 64), "luke.embeddings.LayerNorm.bias"),
    # Entities.
    (NER, row("[MASK]", 64), "has the row 64"),
    (NER, row("[MASK]", -1), "found the id -1"),
    (QA, row("Dorrick", 64), "has the row 64; expected one of the 64"),
    (NER, no_entity("[MASK]"), "no entity '[MASK]'"),
    # The config: one that lies costs no memory.
    (TYPING, config_with({"architectures": [None]}), "'architectures' = [None]; expected a list of names"),
    (NER, config_with({"num_hidden_layers": 10_000_000}), "'num_hidden_layers' = 10000000"),
    (NER, config_with({"max_position_embeddings": 10**19}), "makes no model"),
    (NER, config_with({"vocab_size": 10**12}), "word_embeddings.weight of shape (2000, 64)"),
    (NER, config_with({"hidden_act": "os.system"}), "makes no encoder: hidden_act 'os.system'"),
    (NER, config_with({"id2label": {str(i): f"LABEL_{i}" for i in range(5)}}), "no label 'NIL'"),
    # The tokenizer.
    (NER, removed("vocab.json"), "has no tokenizer that can be read"),
    (NER, sentencepiece, "saving the fast tokenizer with transformers"),
    (PAIRS, written("added_tokens.json", "{"), "added_tokens.json is not JSON"),
    (PAIRS, written("added_tokens.json", '{"<ent>": 999999, "<ent2>": 5}'), "has the id 999999, and"),
    (PAIRS, written("added_tokens.json", "{}"), "has no entry '<ent>'"),
    (PAIRS, written(TOKENIZER, "[1]"), f"{TOKENIZER} holds a JSON list; expected an object"),
    (PAIRS, written(TOKENIZER, '{"entity_token_1": null}'), f"{TOKENIZER} has 'entity_token_1' = None"),
]


@pytest.mark.parametrize("architecture, change, expected", REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(architecture: str, change: Change, expected: str, copy: Any) -> None:
    source = copy(architecture)
    change(source)
    assert expected in refused(source)
    assert not (source / "evil").exists()


def test_pretrained_models_are_refused(fixtures_dir: Path, tmp_path: Path) -> None:
    for name, expected in (
        ("tiny-luke", "no fine-tuned model of a known task"),
        ("tiny-roberta", "is a roberta, without entities"),
    ):
        with pytest.raises(ConfigurationError, match=expected):
            import_checkpoint(str(fixtures_dir / name), str(tmp_path / "imported"))


def test_labels_of_a_file(copy: Any, load: Any, labels: Any) -> None:
    source = copy(NER)
    for names in ("NIL A B C", "NIL A B C A"):
        message = refused(source, labels=labels(*names.split()))
        assert "labels.txt" in message and "4 different labels" in message and "5 rows" in message
    assert "has no labels; omit --labels" in refused(source, labels=labels("A"), task="reading_comprehension")
    archive = load(source, labels=labels(*"NIL A B C D".split()))
    assert list(archive.model.vocab.get_token_to_index_vocabulary("labels")) == ["NIL", "A", "B", "C", "D"]


def test_tasks(copy: Any, load: Any) -> None:
    source = copy(TYPING)
    assert "no task 'nre'; expected one of entity_typing" in refused(source, task="nre")
    message = refused(source, task="reading_comprehension")
    assert "do not fit a model of luke_reading_comprehension" in message
    assert "missing: qa_outputs.weight, qa_outputs.bias" in message
    # Another class with a head as wide.
    change_json(source / "config.json", {"architectures": ["LukeForSequenceClassification"]})
    message = refused(source)
    assert "LukeForSequenceClassification" in message and "--task" in message
    load(source, task="entity_typing")


@pytest.mark.parametrize("bias", [None, [1.0, 2.0, 3.0]])
def test_task_detected_by_the_head(bias: Any, copy: Any, load: Any) -> None:
    source = copy(PAIRS)
    change_json(source / "config.json", {"architectures": ["SomebodysModel"]})
    if bias is not None:
        weights(lambda tensors: tensors.update({"classifier.bias": torch.tensor(bias)}))(source)
    archive = load(source)
    assert archive.config["model"]["type"] == "luke_relation_classification"
    found = archive.model.classifier.bias
    assert (None if found is None else found.tolist()) == bias


def test_markers_that_the_checkpoint_names(copy: Any, load: Any) -> None:
    source = copy(TYPING)
    change_json(source / TOKENIZER, {"entity_token_1": {"content": "<ent2>", "lstrip": False}})
    assert load(source).config["dataset_reader"]["marker"] == "<ent2>"


def test_lite_keeps_nothing_for_an_export(imported: Any, published: Any, load: Any, tmp_path: Path) -> None:
    first = load_archive(imported(TYPING)).model.state_dict()
    second = load(published(TYPING), lite=True).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not (tmp_path / "imported" / "checkpoint" / "source").exists()
    export_checkpoint(str(tmp_path / "imported"), str(tmp_path / "out"))
    assert len(json.loads((tmp_path / "out" / "entity_vocab.json").read_text())) == 4


def test_nothing_is_overwritten_unasked(copy: Any, load: Any, tmp_path: Path) -> None:
    source, target = copy(TYPING), tmp_path / "imported"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    assert "is there already" in refused(source)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
    load(source, force=True)
    assert (target / "model.tar.gz").is_file() and not (target / "mine.txt").exists()
    for place in (source, source.parent):
        with pytest.raises(ConfigurationError, match="made from; give another directory"):
            import_checkpoint(str(source), str(place), force=True)
    assert (source / "model.safetensors").is_file()


def test_as_many_rows_as_the_task_keeps_in_another_order(copy: Any, load: Any) -> None:
    source, titles = copy(PAIRS), ["[MASK2]", "[MASK]", "[PAD]"]
    entities(lambda ids: {title: index for index, title in enumerate(titles)})(source)
    weights(lambda tensors: tensors.update({TABLE: tensors[TABLE][: len(titles)].clone()}))(source)
    change_json(source / "config.json", {"entity_vocab_size": len(titles)})
    model = load(source).model
    rows = [titles.index(title) for title in model.embedder.entities]
    assert rows != sorted(rows)
    stored = load_file(source / "model.safetensors")[TABLE]
    assert torch.equal(model.state_dict()[f"embedder.{TABLE}"], stored[rows])


def test_queries_that_are_copied_are_said(copy: Any, load: Any, caplog: pytest.LogCaptureFixture) -> None:
    source = copy(NER)
    change = weights(lambda tensors: [tensors.pop(name) for name in [*tensors] if EXTRA_QUERY.search(name)])
    change(source)
    with caplog.at_level(logging.INFO):
        state = load(source).model.state_dict()
    assert f"{source}/model.safetensors has no w2e, e2w and e2e queries" in caplog.text
    query = "embedder.luke.encoder.layer.1.attention.self.{}query.weight"
    assert torch.equal(state[query.format("")], state[query.format("e2w_")])


class TestOriginal:
    @pytest.mark.parametrize("rows", [0, 2])
    def test_a_whole_entity_table_is_kept(
        self, rows: int, original: Any, load: Any, labels: Any, tmp_path: Path
    ) -> None:
        source = original("classifier", {"weight": torch.ones(2, 192), "bias": torch.ones(2)}, 0, rows)
        load(source, labels=labels("NIL", "PER"))
        place = tmp_path / "imported" / "checkpoint" / "source"
        kept = load_file(place / "left_out.safetensors")
        assert (ENTITY_TABLE in kept) == (place / "entity_vocab.json").is_file() == (rows == 0)
        if rows == 0:
            assert kept[ENTITY_TABLE].shape == (64, 32)
            assert json.loads((place / "entity_vocab.json").read_text())["[MASK]"] == 2

    def test_a_table_for_another_task(self, original: Any, load: Any, labels: Any) -> None:
        source = original("typing", {"weight": torch.ones(2, 64), "bias": torch.ones(2)}, 1, 3)
        with pytest.raises(ConfigurationError, match="with 3 rows; expected the 64 .* 2"):
            load(source, labels=labels("entity", "place"))
