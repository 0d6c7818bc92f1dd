"""What cannot be imported, what options do, and that nothing is left of an import that failed."""

import json
import logging
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable, Iterable, List

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models import load_archive
from safetensors.torch import load_file, save_file

from luke_allennlp.checkpoints.names import ENTITY_TABLE
from luke_allennlp.exchange import export_checkpoint, import_checkpoint

TYPING, PAIRS, SPANS = (f"LukeForEntity{kind}Classification" for kind in ("", "Pair", "Span"))
QUESTIONS = "LukeForQuestionAnswering"


@pytest.fixture
def copy(published: Any, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a published model, to be damaged."""

    def make(architecture: str) -> Path:
        shutil.copytree(published(architecture), tmp_path / "source")
        return tmp_path / "source"

    return make


def change_config(source: Path, **values: Any) -> None:
    config = json.loads((source / "config.json").read_text())
    config.update(values)
    (source / "config.json").write_text(json.dumps(config))


def change_weights(source: Path, change: Callable[[Any], None]) -> None:
    weights = load_file(source / "model.safetensors")
    change(weights)
    save_file(weights, source / "model.safetensors", {"format": "pt"})


def refused(source: Path, **options: Any) -> str:
    target = source.parent / "imported"
    before = set(source.parent.iterdir())
    with pytest.raises(ConfigurationError) as error:
        import_checkpoint(str(source), str(target), **options)
    assert set(source.parent.iterdir()) == before, "something was left behind"
    assert ".imported." not in str(error.value), "names what is gone"
    return str(error.value)


def test_labels_of_a_file(copy: Any, tmp_path: Path) -> None:
    source = copy(SPANS)
    change_config(source, id2label={str(i): f"LABEL_{i}" for i in range(5)})
    assert "no label 'NIL'" in refused(source)
    labels = tmp_path / "labels.txt"
    labels.write_text("NIL\nA\nB\nC\n")
    message = refused(source, labels=str(labels))
    assert str(labels) in message and "4 different labels" in message and "5 rows" in message
    labels.write_text("NIL\nA\nB\nC\nA\n")
    assert "4 different labels" in refused(source, labels=str(labels))
    labels.write_text("NIL\nA\nB\nC\nD\n")
    archive = load_archive(import_checkpoint(str(source), str(tmp_path / "imported"), labels=str(labels)))
    assert list(archive.model.vocab.get_token_to_index_vocabulary("labels")) == ["NIL", "A", "B", "C", "D"]


BIAS = "encoder.layer.1.output.dense.bias"
W2E = "encoder.layer.1.attention.self.w2e_query.bias"


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda weights: weights.pop(f"luke.{BIAS}"), f"missing: {BIAS}"),
        (lambda weights: weights.pop(f"luke.{W2E}"), f"missing: {W2E}."),
        (
            lambda weights: weights.update({"luke.encoder.adapter.weight": torch.zeros(2)}),
            "unexpected: encoder.adapter.weight",
        ),
        (
            lambda weights: weights.update({"classifier.bias": torch.zeros(4)}),
            "classifier.bias has shape (4,), expected (9,)",
        ),
        (
            lambda weights: weights.update({"embeddings.LayerNorm.bias": torch.zeros(64)}),
            "luke.embeddings.LayerNorm.bias",  # two names of one parameter
        ),
    ],
    ids=range(5),
)
def test_weights_that_do_not_fit(change: Any, expected: str, copy: Any) -> None:
    source = copy(TYPING)
    change_weights(source, change)
    assert expected in refused(source)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("tiny-luke", "no fine-tuned model of a known task"),
        ("tiny-roberta", "is a roberta, without entities"),
    ],
)
def test_pretrained_models_are_refused(name: str, expected: str, fixtures_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(fixtures_dir / name, tmp_path / "source")
    assert expected in refused(tmp_path / "source")


def test_wrong_tasks(copy: Any) -> None:
    source = copy(TYPING)
    assert "no task 'nre'; expected one of entity_typing" in refused(source, task="nre")
    message = refused(source, task="reading_comprehension")
    assert "do not fit a model of luke_reading_comprehension" in message
    assert "missing: qa_outputs.weight, qa_outputs.bias" in message


@pytest.mark.parametrize("bias", [None, [1.0, 2.0, 3.0]])
def test_task_detected_by_the_head(bias: Any, copy: Any, tmp_path: Path) -> None:
    source = copy(PAIRS)
    change_config(source, architectures=["SomebodysModel"])
    if bias is not None:
        change_weights(source, lambda weights: weights.update({"classifier.bias": torch.tensor(bias)}))
    archive = load_archive(import_checkpoint(str(source), str(tmp_path / "imported")))
    assert archive.config["model"]["type"] == "luke_relation_classification"
    found = archive.model.classifier.bias
    assert (None if found is None else found.tolist()) == bias


def test_markers_that_the_checkpoint_names(copy: Any, tmp_path: Path) -> None:
    source = copy(TYPING)
    config = json.loads((source / "tokenizer_config.json").read_text())
    config["entity_token_1"] = {"content": "<ent2>", "lstrip": False}
    (source / "tokenizer_config.json").write_text(json.dumps(config))
    archive = load_archive(import_checkpoint(str(source), str(tmp_path / "imported")))
    assert archive.config["dataset_reader"]["marker"] == "<ent2>"


def test_lite_keeps_nothing_for_an_export(imported: Any, published: Any, tmp_path: Path) -> None:
    lite = import_checkpoint(str(published(TYPING)), str(tmp_path / "lite"), lite=True)
    first, second = load_archive(imported(TYPING)).model.state_dict(), load_archive(lite).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not (tmp_path / "lite" / "checkpoint" / "source").exists()
    export_checkpoint(str(lite), str(tmp_path / "out"))
    assert len(json.loads((tmp_path / "out" / "entity_vocab.json").read_text())) == 4


def test_nothing_is_overwritten_unasked(published: Any, tmp_path: Path) -> None:
    target = tmp_path / "imported"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        import_checkpoint(str(published(TYPING)), str(target))
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
    import_checkpoint(str(published(TYPING)), str(target), force=True)
    assert (target / "model.tar.gz").is_file() and not (target / "mine.txt").exists()


def test_the_source_is_not_replaced(copy: Any) -> None:
    source = copy(TYPING)
    for target in (source, source.parent):
        with pytest.raises(ConfigurationError, match="made from; give another directory"):
            import_checkpoint(str(source), str(target), force=True)
    assert (source / "model.safetensors").is_file()


def test_pickles_run_nothing(copy: Any, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "evil",))

    source = copy(TYPING)
    (source / "model.safetensors").unlink()
    torch.save({"classifier.weight": Evil()}, source / "pytorch_model.bin")
    assert "refused" in refused(source)
    assert not (tmp_path / "evil").exists()


# --- the entity table

TABLE = f"luke.{ENTITY_TABLE}"


def change_entities(source: Path, change: Callable[[Any], Any]) -> None:
    ids = json.loads((source / "entity_vocab.json").read_text())
    (source / "entity_vocab.json").write_text(json.dumps(change(ids)))


@pytest.mark.parametrize(
    "architecture, titles",
    [(SPANS, ["[MASK]", "[PAD]"]), (PAIRS, ["[MASK2]", "[MASK]", "[PAD]"])],
)
def test_as_many_rows_as_the_task_keeps_in_another_order(
    architecture: str, titles: List[str], copy: Any, tmp_path: Path
) -> None:
    source = copy(architecture)
    change_entities(source, lambda ids: {title: index for index, title in enumerate(titles)})
    change_weights(source, lambda weights: weights.update({TABLE: weights[TABLE][: len(titles)].clone()}))
    change_config(source, entity_vocab_size=len(titles))
    model = load_archive(import_checkpoint(str(source), str(tmp_path / "imported"))).model
    rows = [titles.index(title) for title in model.embedder.entities]
    assert rows != sorted(rows)
    stored = load_file(source / "model.safetensors")[TABLE]
    assert torch.equal(model.state_dict()[f"embedder.{TABLE}"], stored[rows])


@pytest.mark.parametrize("architecture", [SPANS, QUESTIONS])
@pytest.mark.parametrize("row", [64, -1, True])
def test_entities_that_the_table_does_not_have(architecture: str, row: Any, copy: Any) -> None:
    source = copy(architecture)
    change_entities(source, lambda ids: {**ids, "[MASK]": row})
    message = refused(source)
    assert "entity_vocab.json" in message or f"'[MASK]' of {str(source)!r} has the row {row}" in message


@pytest.mark.parametrize("row", [64, -4])
def test_any_entity_that_the_table_does_not_have_if_all_are_used(row: int, copy: Any) -> None:
    source = copy(QUESTIONS)
    change_entities(source, lambda ids: {**ids, "Dorrick": row})
    message = refused(source)
    assert f"has the row {row}; expected one of the 64" in message or f"found the id {row}," in message


@pytest.mark.parametrize("architecture, title", [(SPANS, "[MASK]"), (QUESTIONS, "[PAD]")])
def test_entities_that_a_task_needs(architecture: str, title: str, copy: Any) -> None:
    source = copy(architecture)
    change_entities(source, lambda ids: {name: row for name, row in ids.items() if name != title})
    assert f"no entity {title!r}" in refused(source)


# --- of which task


def test_another_class_with_a_head_as_wide(copy: Any, tmp_path: Path) -> None:
    source = copy(TYPING)
    change_config(source, architectures=["LukeForSequenceClassification"])
    message = refused(source)
    assert "LukeForSequenceClassification" in message and "--task" in message
    import_checkpoint(str(source), str(tmp_path / "imported"), task="entity_typing")


@pytest.mark.parametrize("architectures", ["LukeForMaskedLM", [None], {}])
def test_architectures_that_are_no_names(architectures: Any, copy: Any) -> None:
    source = copy(TYPING)
    change_config(source, architectures=architectures)
    assert f"'architectures' = {architectures!r}; expected a list of names" in refused(source)


def test_labels_for_a_task_without_labels(copy: Any, tmp_path: Path) -> None:
    labels = written(tmp_path / "labels.txt", "start", "end")
    assert "has no labels; omit --labels" in refused(copy(QUESTIONS), labels=labels)


# --- the tokenizer


def test_tokenizers_without_their_files(copy: Any) -> None:
    source = copy(SPANS)
    (source / "vocab.json").unlink()
    assert "has no tokenizer that can be read" in refused(source)
    (source / "merges.txt").unlink()
    (source / "sentencepiece.bpe.model").write_bytes(b"pieces")
    assert "saving the fast tokenizer with transformers" in refused(source)


@pytest.mark.parametrize(
    "content, expected",
    [
        ("{", "is not JSON"),
        ('{"<ent>": -3}', "is damaged"),
        ('{"<ent>": 999999, "<ent2>": 5}', "has the id 999999, and"),
        ("{}", "has no entry '<ent>'"),
    ],
)
def test_added_tokens_that_are_damaged(content: str, expected: str, copy: Any) -> None:
    source = copy(PAIRS)
    (source / "added_tokens.json").write_text(content)
    message = refused(source)
    assert expected in message and ("added_tokens.json" in message or "'<ent>'" in message)


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"[1]", "expected an object"),
        ("{'ä'}".encode("latin-1"), "is not JSON"),
        (b'{"entity_token_1": null}', "'entity_token_1' = None"),
        (b'{"entity_token_2": {"lstrip": false}}', "'entity_token_2' = {'lstrip': False}"),
    ],
)
def test_tokenizer_configs_that_are_damaged(content: bytes, expected: str, copy: Any) -> None:
    source = copy(PAIRS)
    (source / "tokenizer_config.json").write_bytes(content)
    message = refused(source)
    assert expected in message and "tokenizer_config.json" in message


# --- the weights


def test_queries_that_are_copied_are_said(
    copy: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = copy(SPANS)
    change_weights(source, lambda weights: [weights.pop(name) for name in extra_queries(weights)])
    with caplog.at_level(logging.INFO):
        model = load_archive(import_checkpoint(str(source), str(tmp_path / "imported"))).model
    assert f"{source}/model.safetensors has no w2e, e2w and e2e queries" in caplog.text
    query = "embedder.luke.encoder.layer.1.attention.self.{}query.weight"
    state = model.state_dict()
    assert torch.equal(state[query.format("")], state[query.format("e2w_")])


def extra_queries(weights: Iterable[str]) -> List[str]:
    return [name for name in weights if "2e_query" in name or "e2w_query" in name]


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"num_hidden_layers": 10_000_000}, "'num_hidden_layers' = 10000000"),
        ({"max_position_embeddings": 10**12}, "position_embeddings.weight has shape (514, 64), expected"),
        ({"max_position_embeddings": 10**19}, "makes no model"),
        ({"vocab_size": 10**12}, "word_embeddings.weight of shape (2000, 64)"),
        ({"entity_vocab_size": 10**12}, "entity_embeddings.weight of shape (64, 32)"),
        ({"hidden_act": "os.system"}, "makes no encoder: hidden_act 'os.system'"),
    ],
)
def test_configs_that_lie_cost_nothing(values: Any, expected: str, copy: Any) -> None:
    source = copy(SPANS)
    change_config(source, **values)
    assert expected in refused(source)


# --- the original's


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path_factory.mktemp("cache")))


def unpacked(tarball: Path, directory: Path) -> Path:
    with tarfile.open(tarball) as tar:
        tar.extractall(directory)
    return directory


def written(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines))
    return str(path)


@pytest.mark.parametrize("rows", [0, 2])
def test_a_whole_entity_table_of_the_original_is_kept(rows: int, original: Any, tmp_path: Path) -> None:
    source = original("classifier", {"weight": torch.ones(2, 192), "bias": torch.ones(2)}, 0, rows)
    labels = written(tmp_path / "labels.txt", "NIL", "PER")
    import_checkpoint(str(source), str(tmp_path / "imported"), labels=labels)
    kept = load_file(tmp_path / "imported" / "checkpoint" / "source" / "left_out.safetensors")
    vocabulary = tmp_path / "imported" / "checkpoint" / "source" / "entity_vocab.json"
    assert (ENTITY_TABLE in kept) == vocabulary.is_file() == (rows == 0)
    if rows == 0:
        assert kept[ENTITY_TABLE].shape == (64, 32)
        assert json.loads(vocabulary.read_text())["[MASK]"] == 2


def test_a_table_of_the_original_for_another_task(original: Any, tmp_path: Path) -> None:
    source = original("typing", {"weight": torch.ones(2, 64), "bias": torch.ones(2)}, 1, 3)
    labels = written(tmp_path / "labels.txt", "entity", "place")
    with pytest.raises(ConfigurationError, match="with 3 rows; expected the 64 .* 2"):
        import_checkpoint(str(source), str(tmp_path / "imported"), labels=labels)


def test_the_original_needs_no_word_that_a_marker_started_as(original: Any, tmp_path: Path) -> None:
    source = unpacked(
        original("typing", {"weight": torch.ones(2, 64), "bias": torch.ones(2)}, 1, 2), tmp_path / "source"
    )
    words = json.loads((source / "vocab.json").read_text())
    words["no at sign"] = words.pop("@")
    (source / "vocab.json").write_text(json.dumps(words))
    labels = written(tmp_path / "labels.txt", "entity", "place")
    path = import_checkpoint(str(source), str(tmp_path / "imported"), labels=labels)
    archive = load_archive(path)
    stored = torch.load(source / "pytorch_model.bin", weights_only=True)["embeddings.word_embeddings.weight"]
    assert torch.equal(archive.model.embedder.luke.embeddings.word_embeddings.weight, stored)
