"""Archives from strangers run no code, fill no disk, and are refused in a sentence."""

import gzip
import json
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List
from unittest import mock

import pytest
import torch
from allennlp.commands import diff
from allennlp.common import Params, untrusted
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import get_spacy_model, import_module_and_submodules
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.models import Model, load_archive
from allennlp.nn.initializers import PretrainedModelInitializer

from tests.archives import (  # noqa: F401
    Change,
    config_with,
    nothing_is_left,
    pack,
    removed,
    truncated,
    written,
)

CONFIG: Dict[str, Any] = {
    "dataset_reader": {
        "type": "text_classification_json",
        "tokenizer": {"type": "whitespace"},
        "token_indexers": {"tokens": {"type": "single_id"}},
    },
    "train_data_path": "test.json",  # `test` is a module of Python, and this a file
    "model": {
        "type": "basic_classifier",
        "text_field_embedder": {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}},
        "seq2vec_encoder": {"type": "bag_of_embeddings", "embedding_dim": 4},
    },
    "data_loader": {"batch_size": 2},
    "trainer": {"optimizer": "adam", "num_epochs": 1},
}
LINES = [{"text": "good film", "label": "pos"}, {"text": "bad film", "label": "neg"}]
MODULE = """
from pathlib import Path
from allennlp.data.tokenizers import Tokenizer, WhitespaceTokenizer

Path({trace!r}).touch()

class Own(WhitespaceTokenizer):
    pass
"""
TOKENIZER = "dataset_reader.tokenizer"
Packed = Callable[..., Path]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small model of AllenNLP's own."""
    place = tmp_path_factory.mktemp("model")
    (place / "config.json").write_text(json.dumps(CONFIG))
    (place / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    reader = DatasetReader.from_params(Params(json.loads(json.dumps(CONFIG["dataset_reader"]))))
    vocab = Vocabulary.from_instances(reader.read(place / "data.jsonl"))
    vocab.save_to_files(place / "vocabulary")
    made = Model.from_params(Params(json.loads(json.dumps(CONFIG["model"]))), vocab=vocab)
    torch.save(made.state_dict(), place / "weights.th")
    return place


@pytest.fixture
def packed(model: Path, tmp_path: Path) -> Packed:
    """An archive of the model, with something done to its files."""

    def make(change: Change = lambda place: None, name: str = "model.tar.gz") -> Path:
        place = tmp_path / "changed"
        shutil.copytree(model, place)
        change(place)
        pack(place, tmp_path / name)
        shutil.rmtree(place)
        return tmp_path / name

    return make


@pytest.fixture(autouse=True)
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file in the working directory that hostile code makes."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield tmp_path / "here" / "trap"
    assert not (tmp_path / "here" / "trap").exists()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module to be found in the working directory; importing it leaves a trace."""
    monkeypatch.setattr(untrusted, "_trusted", set(untrusted._trusted))
    (tmp_path / "here" / "found_module.py").write_text(MODULE.format(trace=str(tmp_path / "imported")))
    monkeypatch.syspath_prepend(str(tmp_path / "here"))
    yield "found_module"
    sys.modules.pop("found_module", None)


def check_sentence(message: str, *parts: str) -> None:
    assert "\n" not in message and len(message) < 700
    for part in parts:
        assert part in message


def refused(path: Path, *parts: str, **options: Any) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_archive(path, **options)
    check_sentence(str(error.value), str(path), *parts)


POPEN = {"type": "subprocess.Popen", "args": ["touch", "trap"]}
EMBEDDER = "model.text_field_embedder.token_embedders.tokens"


def forward(activation: Any) -> Dict[str, Any]:
    return {"input_dim": 4, "num_layers": 1, "hidden_dims": 4, "activations": activation}


FOREIGN = [
    *((key, POPEN, f"{key}.type") for key in ("dataset_reader", "model", "vocabulary", TOKENIZER, EMBEDDER)),
    *((key, "os.abort", key) for key in ("dataset_reader", "validation_data_loader", TOKENIZER)),
    ("dataset_reader.token_indexers.more", POPEN, "dataset_reader.token_indexers.more.type"),
    ("model.feedforward", forward([POPEN]), "activations.0.type"),
    ("model.feedforward", forward("os.abort"), "activations"),
    ("model.regexes", [["a", POPEN]], "model.regexes.0.1.type"),  # where nothing belongs
    (TOKENIZER, "allennlp_evil.Tokenizer", "'allennlp_evil' is none"),
    (TOKENIZER, ".os.abort", TOKENIZER),
]


@pytest.mark.parametrize("place, value, key", FOREIGN)
def test_foreign_names(place: str, value: Any, key: str, packed: Packed) -> None:
    refused(packed(config_with({place: value})), key, "run code")


def test_what_trusted_modules_merely_have(packed: Packed) -> None:
    for name in (
        *("allennlp.common.util.subprocess.Popen", "allennlp.models.archival.load_archive"),
        *("allennlp.data.vocabulary.Vocabulary", "luke_allennlp.checkpoints.tarballs.shutil"),
        *("allennlp.common./../os.abort", "allennlp.nothing.Tokenizer", "allennlp.data.Nothing"),
    ):
        refused(packed(config_with({TOKENIZER: {"type": name, "name": "x"}})), name)


def test_the_trap_works(packed: Packed, trap: Path) -> None:
    """What the tests of this file refuse would happen otherwise."""
    load_archive(packed(config_with({TOKENIZER: POPEN})), trusted=True).dataset_reader._tokenizer.wait()
    trap.unlink()


def test_included_packages(packed: Packed, module: str, tmp_path: Path) -> None:
    path = packed(config_with({TOKENIZER: f"{module}.Own"}))
    refused(path, TOKENIZER, "--include-package")
    assert module not in sys.modules and not (tmp_path / "imported").exists()
    import_module_and_submodules(module)
    assert type(load_archive(path).dataset_reader._tokenizer).__module__ == module
    # What it has imported is still somebody else's, and what it has of another kind is not wanted.
    refused(packed(config_with({TOKENIZER: f"{module}.Path"})), "not a class of kind")


def test_overrides_are_the_users(packed: Packed, module: str) -> None:
    overrides = {TOKENIZER: {"type": f"{module}.Own"}}
    for given in (overrides, json.dumps(overrides), f"{{'{TOKENIZER}': '{module}.' + 'Own'}}"):
        found = load_archive(packed(), overrides=given).dataset_reader
        assert type(found._tokenizer).__name__ == "Own"
    for wrong in ("{", "[1]", "3", '{"model.nothing.here": 1}'):
        with pytest.raises(ConfigurationError, match="the overrides"):
            load_archive(packed(), overrides=wrong)


def test_trusted_names(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    from allennlp.common.registrable import Registrable
    from allennlp.data.tokenizers import Tokenizer

    monkeypatch.setitem(Registrable._registry[Tokenizer], "my.tokens", (WhitespaceTokenizer, None))
    for name in ("allennlp.data.tokenizers.WhitespaceTokenizer", "my.tokens"):
        path = packed(config_with({TOKENIZER: {"type": name}}))
        assert type(load_archive(path).dataset_reader._tokenizer) is WhitespaceTokenizer
    path = packed(config_with({TOKENIZER: {"type": "allennlp.data.WhitespaceTokenizer"}}))
    refused(path, "unable to find class WhitespaceTokenizer")


def test_what_is_built_later(packed: Packed, module: str) -> None:
    """Also what the archive's config builds after it was loaded is from strangers."""
    config = load_archive(packed(), overrides={"model.seq2vec_encoder.type": "bag_of_embeddings"}).config
    for loader in ({"type": f"{module}.Own"}, {"batch_sampler": f"{module}.Own"}):
        config["data_loader"] = loader
        for params in (config.get("data_loader"), config.duplicate().pop("data_loader")):
            with pytest.raises(untrusted.UntrustedConfigError):
                DataLoader.from_params(params, reader=None, data_path="x")
    # And what the user's own config builds is not, even after an archive was loaded.
    own = Params({"type": f"{module}.Own"})
    made: Any = DatasetReader.from_params(Params({**CONFIG["dataset_reader"], "tokenizer": own.params}))
    assert type(made._tokenizer).__name__ == "Own"


RUN_CODE = [
    *(("transformer_kwargs", {"trust_remote_code": value}) for value in (True, "yes")),
    ("transformer_kwargs", {"weights_only": False}),
    ("transformer_kwargs", {"attn_implementation": "stranger/kernel"}),
    ("transformer_kwargs", {"use_kernels": True}),
    ("any", [{"trust_remote_code": True}]),
    ("evalb_directory_path", "; touch trap;"),
    ("srl_eval_path", "run/evil.pl"),
]


@pytest.mark.parametrize("name, value", RUN_CODE)
def test_options_that_run_code(name: str, value: Any, packed: Packed) -> None:
    refused(packed(config_with({f"model.{name}": value})), f"model.{name}", "run code", "-o")


def test_options_that_the_user_sets(packed: Packed) -> None:
    place = "dataset_reader.token_indexers.tokens.trust_remote_code"
    refused(packed(config_with({place: True})), "-o", overrides={"dataset_reader.lazy": False})
    for value, overrides in ((True, {place: True}), (False, {})):  # not refused for what it is
        with pytest.raises(ConfigurationError, match="Extra parameters"):
            load_archive(packed(config_with({place: value})), overrides=overrides)


def test_pipelines_of_spacy(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[str] = []
    monkeypatch.setattr("spacy.load", lambda name, **_: asked.append(name))
    tokenizer = {"type": "spacy", "language": "setuptools"}
    refused(packed(config_with({TOKENIZER: tokenizer})), "setuptools", "run code")
    assert not asked
    for name in ("en_core_own_sm", "./my/pipeline"):
        load_archive(packed(config_with({TOKENIZER: {**tokenizer, "language": name}})))
    get_spacy_model("setuptools")  # the user's own
    assert asked == ["en_core_own_sm", "./my/pipeline", "setuptools"]


NO_CONFIGS = {
    "Jsonnet": (b'{"model": {"type": importstr "/etc/passwd"}}', "is not JSON"),
    "list": (b"[1]", "holds a JSON list"),
    "not UTF-8": (b'{"\xff": 1}', "is not JSON"),
    "deep": (b"[" * 100_000, "config.json"),
    "deep objects": (b'{"a":' * 900 + b"1" + b"}" * 900, "config.json"),
    "long number": (b'{"a": ' + b"1" * 5000 + b"}", "is not JSON"),
    "no model": (b'{"dataset_reader": {}}', "model in config.json is None"),
    "a list for a reader": (b'{"dataset_reader": [1], "model": {}}', "dataset_reader in config.json is [1]"),
    "no type": (b'{"dataset_reader": {}, "model": {}}', "type"),
}


@pytest.mark.parametrize("kind", sorted(NO_CONFIGS))
def test_configs_that_are_none(kind: str, packed: Packed) -> None:
    content, part = NO_CONFIGS[kind]
    refused(packed(lambda place: (place / "config.json").write_bytes(content)), part)


def test_values_of_other_kinds(packed: Packed) -> None:
    encoder = "model.seq2vec_encoder"
    values = ((f"{encoder}.type", ["os.abort"]), (f"{encoder}.type", {"os.abort": 1}), (encoder, 3))
    for place, value in (*values, ("vocabulary", {"type": 1}), (TOKENIZER, ["os.abort"])):
        refused(packed(config_with({place: value})))
    # An infinity is none of JSON's numbers, and a namespace may be called type.
    harmless = {"trainer.patience": float("inf"), "vocabulary": {"min_count": {"type": 2}}}
    assert load_archive(packed(config_with(harmless))).config["trainer"]["patience"] == float("inf")


class Evil:
    def __reduce__(self) -> Any:
        return open, ("trap", "w")


def weights(content: Any) -> Change:
    return lambda place: torch.save(content, place / "weights.th")


FILES = {
    "weights: command": (weights({"a": Evil()}), "could run code"),
    "weights: half": (truncated("weights.th"), "weights.th"),
    "weights: empty": (written("weights.th", ""), "weights.th cannot be read as weights"),
    "weights: list": (weights([torch.ones(1)]), "weights.th holds a list"),
    "weights: other names": (weights({"a": torch.ones(1)}), "Missing key"),
    "weights: other size": (config_with({"model.seq2vec_encoder.embedding_dim": 5}), "its model"),
    "weights: missing": (removed("weights.th"), "has no weights; expected weights.th"),
    "config": (removed("config.json"), "has no config.json"),
    "meta no JSON": (written("meta.json", "{"), "meta.json"),
    "meta of other kinds": (written("meta.json", '{"version": 3, "python_version": 3}'), "meta.json"),
}


@pytest.mark.parametrize("kind", sorted(FILES))
def test_files(kind: str, packed: Packed) -> None:
    change, part = FILES[kind]
    refused(packed(change), part)


def test_weights_named_by_the_user(packed: Packed, tmp_path: Path) -> None:
    torch.save({"a": Evil()}, tmp_path / "evil.th")
    refused(packed(), "evil.th is refused: it holds io.open", weights_file=str(tmp_path / "evil.th"))
    with pytest.raises(ConfigurationError, match="no file of weights .*none.th"):
        load_archive(packed(), weights_file=str(tmp_path / "none.th"))
    with pytest.raises(ConfigurationError, match="evil.th is refused"):
        PretrainedModelInitializer(str(tmp_path / "evil.th"))


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


NO_FILE = "'a' is neither a file"
MEMBERS = [
    (entry("vocabulary/../../outside"), "would lie outside"),
    (entry("a", tarfile.LNKTYPE, link="config.json"), NO_FILE),
    (entry("a", size=17 << 30), "unpacks to more than 0.1 GB"),
]


@pytest.mark.parametrize("member, part", MEMBERS)
def test_members(member: tarfile.TarInfo, part: str, packed: Packed, tmp_path: Path) -> None:
    content = gzip.decompress(packed().read_bytes()).rstrip(b"\0")
    content += bytes(-len(content) % 512)
    with gzip.open(tmp_path / "model.tar.gz", "wb") as target:
        target.write(content + member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    refused(tmp_path / "model.tar.gz", part)
    assert not (tmp_path / "outside").exists()


def test_bombs(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(lambda place: (place / "zeros").write_bytes(bytes(2 << 20)))
    monkeypatch.setenv("LUKE_UNPACK_LIMIT", "0.001")
    refused(path, "unpacks to more than 0.0 GB", "LUKE_UNPACK_LIMIT")
    monkeypatch.setenv("LUKE_UNPACK_LIMIT", "0.01")
    assert load_archive(path)
    monkeypatch.setenv("LUKE_UNPACK_LIMIT", "much")
    refused(path, "LUKE_UNPACK_LIMIT is 'much'; expected a number")
    monkeypatch.delenv("LUKE_UNPACK_LIMIT")
    monkeypatch.setattr("allennlp.common.unpacking._MAX_MEMBERS", 3)
    refused(path, "more than 3 members")


def test_interruptions_leave_nothing(packed: Packed) -> None:
    path, copy = packed(), "allennlp.common.unpacking.Member.copy_to"
    with mock.patch(copy, side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        load_archive(path)
    with mock.patch(copy, side_effect=OSError(28, "No space left on device")):
        refused(path, "No space left on device", "TMPDIR")


def test_vocabularies(packed: Packed, tmp_path: Path) -> None:
    assert len(Vocabulary.from_files(packed()).get_index_to_token_vocabulary("labels")) == 2
    with tarfile.open(tmp_path / "vocabulary.tar.gz", "w:gz") as archive:
        archive.addfile(entry("a", tarfile.SYMTYPE, link="/etc/passwd"))
    with pytest.raises(ConfigurationError, match="'a' is neither a file"):
        Vocabulary.from_files(tmp_path / "vocabulary.tar.gz")


def link(place: Path) -> None:
    (place / "link").symlink_to("/etc/passwd")


def test_differences(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    """`allennlp diff` unpacks archives, too."""
    at_exit: List[Any] = []
    monkeypatch.setattr("atexit.register", lambda *call, **_: at_exit.append(call))
    for inner in ("", "!weights.th"):
        assert Path(diff._get_checkpoint_path(f"{packed()}{inner}")).name == "weights.th"
    with pytest.raises(ConfigurationError, match="'link' is neither a file"):
        diff._get_checkpoint_path(str(packed(link)))
    for remove, *arguments in at_exit:
        remove(*arguments)


def test_directories(model: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    shutil.copytree(model, place)
    (place / "weights.th").rename(place / "best.th")
    assert load_archive(place)
    config_with({"model": POPEN})(place)
    refused(place, "model.type", "run code")


def pretrained(path: Any) -> Dict[str, Any]:
    return {"_pretrained": {"archive_file": str(path), "module_path": "_text_field_embedder"}}


def test_archives_in_archives(packed: Packed) -> None:
    inner = str(packed(config_with({"model": POPEN}), "inner.tar.gz"))
    for key, value in (
        ("model.text_field_embedder", pretrained(inner)),
        ("model", {"type": "from_archive", "archive_file": inner}),
    ):
        with pytest.raises(ConfigurationError) as error:
            load_archive(packed(config_with({key: value})))
        check_sentence(str(error.value), inner, "model.type in config.json", "run code")
    # One that is harmless is loaded.
    packed(name="inner.tar.gz")
    assert load_archive(packed(config_with({"model.text_field_embedder": pretrained(inner)})))


def arguments(command: str, path: str, place: Path) -> List[str]:
    """Of a command that loads the archive."""
    if command == "export-checkpoint":
        return [command, path, str(place / "out")]
    lines = [{"sentence": line["text"]} for line in LINES] if command == "predict" else LINES
    (place / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    predictor = ["--predictor", "text_classifier"] if command == "predict" else []
    return [command, path, str(place / "in.jsonl"), *predictor]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["predict", "export-checkpoint"])
def test_commands(name: str, packed: Packed, trap: Path, tmp_path: Path, allennlp: Callable) -> None:
    for change, part in (
        (config_with({"model": POPEN}), "run code"),
        (weights({"a": Evil()}), "weights.th"),
        (written("config.json", '{"model": importstr "/etc/passwd"}'), "JSON"),
        (link, "'link' is neither a file"),
    ):
        path = packed(change)
        if name == "export-checkpoint" and part == "weights.th":
            continue  # This model cannot be exported anyway; tests/exchange has those that can.
        finished = allennlp(*arguments(name, str(path), tmp_path))
        assert finished.status == 1 and "Traceback" not in finished.out + finished.err
        assert finished.error.startswith("allennlp: error: ")
        check_sentence(finished.error, str(path), part)
        assert not Path("trap").exists() and not trap.exists()


def test_commands_still_work(packed: Packed, tmp_path: Path, allennlp: Callable) -> None:
    for command in ("predict", "evaluate"):
        finished = allennlp(*arguments(command, str(packed()), tmp_path))
        assert finished.status == 0, finished.err


@pytest.mark.slow
def test_own_configs_are_trusted(packed: Packed, module: str, tmp_path: Path, allennlp: Callable) -> None:
    """`train` takes what the user's own config names; its archive is then one as any other."""
    made = str(tmp_path / "out" / "model.tar.gz")
    evaluate = arguments("evaluate", made, tmp_path)
    model = {**CONFIG["model"], "type": "allennlp.models.basic_classifier.BasicClassifier"}
    config = {**CONFIG, "model": model, "train_data_path": str(tmp_path / "in.jsonl")}
    (tmp_path / "config.jsonnet").write_text(json.dumps(config))
    own = ["-s", str(tmp_path / "out"), "-o", json.dumps({TOKENIZER: f"{module}.Own"})]
    assert allennlp("train", str(tmp_path / "config.jsonnet"), *own).status == 0
    check_sentence(allennlp(*evaluate).error, made, f"'{module}.Own'", "--include-package")
    assert allennlp(*evaluate, "--include-package", module).status == 0
