"""Archives that are unusual, damaged or hostile, and directories that cannot be written."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
import transformers
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models import load_archive
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file

import luke_allennlp  # noqa: F401
from luke_allennlp.checkpoints.names import ENTITY_TABLE
from luke_allennlp.common.files import new_directory
from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from luke_allennlp.exchange.model_card import model_card
from luke_allennlp.exchange.tokenizers import describe_tokenizer
from tests.archives import (  # noqa: F401
    Change,
    change_json,
    config_with,
    nothing_is_left,
    pack,
    removed,
    unpack,
    weights_with,
    written,
)
from tests.exchange.comparison import NER, PAIRS, QA, change_tensors

TABLE = f"luke.{ENTITY_TABLE}"
LEFT_OUT = "checkpoint/source/left_out.safetensors"
SOURCE_VOCABULARY = "checkpoint/source/entity_vocab.json"
EMBEDDER = "model.embedder"


@pytest.fixture
def changed(imported: Any, tmp_path: Path) -> Callable[..., Path]:
    """An imported archive with something done to its files."""

    def make(change: Change = lambda place: None, architecture: str = NER) -> Path:
        place = unpack(imported(architecture), tmp_path / "unpacked")
        change(place)
        (tmp_path / "run").mkdir(exist_ok=True)
        pack(place, tmp_path / "run" / "model.tar.gz")
        shutil.rmtree(place)
        return tmp_path / "run" / "model.tar.gz"

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def refused(path: Path, out: Path, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as error:
        export_checkpoint(str(path), str(out))
    assert str(path) in str(error.value)
    assert not out.exists()


def left_out_with(change: Callable[[Dict[str, torch.Tensor]], Any]) -> Change:
    return lambda place: change_tensors(place / LEFT_OUT, change)


def table(value: torch.Tensor) -> Change:
    return left_out_with(lambda tensors: tensors.update({ENTITY_TABLE: value}))


def with_head(columns: int, **options: Any) -> Change:
    def apply(place: Path) -> None:
        config_with({f"model.{name}": value for name, value in options.items()})(place)
        name = "classifier.weight"
        weights_with(lambda state: state.update({name: torch.zeros(len(state[name]), columns)}))(place)

    return apply


# Beside this, tests/test_untrusted_archives.py has what no archive may do.
HOSTILE = {"type": "subprocess.Popen", "args": ["touch", "trap"]}
DAMAGED: Dict[str, Any] = {
    "code": (config_with({EMBEDDER: HOSTILE}), "model.embedder.type.*run code"),
    "no type": (config_with({f"{EMBEDDER}.type": ["luke"]}), "model.embedder.type is"),
    "table missing": (left_out_with(lambda tensors: tensors.pop(ENTITY_TABLE)), "left_out"),
    "table small": (table(torch.zeros(1, 32)), "entities"),
    "left-out tensors missing": (removed(LEFT_OUT), "left_out"),
    "ids too high": (written(SOURCE_VOCABULARY, '{"[PAD]": 0, "[MASK]": 99999999}'), "entities"),
    "no [MASK]": (written(SOURCE_VOCABULARY, '{"[PAD]": 0, "[UNK]": 1}'), r"\[MASK\]"),
    "source config no JSON": (written("checkpoint/source/config.json", "{"), "config.json is not JSON"),
    "another model": (config_with({"model.type": "bidaf"}), "cannot be exported"),
    "tokenizer's config a list": (written("checkpoint/tokenizer_config.json", "[]"), "tokenizer_config"),
    "one state": (with_head(64, use_word_states=False), "use_word_states"),
    "four states": (with_head(256, use_word_states=True), "use_word_states", PAIRS),
    "words alone": (with_head(128, use_word_states=True, use_entity_state=False), "use_entity_state", PAIRS),
}


@pytest.mark.parametrize("kind", sorted(DAMAGED))
def test_damaged_archives(
    kind: str, changed: Any, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change, message, *architecture = DAMAGED[kind]
    refused(changed(change, *architecture), out, message)
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("kind", ["half", "metrics"])
def test_damaged_files(kind: str, changed: Any, out: Path) -> None:
    path = changed()
    content = path.read_bytes()
    if kind == "metrics":
        (path.parent / "metrics.json").write_text("[1]")
    else:
        path.write_bytes(content[: len(content) // 2])
    refused(path, out, "is damaged|holds a JSON list")


def test_what_it_is_made_from_is_not_replaced(changed: Any, copy: Any, tmp_path: Path) -> None:
    source = copy(NER)
    path = changed(config_with({f"{EMBEDDER}.model_name": str(source)}))
    (tmp_path / "link").symlink_to(path.parent)
    before = path.read_bytes()
    for archive in (path, path.parent):
        for target in (path, path.parent, tmp_path, tmp_path / "link", source):
            with pytest.raises(ConfigurationError, match="is made from"):
                export_checkpoint(str(archive), str(target), force=True)
    assert path.read_bytes() == before and (tmp_path / "link").is_symlink()
    assert (source / "vocab.json").is_file()


@pytest.fixture
def without_mask2(copy: Any) -> Callable[[str], Path]:
    """A checkpoint of before relation classification, whose masked entities are one."""

    def make(architecture: str) -> Path:
        source = copy(architecture)
        ids = json.loads((source / "entity_vocab.json").read_text())
        last = max(ids, key=lambda title: ids[title])
        ids[last] = ids.pop("[MASK2]")
        (source / "entity_vocab.json").write_text(json.dumps(ids))
        size = len(ids)

        def change(tensors: Dict[str, torch.Tensor]) -> None:
            tensors[TABLE] = tensors[TABLE][:size].clone()
            tensors["entity_predictions.bias"] = torch.arange(float(size))
            tensors["entity_predictions.transform.dense.weight"] = torch.ones(32, 64)
            for name in ("dense.bias", "LayerNorm.weight", "LayerNorm.bias"):
                tensors[f"entity_predictions.transform.{name}"] = torch.ones(32)

        change_tensors(source / "model.safetensors", change)
        change_json(source / "config.json", {"entity_vocab_size": size})
        return source

    return make


@pytest.mark.parametrize("architecture", [PAIRS, NER, QA])
def test_mask2_is_appended(architecture: str, without_mask2: Any, out: Path, tmp_path: Path) -> None:
    source = without_mask2(architecture)
    path = import_checkpoint(str(source), str(tmp_path / "in"))
    if architecture == PAIRS:  # as if trained further: the two rows are no longer the same
        place = unpack(path, tmp_path / "unpacked")
        weights_with(lambda state: state[f"embedder.{TABLE}"][2].add_(1))(place)
        pack(place, path)
    note = export_checkpoint(str(path), str(out)).notes[0]
    assert "[MASK2]" in note and "appended" in note and note in (out / "README.md").read_text()
    before, after = load_file(source / "model.safetensors"), load_file(out / "model.safetensors")
    ids = json.loads((source / "entity_vocab.json").read_text())
    size = len(before[TABLE])
    assert json.loads((out / "entity_vocab.json").read_text()) == {**ids, "[MASK2]": size}
    mask = before[TABLE][ids["[MASK]"]]
    assert torch.equal(after[TABLE][:size], before[TABLE])
    assert torch.equal(after[TABLE][size], mask + 1 if architecture == PAIRS else mask)
    assert after["entity_predictions.bias"].tolist() == [*range(size), ids["[MASK]"]]
    transformers.LukeForMaskedLM.from_pretrained(out)
    transformers.LukeTokenizer.from_pretrained(out)


def test_a_table_of_which_a_part_is_kept(without_mask2: Any, out: Path, tmp_path: Path) -> None:
    path = import_checkpoint(str(without_mask2(NER)), str(tmp_path / "in"), lite=True)
    notes = export_checkpoint(str(path), str(out)).notes
    for part in ("only 2 rows are in the archive", "[UNK] is not in the archive: its row is zeros"):
        assert part in " ".join(notes)
    assert all(note in (out / "README.md").read_text() for note in notes)
    assert load_file(out / "model.safetensors")[TABLE][1].eq(0).all()


def test_entity_predictions_need_their_entities(changed: Any, out: Path) -> None:
    # Of the original's fine-tuned models just a few rows were ever kept.
    def change(place: Path) -> None:
        change_tensors(place / LEFT_OUT, lambda tensors: tensors.pop(ENTITY_TABLE))
        left_out_with(lambda tensors: tensors.update({"entity_predictions.bias": torch.zeros(64)}))(place)
        (place / SOURCE_VOCABULARY).unlink()

    export_checkpoint(str(changed(change)), str(out))
    assert "entity_predictions.bias" not in load_file(out / "model.safetensors")
    transformers.LukeForMaskedLM.from_pretrained(out)


def test_heads_keep_their_names(changed: Any, out: Path) -> None:
    more = ("classifier.weight", "scorer.bias", "typing.bias", "lm_head.bias", "cls.x", "pooler.dense.bias")
    path = changed(left_out_with(lambda tensors: tensors.update({name: torch.ones(2) for name in more})), QA)
    export_checkpoint(str(path), str(out))
    names = load_file(out / "model.safetensors").keys()
    assert {*more[:-1], "luke.pooler.dense.bias"} <= names
    assert not {f"luke.{name}" for name in more[:-1]} & names


def dtypes(directory: Path) -> set:
    config = json.loads((directory / "config.json").read_text())
    return {config[key] for key in ("dtype", "torch_dtype") if key in config}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.slow
def test_half_precision_in_and_out(dtype: str, copy: Any, tmp_path: Path) -> None:
    source = copy(NER)
    tensors = load_file(source / "model.safetensors")
    halves = {name: tensor.to(getattr(torch, dtype)) for name, tensor in tensors.items()}
    save_file(halves, source / "model.safetensors", {"format": "pt"})
    path = import_checkpoint(str(source), str(tmp_path / "in"))
    for kind in ("float32", dtype):
        export_checkpoint(str(path), str(tmp_path / kind), dtype=kind)
        tensors = load_file(tmp_path / kind / "model.safetensors")
        assert {str(tensor.dtype) for tensor in tensors.values()} == {f"torch.{kind}"}
        assert all(torch.equal(tensors[name], halves[name].to(tensors[name].dtype)) for name in halves)
        assert dtypes(tmp_path / kind) == {kind}
    with pytest.raises(ConfigurationError, match="no dtype 'int8'; expected one of float32, float16"):
        export_checkpoint(str(path), str(tmp_path / "out"), dtype="int8")


def test_what_was_trained_here_is_float32(changed: Any, out: Path) -> None:
    def change(place: Path) -> None:
        shutil.rmtree(place / "checkpoint/source")
        change_json(place / "checkpoint/config.json", {"dtype": "float16"})  # of the model it started from

    export_checkpoint(str(changed(change)), str(out))
    assert dtypes(out) == {"float32"}


def test_a_tokenizer_of_one_file(tmp_path: Path) -> None:
    def described(markers: Dict[str, int], name: str) -> str:
        notes = describe_tokenizer(tmp_path, markers, ())
        assert json.loads((tmp_path / "tokenizer_config.json").read_text())["tokenizer_class"] == name
        return " ".join(notes)

    (tmp_path / "tokenizer.json").write_text("{}")
    assert "PreTrainedTokenizerFast" in described({}, "PreTrainedTokenizerFast")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "XLMRobertaTokenizer"}')
    assert "XLMRobertaTokenizer" in described({"[HEAD]": 7}, "XLMRobertaTokenizer")
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).write_text("")
    assert not described({}, "LukeTokenizer")


class TestNewDirectory:
    def test_where_nothing_can_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ConfigurationError, match="file/x"):
            with new_directory(tmp_path / "file/x", True, "a test"):
                raise AssertionError("there is no such place")
        assert (tmp_path / "file").read_text() == "mine"

    def test_parents_are_removed_again(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError), new_directory(tmp_path / "a/b/c", False, "a test") as place:
            (place / "x").write_text("x")
            raise KeyError
        assert not (tmp_path / "a").exists()

    def test_what_was_there_comes_back(
        self, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
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


class TestModelCard:
    @pytest.fixture
    def config(self, imported: Any) -> Dict[str, Any]:
        return load_archive(imported(NER)).config.as_dict(quiet=True)

    def test_cells_stay_cells(self, config: Dict[str, Any]) -> None:
        config["train_data_path"] = config["test_data_path"] = "a|b\n# evil\r\n---\nlicense: mit"
        card = model_card(Params(config), {"test_x|y\nz": 1.0}, NER, [])
        assert "| training data | a\\|b # evil --- license: mit |" in card.splitlines()
        assert "| test_x\\|y z | 1 |" in card.splitlines()
        assert ModelCard(card).data.license is None

    def test_scores_are_in_the_metadata(self, config: Dict[str, Any]) -> None:
        paths = {f"{split}_data_path": f"data/conll2003/{split}" for split in ("validation", "test")}
        scores = {"best_epoch": 2, "best_validation_f1": 0.5, "test_f1": 0.25, "training_f1": 1.0}
        data = ModelCard(model_card(Params({**config, **paths}), scores, NER, [])).data
        assert data.model_name == "LUKE for named entity recognition" and "luke" in data.tags
        found = [
            (item.task_type, item.dataset_name, item.dataset_split, item.metric_type, item.metric_value)
            for item in data.eval_results
        ]
        assert found == [
            ("token-classification", "conll2003/validation", "validation", "f1", 0.5),
            ("token-classification", "conll2003/test", "test", "f1", 0.25),
        ]

    @pytest.mark.parametrize(
        "metrics, names, said",
        [
            ({"best_validation_f1": 0.5, "validation_f1": 0.4}, ["best_validation_f1"], ""),
            # Pretraining without validation data.
            ({"epoch": 1, "step": 40, "training_loss": 2.5}, ["step", "training_loss"], ""),
            ({"epoch": 1, "training_duration": "0:00:09"}, [], "there is none in the metrics.json beside"),
            ({}, [], "no metrics.json was beside"),
        ],
    )
    def test_scores(self, metrics: Dict[str, Any], names: Any, said: str, config: Dict[str, Any]) -> None:
        scores = model_card(Params(config), metrics, NER, []).partition("## Scores")[2]
        assert scores.splitlines()[4:] == [f"| {name} | {metrics[name]:.6g} |" for name in names]
        assert said in scores
