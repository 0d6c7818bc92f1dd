"""Archives that are unusual, damaged or hostile, and directories that cannot be written."""

import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional

import pytest
import torch
import transformers
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models import load_archive
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file

import luke_allennlp  # noqa: F401
from luke_allennlp.common.files import new_directory
from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from luke_allennlp.exchange.model_card import model_card
from luke_allennlp.exchange.tokenizers import describe_tokenizer

NER = "LukeForEntitySpanClassification"
PAIRS = "LukeForEntityPairClassification"
QA = "LukeForQuestionAnswering"
TABLE = "entity_embeddings.entity_embeddings.weight"
LEFT_OUT = "checkpoint/source/left_out.safetensors"
SOURCE_VOCABULARY = "checkpoint/source/entity_vocab.json"

Change = Callable[[Path], Any]


@pytest.fixture
def changed(imported: Any, tmp_path: Path) -> Callable[..., Path]:
    """An imported archive with something done to its files."""

    def make(change: Optional[Change] = None, architecture: str = NER) -> Path:
        place = tmp_path / "unpacked"
        shutil.rmtree(place, ignore_errors=True)
        with tarfile.open(imported(architecture)) as archive:
            archive.extractall(place)
        if change is not None:
            change(place)
        directory = tmp_path / "run"
        directory.mkdir(exist_ok=True)
        with tarfile.open(directory / "model.tar.gz", "w:gz", compresslevel=1) as archive:
            for path in sorted(place.iterdir()):
                archive.add(path, arcname=path.name)
        shutil.rmtree(place)
        return directory / "model.tar.gz"

    return make


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither where archives are unpacked nor beside what is written."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    yield
    assert [path.name for path in scratch.iterdir() if path.name.startswith("tmp")] == []  # of mkdtemp
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def config_with(change: Callable[[Dict[str, Any]], Any]) -> Change:
    def apply(place: Path) -> None:
        config = json.loads((place / "config.json").read_text())
        change(config)
        (place / "config.json").write_text(json.dumps(config))

    return apply


def left_out_with(change: Callable[[Dict[str, torch.Tensor]], Any]) -> Change:
    def apply(place: Path) -> None:
        tensors = load_file(place / LEFT_OUT)
        change(tensors)
        save_file(tensors, place / LEFT_OUT, {"format": "pt"})

    return apply


def weights_with(place: Path, change: Callable[[Dict[str, torch.Tensor]], Any]) -> None:
    state = torch.load(place / "weights.th", weights_only=True)
    change(state)
    torch.save(state, place / "weights.th")


def written(name: str, content: str) -> Change:
    return lambda place: (place / name).write_text(content)


def truncated(name: str) -> Change:
    return lambda place: (place / name).write_bytes((place / name).read_bytes()[:500])


def table(value: torch.Tensor) -> Change:
    return left_out_with(lambda tensors: tensors.update({TABLE: value}))


# Beside this, tests/test_untrusted_archives.py has what no archive may do.
def test_no_code_is_run(changed: Any, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    hostile = {"type": "subprocess.Popen", "args": ["touch", str(trap)]}
    path = changed(config_with(lambda config: config["model"].update(embedder=hostile)))
    with pytest.raises(ConfigurationError) as error:
        export_checkpoint(str(path), str(tmp_path / "out"))
    for part in (str(path), "model.embedder.type", "run code"):
        assert part in str(error.value)
    assert not trap.exists() and not (tmp_path / "out").exists()


DAMAGED = {
    "no type": (
        config_with(lambda config: config["model"]["embedder"].update(type=["luke"])),
        "model.embedder.type is",
    ),
    "table missing": (left_out_with(lambda tensors: tensors.pop(TABLE)), "left_out"),
    "table small": (table(torch.zeros(1, 32)), "entities"),
    "table of integers": (table(torch.zeros(64, 32, dtype=torch.int8)), "left_out"),
    "left-out tensors missing": (lambda place: (place / LEFT_OUT).unlink(), "left_out"),
    "ids too high": (written(SOURCE_VOCABULARY, '{"[PAD]": 0, "[MASK]": 99999999}'), "entities"),
    "no [MASK]": (written(SOURCE_VOCABULARY, '{"[PAD]": 0, "[UNK]": 1}'), r"\[MASK\]"),
    "no [PAD]": (written(SOURCE_VOCABULARY, '{"[MASK]": 0, "[UNK]": 1}'), r"\[PAD\]"),
    "source config no JSON": (written("checkpoint/source/config.json", "{"), "config.json is not JSON"),
    "config no JSON": (written("config.json", "{"), "config.json is not JSON"),
    "config Jsonnet": (
        written("config.json", '{"model": {"type": "luke_ner"}, "x": importstr "/etc/passwd"}'),
        "not JSON",
    ),
    "config missing": (lambda place: (place / "config.json").unlink(), "no config.json"),
    "no model": (config_with(lambda config: config.pop("model")), "model in config.json"),
    "another model": (config_with(lambda config: config["model"].update(type="bidaf")), "cannot be exported"),
    "weights missing": (lambda place: (place / "weights.th").unlink(), "expected weights.th"),
    "weights truncated": (truncated("weights.th"), "its model"),
    "vocabulary missing": (lambda place: shutil.rmtree(place / "vocabulary"), "its model"),
    "tokenizer's config a list": (written("checkpoint/tokenizer_config.json", "[]"), "tokenizer_config"),
}


@pytest.mark.parametrize("kind", sorted(DAMAGED))
def test_damaged_archives(kind: str, changed: Any, tmp_path: Path) -> None:
    change, message = DAMAGED[kind]
    path = changed(change)
    with pytest.raises(ConfigurationError, match=message) as error:
        export_checkpoint(str(path), str(tmp_path / "out"))
    assert str(path) in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["half", "empty", "no tar", "metrics"])
def test_damaged_files(kind: str, changed: Any, tmp_path: Path) -> None:
    path = changed()
    content = path.read_bytes()
    if kind == "metrics":
        (path.parent / "metrics.json").write_text("[1]")
    elif kind == "empty":
        tarfile.open(path, "w:gz").close()
    else:
        path.write_bytes(content[: len(content) // 2] if kind == "half" else b"none")
    with pytest.raises(ConfigurationError) as error:
        export_checkpoint(str(path), str(tmp_path / "out"))
    assert str(path) in str(error.value)
    assert not (tmp_path / "out").exists()


def with_head(columns: int, **options: Any) -> Change:
    def apply(place: Path) -> None:
        config_with(lambda config: config["model"].update(options))(place)
        weights_with(
            place,
            lambda state: state.update(
                {"classifier.weight": torch.zeros(len(state["classifier.weight"]), columns)}
            ),
        )

    return apply


@pytest.mark.parametrize(
    "architecture, change, option",
    [
        (NER, with_head(64, use_word_states=False), "use_word_states"),
        (PAIRS, with_head(256, use_word_states=True), "use_word_states"),
        (PAIRS, with_head(128, use_word_states=True, use_entity_state=False), "use_entity_state"),
    ],
)
def test_other_heads_are_refused(
    architecture: str, change: Change, option: str, changed: Any, tmp_path: Path
) -> None:
    path = changed(change, architecture)
    with pytest.raises(ConfigurationError, match=option):
        export_checkpoint(str(path), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_the_archive_is_not_replaced(changed: Any, tmp_path: Path) -> None:
    path = changed()
    (tmp_path / "link").symlink_to(path.parent)
    before = path.read_bytes()
    for archive in (path, path.parent):
        for target in (path, path.parent, tmp_path, tmp_path / "link"):
            with pytest.raises(ConfigurationError, match="is made from"):
                export_checkpoint(str(archive), str(target), force=True)
    assert path.read_bytes() == before and (tmp_path / "link").is_symlink()


def test_the_starting_checkpoint_is_not_replaced(changed: Any, published: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(published(NER), source)
    path = changed(config_with(lambda config: config["model"]["embedder"].update(model_name=str(source))))
    with pytest.raises(ConfigurationError, match="is made from"):
        export_checkpoint(str(path), str(source), force=True)
    assert (source / "vocab.json").is_file()


def without_mask2(architecture: str, published: Any, tmp_path: Path) -> Path:
    """A checkpoint of before relation classification, whose masked entities are one."""
    source = tmp_path / "source"
    shutil.copytree(published(architecture), source)
    ids = json.loads((source / "entity_vocab.json").read_text())
    last = max(ids, key=lambda title: ids[title])
    ids[last] = ids.pop("[MASK2]")
    (source / "entity_vocab.json").write_text(json.dumps(ids))
    tensors = load_file(source / "model.safetensors")
    size = len(ids)
    tensors[f"luke.{TABLE}"] = tensors[f"luke.{TABLE}"][:size].clone()
    tensors["entity_predictions.bias"] = torch.arange(float(size))
    tensors["entity_predictions.transform.dense.weight"] = torch.ones(32, 64)
    tensors["entity_predictions.transform.dense.bias"] = torch.ones(32)
    tensors["entity_predictions.transform.LayerNorm.weight"] = torch.ones(32)
    tensors["entity_predictions.transform.LayerNorm.bias"] = torch.ones(32)
    save_file(tensors, source / "model.safetensors", {"format": "pt"})
    config = json.loads((source / "config.json").read_text())
    config["entity_vocab_size"] = size
    (source / "config.json").write_text(json.dumps(config))
    return source


@pytest.mark.parametrize("architecture", [PAIRS, NER, QA])
def test_mask2_is_appended(architecture: str, published: Any, tmp_path: Path) -> None:
    source = without_mask2(architecture, published, tmp_path)
    path = import_checkpoint(str(source), str(tmp_path / "in"))
    if architecture == PAIRS:  # as if trained further: the two rows are no longer the same

        def train(state: Dict[str, torch.Tensor]) -> None:
            state[f"embedder.luke.{TABLE}"][2] += 1

        place = tmp_path / "unpacked"
        with tarfile.open(path) as archive:
            archive.extractall(place)
        weights_with(place, train)
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for item in place.iterdir():
                archive.add(item, arcname=item.name)
    out = tmp_path / "out"
    exported = export_checkpoint(str(path), str(out))
    assert "[MASK2]" in exported.notes[0] and "appended" in exported.notes[0]
    assert exported.notes[0] in (out / "README.md").read_text()
    before, after = load_file(source / "model.safetensors"), load_file(out / "model.safetensors")
    ids = json.loads((source / "entity_vocab.json").read_text())
    size = len(before[f"luke.{TABLE}"])
    assert json.loads((out / "entity_vocab.json").read_text()) == {**ids, "[MASK2]": size}
    mask = before[f"luke.{TABLE}"][ids["[MASK]"]]
    assert torch.equal(after[f"luke.{TABLE}"][:size], before[f"luke.{TABLE}"])
    assert torch.equal(after[f"luke.{TABLE}"][size], mask + 1 if architecture == PAIRS else mask)
    bias = after["entity_predictions.bias"]
    assert bias.tolist() == [*range(size), ids["[MASK]"]]
    transformers.LukeForMaskedLM.from_pretrained(out)
    transformers.LukeTokenizer.from_pretrained(out)


def test_a_table_of_which_a_part_is_kept(published: Any, tmp_path: Path) -> None:
    source = without_mask2(NER, published, tmp_path)
    path = import_checkpoint(str(source), str(tmp_path / "in"), lite=True)
    out = tmp_path / "out"
    exported = export_checkpoint(str(path), str(out))
    said = " ".join(exported.notes)
    assert (
        "only 2 rows are in the archive" in said and "[UNK] is not in the archive: its row is zeros" in said
    )
    assert all(note in (out / "README.md").read_text() for note in exported.notes)
    assert load_file(out / "model.safetensors")[f"luke.{TABLE}"][1].eq(0).all()


@pytest.mark.parametrize("lite", [False, True])
def test_entity_predictions_need_their_entities(lite: bool, changed: Any, tmp_path: Path) -> None:
    # Of the original's fine-tuned models just a few rows were ever kept.
    def change(place: Path) -> None:
        tensors = load_file(place / LEFT_OUT)
        tensors["entity_predictions.bias"] = torch.zeros(64)
        if not lite:
            tensors.pop(TABLE)
            (place / SOURCE_VOCABULARY).unlink()
        save_file(tensors, place / LEFT_OUT, {"format": "pt"})

    export_checkpoint(str(changed(change)), str(tmp_path / "out"), lite=lite)
    assert "entity_predictions.bias" not in load_file(tmp_path / "out" / "model.safetensors")
    transformers.LukeForMaskedLM.from_pretrained(tmp_path / "out")


def test_heads_keep_their_names(changed: Any, tmp_path: Path) -> None:
    more = ("classifier.weight", "scorer.bias", "typing.bias", "lm_head.bias", "cls.x", "pooler.dense.bias")
    path = changed(left_out_with(lambda tensors: tensors.update({name: torch.ones(2) for name in more})), QA)
    export_checkpoint(str(path), str(tmp_path / "out"))
    names = load_file(tmp_path / "out" / "model.safetensors").keys()
    assert {*more[:-1], "luke.pooler.dense.bias"} <= names
    assert not {f"luke.{name}" for name in more[:-1]} & names


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.slow
def test_half_precision_in_and_out(dtype: str, published: Any, tmp_path: Path) -> None:
    source = Path(shutil.copytree(published(NER), tmp_path / "source"))
    halves = {
        name: tensor.to(getattr(torch, dtype))
        for name, tensor in load_file(source / "model.safetensors").items()
    }
    save_file(halves, source / "model.safetensors", {"format": "pt"})
    path = import_checkpoint(str(source), str(tmp_path / "in"))
    for kind in ("float32", dtype):
        out = tmp_path / kind
        export_checkpoint(str(path), str(out), dtype=kind)
        tensors = load_file(out / "model.safetensors")
        assert {str(tensor.dtype) for tensor in tensors.values()} == {f"torch.{kind}"}
        assert all(torch.equal(tensors[name], halves[name].to(tensors[name].dtype)) for name in halves)
        config = json.loads((out / "config.json").read_text())
        assert {config[key] for key in ("dtype", "torch_dtype") if key in config} == {kind}
    with pytest.raises(ConfigurationError, match="no dtype 'int8'; expected one of float32, float16"):
        export_checkpoint(str(path), str(tmp_path / "out"), dtype="int8")


def test_what_was_trained_here_is_float32(changed: Any, tmp_path: Path) -> None:
    def change(place: Path) -> None:
        shutil.rmtree(place / "checkpoint/source")
        config = json.loads((place / "checkpoint/config.json").read_text())
        config["dtype"] = "float16"  # of the model that it started from
        (place / "checkpoint/config.json").write_text(json.dumps(config))

    export_checkpoint(str(changed(change)), str(tmp_path / "out"))
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert {config[key] for key in ("dtype", "torch_dtype") if key in config} == {"float32"}


def test_a_tokenizer_of_one_file(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    (note,) = describe_tokenizer(tmp_path, {}, ())
    assert "LukeTokenizer" in note and "PreTrainedTokenizerFast" in note
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "XLMRobertaTokenizer"}')
    (note,) = describe_tokenizer(tmp_path, {"[HEAD]": 7}, ())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "XLMRobertaTokenizer" and "XLMRobertaTokenizer" in note
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).write_text("")
    assert describe_tokenizer(tmp_path, {}, ()) == []
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "LukeTokenizer"


@pytest.mark.parametrize("target", ["file/x", "/dev/null/x"])
def test_where_nothing_can_be_written(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigurationError, match=target):
        with new_directory(Path(target), True, "a test"):
            raise AssertionError("there is no such place")
    assert (tmp_path / "file").read_text() == "mine"


def test_parents_are_removed_again(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        with new_directory(tmp_path / "a" / "b" / "c", False, "a test") as place:
            (place / "x").write_text("x")
            raise KeyError
    assert not (tmp_path / "a").exists()


def test_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with new_directory(tmp_path / "link", False, "a test") as place:
        (place / "x").write_text("x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "x").is_file()


def test_what_was_there_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    replace, calls = os.replace, []

    def fail(source: Any, target: Any) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(ConfigurationError, match="No space left"):
        with new_directory(out, True, "a test") as place:
            (place / "x").write_text("x")
    assert len(calls) == 3 and (out / "mine").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "scratch"]


def test_cells_stay_cells(imported: Any) -> None:
    config = load_archive(imported(NER)).config.as_dict(quiet=True)
    config["train_data_path"] = config["test_data_path"] = "a|b\n# evil\r\n---\nlicense: mit"
    card = model_card(Params(config), {"test_x|y\nz": 1.0}, NER, [])
    assert "| training data | a\\|b # evil --- license: mit |" in card.splitlines()
    assert "| test_x\\|y z | 1 |" in card.splitlines()
    assert ModelCard(card).data.license is None


def test_scores_are_in_the_metadata(imported: Any) -> None:
    config = load_archive(imported(NER)).config.as_dict(quiet=True)
    config.update(validation_data_path="data/conll2003/eng.testa", test_data_path="data/conll2003/eng.testb")
    scores = {"best_epoch": 2, "best_validation_f1": 0.5, "test_f1": 0.25, "training_f1": 1.0}
    data = ModelCard(model_card(Params(config), scores, NER, [])).data
    assert data.model_name == "LUKE for named entity recognition" and "luke" in data.tags
    found = [
        (result.task_type, result.dataset_name, result.dataset_split, result.metric_type, result.metric_value)
        for result in data.eval_results
    ]
    assert found == [
        ("token-classification", "conll2003/eng.testa", "validation", "f1", 0.5),
        ("token-classification", "conll2003/eng.testb", "test", "f1", 0.25),
    ]


@pytest.mark.parametrize(
    "metrics, rows",
    [
        ({"best_validation_f1": 0.5, "validation_f1": 0.4, "training_loss": 1.5}, ["best_validation_f1"]),
        # Pretraining without validation data.
        (
            {
                "epoch": 1,
                "step": 40,
                "training_loss": 2.5,
                "training_step_seconds": 0.5,
                "training_time": "9s",
            },
            ["step", "training_loss"],
        ),
        ({"epoch": 1, "training_duration": "0:00:09"}, "there is none in the metrics.json beside"),
        ({}, "no metrics.json was beside"),
    ],
)
def test_scores(metrics: Dict[str, Any], rows: Any, imported: Any) -> None:
    card = model_card(load_archive(imported(NER)).config, metrics, NER, [])
    lines = card.partition("## Scores")[2].splitlines()
    if isinstance(rows, str):
        assert any(rows in line for line in lines)
    else:
        assert lines[4:] == [f"| {name} | {metrics[name]:.6g} |" for name in rows]
