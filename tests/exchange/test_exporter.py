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
from safetensors.torch import load_file, save_file

import luke_allennlp  # noqa: F401
from luke_allennlp.common.files import new_directory
from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from luke_allennlp.exchange.model_card import model_card
from luke_allennlp.exchange.tokenizers import describe_tokenizer
from luke_allennlp.token_embedders import LukeEmbedder

NER = "LukeForEntitySpanClassification"
PAIRS = "LukeForEntityPairClassification"
QA = "LukeForQuestionAnswering"
TABLE = "entity_embeddings.entity_embeddings.weight"
LEFT_OUT = "checkpoint/source/left_out.safetensors"
SOURCE_VOCABULARY = "checkpoint/source/entity_vocab.json"
DTYPES = "checkpoint/source/dtypes.json"

Change = Callable[[Path], Any]


@pytest.fixture(scope="module")
def imported(published: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Imports each once."""
    made: Dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            directory = tmp_path_factory.mktemp("imported") / "run"
            made[architecture] = import_checkpoint(str(published(architecture)), str(directory))
        return made[architecture]

    return make


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
        with tarfile.open(directory / "model.tar.gz", "w:gz") as archive:
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


POPEN = {"type": "subprocess.Popen", "args": ["touch", "TRAP"]}
HOSTILE = {
    "reader": ("dataset_reader.type", lambda config: config.update(dataset_reader=POPEN)),
    "other reader": (
        "validation_dataset_reader.type",
        lambda config: config.update(validation_dataset_reader=POPEN),
    ),
    "tokenizer": (
        "dataset_reader.tokenizer.type",
        lambda config: config["dataset_reader"].update(tokenizer=POPEN),
    ),
    "embedder": ("model.embedder.type", lambda config: config["model"].update(embedder=POPEN)),
    "in a list": ("model.regexes", lambda config: config["model"].update(regexes=[["a", POPEN]])),
    "vocabulary": ("vocabulary.type", lambda config: config.update(vocabulary=POPEN)),
    "a string": (
        "dataset_reader.tokenizer",
        lambda config: config["dataset_reader"].update(tokenizer="os.abort"),
    ),
}


# Beside these, tests/test_untrusted_archives.py has what no archive may do.
@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_no_code_is_run(kind: str, changed: Any, tmp_path: Path) -> None:
    key, change = HOSTILE[kind]
    trap = tmp_path / "trap"

    def set_trap(place: Path) -> None:
        config_with(change)(place)
        text = (place / "config.json").read_text()
        (place / "config.json").write_text(text.replace("TRAP", str(trap)))

    path = changed(set_trap)
    with pytest.raises(ConfigurationError) as error:
        export_checkpoint(str(path), str(tmp_path / "out"))
    assert str(path) in str(error.value) and key in str(error.value) and "run code" in str(error.value)
    assert not trap.exists() and not (tmp_path / "out").exists()


def test_no_code_of_an_inner_archive_is_run(changed: Any, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    hostile = {"type": "subprocess.Popen", "args": ["touch", str(trap)]}
    inner = tmp_path / "inner.tar.gz"
    changed(config_with(lambda config: config.update(model=hostile))).rename(inner)
    module = {"_pretrained": {"archive_file": str(inner), "module_path": "embedder"}}
    path = changed(config_with(lambda config: config["model"].update(embedder=module)))
    with pytest.raises(ConfigurationError) as error:
        export_checkpoint(str(path), str(tmp_path / "out"))
    for part in (str(path), str(inner), "model.type", "run code"):
        assert part in str(error.value)
    assert not trap.exists() and not (tmp_path / "out").exists()


DAMAGED = {
    "no type": (
        config_with(lambda config: config["model"]["embedder"].update(type=["luke"])),
        "model.embedder.type is",
    ),
    "table missing": (left_out_with(lambda tensors: tensors.pop(TABLE)), "left_out"),
    "table small": (table(torch.zeros(1, 32)), "entities"),
    "table narrow": (table(torch.zeros(64, 8)), "left_out"),
    "table of one axis": (table(torch.zeros(64)), "left_out"),
    "table of integers": (table(torch.zeros(64, 32, dtype=torch.int8)), "left_out"),
    "left-out tensors truncated": (truncated(LEFT_OUT), "left_out"),
    "left-out tensors missing": (lambda place: (place / LEFT_OUT).unlink(), "left_out"),
    "ids too high": (written(SOURCE_VOCABULARY, '{"[PAD]": 0, "[MASK]": 99999999}'), "entities"),
    "other ids too high": (written(SOURCE_VOCABULARY, '{"[PAD]": 0, "[MASK]": 2, "Edda": 64}'), "entities"),
    "ids negative": (written(SOURCE_VOCABULARY, '{"[PAD]": 0, "[MASK]": -2}'), "entities"),
    "no [MASK]": (written(SOURCE_VOCABULARY, '{"[PAD]": 0, "[UNK]": 1}'), r"\[MASK\]"),
    "no [PAD]": (written(SOURCE_VOCABULARY, '{"[MASK]": 0, "[UNK]": 1}'), r"\[PAD\]"),
    "source config a list": (written("checkpoint/source/config.json", "[1]"), "config.json holds"),
    "source config no JSON": (written("checkpoint/source/config.json", "{"), "config.json is not JSON"),
    "types a list": (written(DTYPES, "[]"), "dtypes.json"),
    "unknown type": (written(DTYPES, '{"classifier.weight": "int3"}'), "int3"),
    "config no JSON": (written("config.json", "{"), "config.json is not JSON"),
    "config a list": (written("config.json", "[]"), "config.json holds"),
    "config Jsonnet": (
        written("config.json", '{"model": {"type": "luke_ner"}, "x": importstr "/etc/passwd"}'),
        "not JSON",
    ),
    "config missing": (lambda place: (place / "config.json").unlink(), "no config.json"),
    "no model": (config_with(lambda config: config.pop("model")), "model in config.json"),
    "no reader": (config_with(lambda config: config.pop("dataset_reader")), "dataset_reader in config.json"),
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


@pytest.mark.parametrize("kind", ["half", "no gzip", "empty", "no tar"])
def test_damaged_files(kind: str, changed: Any, tmp_path: Path) -> None:
    path = changed()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if kind == "half" else b"none")
    if kind in ("no gzip", "empty"):
        with tarfile.open(path, "w" if kind == "no gzip" else "w:gz") as archive:
            if kind == "no gzip":
                archive.add(__file__, arcname="config.json")
    with pytest.raises(ConfigurationError) as error:
        export_checkpoint(str(path), str(tmp_path / "out"))
    assert str(path) in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_damaged_metrics(content: str, changed: Any, tmp_path: Path) -> None:
    path = changed()
    (path.parent / "metrics.json").write_text(content)
    with pytest.raises(ConfigurationError, match="metrics.json") as error:
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
        (NER, with_head(128, use_entity_state=False), "use_entity_state"),
        (PAIRS, with_head(256, use_word_states=True), "use_word_states"),
        (PAIRS, with_head(128, use_word_states=True, use_entity_state=False), "use_entity_state"),
        ("LukeForEntityClassification", with_head(128, use_word_states=True), "use_word_states"),
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

        def train(place: Path) -> None:
            def change(state: Dict[str, torch.Tensor]) -> None:
                state[f"embedder.luke.{TABLE}"][2] += 1

            weights_with(place, change)

        with tarfile.open(path) as archive:
            archive.extractall(tmp_path / "unpacked")
        train(tmp_path / "unpacked")
        with tarfile.open(path, "w:gz") as archive:
            for item in (tmp_path / "unpacked").iterdir():
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


def test_lite_takes_what_was_left_out(imported: Any, published: Any, tmp_path: Path) -> None:
    exported = export_checkpoint(str(imported(NER)), str(tmp_path / "out"), lite=True)
    assert exported.notes == []
    table = load_file(tmp_path / "out" / "model.safetensors")[f"luke.{TABLE}"]
    ids = json.loads((published(NER) / "entity_vocab.json").read_text())
    rows = [ids[title] for title in ("[PAD]", "[UNK]", "[MASK]", "[MASK2]")]
    assert torch.equal(table, load_file(published(NER) / "model.safetensors")[f"luke.{TABLE}"][rows])


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


def halved(dtype: str, spoil: bool = False) -> Change:
    def apply(place: Path) -> None:
        kind = getattr(torch, dtype)
        names: Dict[str, str] = {}

        def halve(state: Dict[str, torch.Tensor]) -> None:
            for name, tensor in state.items():
                if tensor.is_floating_point():
                    tensor.copy_(tensor.to(kind))
                    if "2e_query" not in name and "e2w_query" not in name:
                        names[name.replace("embedder.luke.", "")] = dtype
            for name in list(state):  # as of a checkpoint that has none of them
                for extra in ("w2e", "e2w", "e2e"):
                    if f".{extra}_query." in name:
                        state[name].copy_(state[name.replace(f"{extra}_query", "query")])
            if spoil:
                state["classifier.bias"][0] = 1 / 3

        weights_with(place, halve)
        left_out_with(
            lambda tensors: tensors.update(
                {n: t.to(kind) for n, t in tensors.items() if t.is_floating_point()}
            )
        )(place)
        (place / DTYPES).write_text(json.dumps(names))

    return apply


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_types_of_the_source(dtype: str, changed: Any, tmp_path: Path) -> None:
    export_checkpoint(str(changed(halved(dtype))), str(tmp_path / "out"))
    tensors = load_file(tmp_path / "out" / "model.safetensors")
    kinds = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    assert kinds == {getattr(torch, dtype)}
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config.get("dtype", config.get("torch_dtype")) == dtype


def test_what_changed_since_is_not_rounded(changed: Any, tmp_path: Path) -> None:
    export_checkpoint(str(changed(halved("float16", spoil=True))), str(tmp_path / "out"))
    tensors = load_file(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()} == {torch.float32}
    assert tensors["classifier.bias"][0] == torch.tensor(1 / 3)


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


def test_a_fresh_table_has_its_titles(fixtures_dir: Path) -> None:
    embedder = LukeEmbedder(str(fixtures_dir / "tiny-roberta"), load_weights=False)
    assert embedder.entities == ["[PAD]", "[MASK]"]
    assert len(embedder.luke.entity_embeddings.entity_embeddings.weight) == 2
    assert LukeEmbedder(str(fixtures_dir / "tiny-luke"), load_weights=False).entities is None


@pytest.mark.parametrize("target", ["file/x", "file/x/y", "/dev/null/x", "/proc/x"])
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
    config["train_data_path"] = "a|b\n# evil\r\n---\nlicense: mit"
    card = model_card(Params(config), {"test_x|y\nz": 1.0}, NER, [])
    assert "| training data | a\\|b # evil --- license: mit |" in card.splitlines()
    assert "| test_x\\|y z | 1 |" in card.splitlines()


@pytest.mark.parametrize(
    "metrics, rows",
    [
        ({"best_validation_f1": 0.5, "validation_f1": 0.4, "training_loss": 1.5}, ["best_validation_f1"]),
        # Pretraining, with validation data and without.
        (
            {"best_validation_step": 40, "best_validation_loss": 2.5},
            ["best_validation_step", "best_validation_loss"],
        ),
        (
            {
                "epoch": 1,
                "step": 40,
                "training_loss": 2.5,
                "training_masked_word_accuracy": 0.5,
                "training_words_per_second": 9.5,
                "training_step_seconds": 0.5,
                "training_learning_rate": 0.1,
                "training_duration": "0:00:09",
            },
            ["step", "training_loss", "training_masked_word_accuracy"],
        ),
        ({"epoch": 1, "training_duration": "0:00:09"}, "there is none in the metrics.json beside"),
        ({}, "no metrics.json lay beside"),
    ],
)
def test_scores(metrics: Dict[str, Any], rows: Any, changed: Any, tmp_path: Path) -> None:
    archive = changed()
    if metrics:
        (archive.parent / "metrics.json").write_text(json.dumps(metrics))
    export_checkpoint(str(archive), str(tmp_path / "out"))
    lines = (tmp_path / "out" / "README.md").read_text().partition("## Scores")[2].splitlines()
    if isinstance(rows, str):
        assert any(rows in line for line in lines)
    else:
        assert lines[4:] == [f"| {name} | {metrics[name]:.6g} |" for name in rows]
