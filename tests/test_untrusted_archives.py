"""Archives from strangers run no code, fill no disk, and are refused in a sentence."""

import gzip
import io
import json
import pickle
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Union

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
from allennlp.predictors import Predictor

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
FORWARD = {"input_dim": 4, "num_layers": 1, "hidden_dims": 4}
MODULE = """
from pathlib import Path

from allennlp.data.tokenizers import Tokenizer, WhitespaceTokenizer

Path({trace!r}).touch()


class Own(WhitespaceTokenizer):
    pass
"""

Change = Callable[[Path], Any]
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
        with tarfile.open(tmp_path / name, "w:gz") as archive:
            for path in sorted(place.iterdir()):
                archive.add(path, arcname=path.name)
        shutil.rmtree(place)
        return tmp_path / name

    return make


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of what is unpacked."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    yield
    assert not list(scratch.glob("tmp*"))  # of mkdtemp


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Path]:
    """A file that hostile code makes."""
    yield tmp_path / "trap"
    assert not (tmp_path / "trap").exists()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module to be found in the working directory; importing it leaves a trace."""
    monkeypatch.setattr(untrusted, "_trusted", set(untrusted._trusted))
    (tmp_path / "found_module.py").write_text(MODULE.format(trace=str(tmp_path / "imported")))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield "found_module"
    sys.modules.pop("found_module", None)


def config_with(values: Dict[str, Any], trap: Path = Path("trap")) -> Change:
    """Sets values in the config, by their dotted keys."""

    def change(place: Path) -> None:
        config = json.loads((place / "config.json").read_text())
        for key, value in values.items():
            *parts, last = key.split(".")
            at = config
            for part in parts:
                at = at[part]
            at[last] = value
        (place / "config.json").write_text(json.dumps(config).replace("TRAP", str(trap)))

    return change


def check_sentence(message: str, *parts: str) -> None:
    assert "\n" not in message and len(message) < 700
    for part in parts:
        assert part in message


def refused(path: Path, *parts: str, **options: Any) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_archive(path, **options)
    check_sentence(str(error.value), str(path), *parts)


POPEN = {"type": "subprocess.Popen", "args": ["touch", "TRAP"]}
FOREIGN = {
    "reader": ("dataset_reader", POPEN, "dataset_reader.type"),
    "reader for validation": ("validation_dataset_reader", POPEN, "validation_dataset_reader.type"),
    "reader as a string": ("dataset_reader", "subprocess.Popen", "dataset_reader"),
    "tokenizer": ("dataset_reader.tokenizer", POPEN, "dataset_reader.tokenizer.type"),
    "tokenizer as a string": ("dataset_reader.tokenizer", "os.abort", "dataset_reader.tokenizer"),
    "indexer": ("dataset_reader.token_indexers.more", POPEN, "dataset_reader.token_indexers.more.type"),
    "indexer as a string": ("dataset_reader.token_indexers.more", "os.abort", "token_indexers.more"),
    "model": ("model", POPEN, "model.type"),
    "model as a string": ("model", "os.abort", "model"),
    "embedder": ("model.text_field_embedder.token_embedders.tokens", POPEN, "token_embedders.tokens.type"),
    "in a list": ("model.feedforward", {**FORWARD, "activations": [POPEN]}, "activations.0.type"),
    "string in a list": ("model.feedforward", {**FORWARD, "activations": ["os.abort"]}, "activations.0"),
    "one of several types": ("model.feedforward", {**FORWARD, "activations": "os.abort"}, "activations"),
    "where nothing belongs": ("model.regexes", [["a", POPEN]], "model.regexes.0.1.type"),
    "vocabulary": ("vocabulary", POPEN, "vocabulary.type"),
    "vocabulary as a string": ("vocabulary", "os.abort", "vocabulary"),
    "loader": ("data_loader", POPEN, "data_loader.type"),
    "loader as a string": ("validation_data_loader", "os.abort", "validation_data_loader"),
    "evaluation": ("evaluation", POPEN, "evaluation.type"),
    "much like ours": ("dataset_reader.tokenizer", "allennlp_evil.Tokenizer", "'allennlp_evil' is none"),
    "of a dot": ("dataset_reader.tokenizer", ".os.abort", "dataset_reader.tokenizer"),
}


@pytest.mark.parametrize("kind", sorted(FOREIGN))
def test_foreign_names(kind: str, packed: Packed, trap: Path) -> None:
    place, value, key = FOREIGN[kind]
    refused(packed(config_with({place: value}, trap)), f"{key}", "run code")


@pytest.mark.parametrize(
    "name",
    [
        "allennlp.common.util.subprocess.Popen",
        "allennlp.common.util.import_module_and_submodules",
        "allennlp.training.metrics.evalb_bracketing_scorer.subprocess",
        "allennlp.models.archival.load_archive",
        "allennlp.models.archival.Path",
        "allennlp.models.archival.tarfile",
        "allennlp.data.vocabulary.Vocabulary",
        "allennlp.data.Vocabulary.from_files",
        "allennlp.common.params.evaluate_file",
        "luke_allennlp.checkpoints.tarballs.shutil",
        "allennlp.common./../os.abort",
        "allennlp..abort",
        "allennlp.nothing.Tokenizer",
        "allennlp.data.Nothing",
    ],
)
def test_what_trusted_modules_merely_have(name: str, packed: Packed) -> None:
    path = packed(config_with({"dataset_reader.tokenizer": {"type": name, "name": "x"}}))
    refused(path, name)


def test_the_trap_works(packed: Packed, tmp_path: Path) -> None:
    """What the tests of this file refuse would happen otherwise."""
    path = packed(config_with({"dataset_reader.tokenizer": POPEN}, tmp_path / "sprung"))
    load_archive(path, trusted=True).dataset_reader._tokenizer.wait()
    assert (tmp_path / "sprung").exists()


def test_nothing_is_imported(packed: Packed, module: str, tmp_path: Path) -> None:
    path = packed(config_with({"dataset_reader.tokenizer": f"{module}.Own"}))
    refused(path, "dataset_reader.tokenizer", "--include-package")
    assert module not in sys.modules and not (tmp_path / "imported").exists()


def test_included_packages(packed: Packed, module: str) -> None:
    path = packed(config_with({"dataset_reader.tokenizer": f"{module}.Own"}))
    import_module_and_submodules(module)
    assert type(load_archive(path).dataset_reader._tokenizer).__module__ == module
    # What it has imported is still somebody else's, and what it has of another kind is not wanted.
    refused(packed(config_with({"dataset_reader.tokenizer": f"{module}.Path"})), "not a class of kind")


def test_overrides_are_the_users(packed: Packed, module: str) -> None:
    overrides = {"dataset_reader.tokenizer": {"type": f"{module}.Own"}}
    for given in (overrides, json.dumps(overrides), f"{{'dataset_reader.tokenizer': '{module}.' + 'Own'}}"):
        found = load_archive(packed(), overrides=given).dataset_reader
        assert type(found._tokenizer).__name__ == "Own"


def test_overrides_that_are_none(packed: Packed) -> None:
    for overrides in ("{", "[1]", "3", '{"model.nothing.here": 1}'):
        with pytest.raises(ConfigurationError, match="the overrides"):
            load_archive(packed(), overrides=overrides)


@pytest.mark.parametrize(
    "name", ["allennlp.data.tokenizers.WhitespaceTokenizer", "allennlp.data.WhitespaceTokenizer"]
)
def test_trusted_names(name: str, packed: Packed) -> None:
    path = packed(config_with({"dataset_reader.tokenizer": {"type": name}}))
    if name == "allennlp.data.WhitespaceTokenizer":  # is not there
        refused(path, "unable to find class WhitespaceTokenizer")
    else:
        assert type(load_archive(path).dataset_reader._tokenizer) is WhitespaceTokenizer


def test_what_is_built_later(packed: Packed, model: Path, module: str) -> None:
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


def test_registered_names_with_dots(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    from allennlp.common.registrable import Registrable
    from allennlp.data.tokenizers import Tokenizer

    monkeypatch.setitem(Registrable._registry[Tokenizer], "my.tokens", (WhitespaceTokenizer, None))
    assert load_archive(packed(config_with({"dataset_reader.tokenizer": {"type": "my.tokens"}})))


RUN_CODE = {
    "code of a repository": {"transformer_kwargs": {"trust_remote_code": True}},
    "by another word": {"transformer_kwargs": {"trust_remote_code": "yes"}},
    "pickle": {"transformer_kwargs": {"weights_only": False}},
    "kernel": {"transformer_kwargs": {"attn_implementation": "stranger/kernel"}},
    "kernels": {"transformer_kwargs": {"use_kernels": True}},
    "tokenizer": {"tokenizer_kwargs": {"trust_remote_code": True}},
    "in a list": {"any": [{"trust_remote_code": True}]},
    "make": {"evalb_directory_path": "; touch TRAP;"},
    "perl": {"srl_eval_path": "run/evil.pl"},
}


@pytest.mark.parametrize("kind", sorted(RUN_CODE))
def test_options_that_run_code(kind: str, packed: Packed, trap: Path) -> None:
    (name, value), *_ = RUN_CODE[kind].items()
    path = packed(config_with({f"model.{name}": value}, trap))
    refused(path, f"model.{name}", "run code", "-o")


def test_options_that_the_user_sets(packed: Packed) -> None:
    place = "dataset_reader.token_indexers.tokens.trust_remote_code"
    with pytest.raises(ConfigurationError, match="Extra parameters"):  # not refused for what it is
        load_archive(packed(config_with({place: True})), overrides={place: True})
    refused(packed(config_with({place: True})), "-o", overrides={"dataset_reader.lazy": False})
    for harmless in (False, None):
        with pytest.raises(ConfigurationError, match="Extra parameters"):
            load_archive(packed(config_with({place: harmless})))


def test_pipelines_of_spacy(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[str] = []
    monkeypatch.setattr("spacy.load", lambda name, **_: asked.append(name))
    tokenizer = {"type": "spacy", "language": "setuptools"}
    refused(packed(config_with({"dataset_reader.tokenizer": tokenizer})), "setuptools", "run code")
    assert not asked
    for name in ("en_core_own_sm", "./my/pipeline"):
        load_archive(packed(config_with({"dataset_reader.tokenizer": {**tokenizer, "language": name}})))
    get_spacy_model("setuptools")  # the user's own
    assert asked == ["en_core_own_sm", "./my/pipeline", "setuptools"]


NO_CONFIGS: Dict[str, Any] = {
    "Jsonnet": ('{"model": {"type": importstr "/etc/passwd"}}', "is not JSON"),
    "Jsonnet that computes": ('{"a": 1 + 1}', "is not JSON"),
    "comment": ("// none\n{}", "is not JSON"),
    "list": ("[1]", "holds a JSON list"),
    "string": ('"subprocess.Popen"', "holds a JSON str"),
    "nothing": ("", "is not JSON"),
    "not UTF-8": (b'{"\xff": 1}', "is not JSON"),
    "deep": ("[" * 100_000, "config.json"),
    "deep objects": ('{"a":' * 900 + "1" + "}" * 900, "config.json"),
    "long number": ('{"a": ' + "1" * 5000 + "}", "is not JSON"),
    "no model": ('{"dataset_reader": {}}', "model in config.json is None"),
    "a list for a reader": ('{"dataset_reader": [1], "model": {}}', "dataset_reader in config.json is [1]"),
    "a number for a loader": ('{"dataset_reader": {}, "model": {}, "data_loader": 3}', "data_loader"),
    "no type": ('{"dataset_reader": {}, "model": {}}', "type"),
}


@pytest.mark.parametrize("kind", sorted(NO_CONFIGS))
def test_configs_that_are_none(kind: str, packed: Packed) -> None:
    content, part = NO_CONFIGS[kind]
    content = content if isinstance(content, bytes) else content.encode()
    refused(packed(lambda place: (place / "config.json").write_bytes(content)), part)


def test_options_of_other_kinds(packed: Packed) -> None:
    for place, value in (
        ("model.seq2vec_encoder.type", ["os.abort"]),
        ("model.seq2vec_encoder.type", {"os.abort": 1}),
        ("model.seq2vec_encoder", 3),
        ("model.type", 5),
        ("vocabulary", {"type": 1}),
        ("dataset_reader.tokenizer", ["os.abort"]),
    ):
        refused(packed(config_with({place: value})))


def test_numbers_that_are_none_in_json(packed: Packed) -> None:
    change = config_with({"trainer.patience": float("inf")})
    assert load_archive(packed(change)).config["trainer"]["patience"] == float("inf")


def test_a_namespace_may_be_called_type(packed: Packed) -> None:
    assert load_archive(packed(config_with({"vocabulary": {"min_count": {"type": 2}}})))


class Evil:
    def __init__(self, trace: Union[str, Path]) -> None:
        self.trace = str(trace)

    def __reduce__(self) -> Any:
        return open, (self.trace, "w")


def tar_of_weights(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"))


WEIGHTS: Dict[str, Any] = {
    "command": (lambda path: torch.save({"a": Evil(path.parent.parent / "trap")}, path), "could run code"),
    "plain pickle": (
        lambda path: path.write_bytes(pickle.dumps(Evil(path.parent.parent / "trap"))),
        "could run code",
    ),
    "old form": (tar_of_weights, "refused"),
    "half": (lambda path: path.write_bytes(path.read_bytes()[:900]), "weights.th"),
    "empty": (lambda path: path.write_bytes(b""), "weights.th cannot be read as weights"),
    "text": (lambda path: path.write_text("none of these\n" * 9), "weights.th"),
    "list": (lambda path: torch.save([torch.ones(1)], path), "weights.th holds a list"),
    "no tensors": (lambda path: torch.save({"a": "b"}, path), "its model"),
    "other names": (lambda path: torch.save({"a": torch.ones(1)}, path), "Missing key"),
    "missing": (lambda path: path.unlink(), "has no weights; expected weights.th"),
    "directory": (lambda path: (path.unlink(), path.mkdir()), "has no weights"),
}


@pytest.mark.parametrize("kind", sorted(WEIGHTS))
def test_weights(kind: str, packed: Packed, trap: Path) -> None:
    change, part = WEIGHTS[kind]
    refused(packed(lambda place: change(place / "weights.th")), part)


def test_weights_of_another_size(packed: Packed) -> None:
    refused(packed(config_with({"model.seq2vec_encoder.embedding_dim": 5})), "its model", "4")


def test_weights_named_by_the_user(packed: Packed, tmp_path: Path, trap: Path) -> None:
    torch.save({"a": Evil(trap)}, tmp_path / "evil.th")
    refused(packed(), "evil.th is refused: it holds io.open", weights_file=str(tmp_path / "evil.th"))
    with pytest.raises(ConfigurationError, match="no file of weights .*none.th"):
        load_archive(packed(), weights_file=str(tmp_path / "none.th"))
    with pytest.raises(ConfigurationError, match="evil.th is refused"):
        PretrainedModelInitializer(str(tmp_path / "evil.th"))


def test_other_files(packed: Packed) -> None:
    refused(packed(lambda place: shutil.rmtree(place / "vocabulary")), "its model", "vocabulary")
    refused(packed(lambda place: (place / "config.json").unlink()), "has no config.json")
    for content in ("{", "[]", '{"version": "x"}', '{"version": 3, "python_version": 3}'):
        refused(packed(lambda place: (place / "meta.json").write_text(content)), "meta.json")  # noqa: B023


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


MEMBERS = {
    "path outside": (entry("../outside"), "'../outside' would lie outside"),
    "path outside, inside": (entry("vocabulary/../../outside"), "would lie outside"),
    "absolute path": (entry("/tmp/outside"), "'/tmp/outside' would lie outside"),
    "symbolic link": (entry("a", tarfile.SYMTYPE, link="/etc/passwd"), "'a' is neither a file"),
    "symbolic link inside": (entry("a", tarfile.SYMTYPE, link="config.json"), "'a' is neither a file"),
    "hard link": (entry("a", tarfile.LNKTYPE, link="config.json"), "'a' is neither a file"),
    "device": (entry("a", tarfile.CHRTYPE), "'a' is neither a file"),
    "pipe": (entry("a", tarfile.FIFOTYPE), "'a' is neither a file"),
    "declared size": (entry("a", size=17 << 30), "unpacks to more than 0.1 GB"),
}


@pytest.mark.parametrize("kind", sorted(MEMBERS))
def test_members(kind: str, packed: Packed, tmp_path: Path) -> None:
    member, part = MEMBERS[kind]
    content = gzip.decompress(packed().read_bytes()).rstrip(b"\0")
    content += bytes(-len(content) % 512)
    with gzip.open(tmp_path / "model.tar.gz", "wb") as target:
        target.write(content + member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    refused(tmp_path / "model.tar.gz", part)
    assert not (tmp_path / "outside").exists()


def test_bombs(packed: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(lambda place: (place / "zeros").write_bytes(bytes(2 << 20)))
    monkeypatch.setenv("LUKE_UNPACK_LIMIT", "0.001")
    refused(path, "unpacks to more than 0.0 GB", "LUKE_UNPACK_LIMIT")
    monkeypatch.setenv("LUKE_UNPACK_LIMIT", "0.01")
    assert load_archive(path)
    monkeypatch.setenv("LUKE_UNPACK_LIMIT", "much")
    refused(path, "LUKE_UNPACK_LIMIT is 'much'")
    monkeypatch.delenv("LUKE_UNPACK_LIMIT")
    monkeypatch.setattr("allennlp.common.unpacking._MAX_MEMBERS", 3)
    refused(path, "more than 3 members")


def test_damaged_files(packed: Packed) -> None:
    whole = packed().read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-6] + b"\1" + whole[-5:], b"", b"none", b"PK\3\4"):
        path = packed()
        path.write_bytes(content)
        refused(path)


def test_a_full_disk(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("allennlp.common.unpacking.Member.copy_to", fail)
    refused(packed(), "No space left on device", "TMPDIR")


def test_an_interruption(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves nothing behind, as `nothing_is_left` sees."""

    def fail(self: Any, target: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("allennlp.common.unpacking.Member.copy_to", fail)
    with pytest.raises(KeyboardInterrupt):
        load_archive(packed())


def test_vocabularies(packed: Packed, tmp_path: Path) -> None:
    assert len(Vocabulary.from_files(packed()).get_index_to_token_vocabulary("labels")) == 2
    with tarfile.open(tmp_path / "vocabulary.tar.gz", "w:gz") as archive:
        archive.addfile(entry("a", tarfile.SYMTYPE, link="/etc/passwd"))
    with pytest.raises(ConfigurationError, match="'a' is neither a file"):
        Vocabulary.from_files(tmp_path / "vocabulary.tar.gz")


def test_differences(packed: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`allennlp diff` unpacks archives, too."""
    at_exit: List[Any] = []
    monkeypatch.setattr("atexit.register", lambda *call, **_: at_exit.append(call))
    for inner in ("", "!weights.th"):
        assert Path(diff._get_checkpoint_path(f"{packed()}{inner}")).name == "weights.th"
    with pytest.raises(ConfigurationError, match="'link' is neither a file"):
        diff._get_checkpoint_path(str(packed(lambda place: (place / "link").symlink_to("/etc/passwd"))))
    for remove, *arguments in at_exit:
        remove(*arguments)


def test_directories(model: Path, tmp_path: Path, trap: Path) -> None:
    place = tmp_path / "run"
    shutil.copytree(model, place)
    (place / "weights.th").rename(place / "best.th")
    assert load_archive(place)
    config_with({"model": POPEN}, trap)(place)
    refused(place, "model.type", "run code")
    (place / "config.json").write_text('{"model": importstr "/etc/passwd"}')
    refused(place, "is not JSON")


def test_archives_in_archives(packed: Packed, trap: Path, tmp_path: Path) -> None:
    inner = str(packed(config_with({"model": POPEN}, trap), "inner.tar.gz"))
    module = {"_pretrained": {"archive_file": inner, "module_path": "_text_field_embedder"}}
    for key, value in (
        ("model.text_field_embedder", module),
        ("model", {"type": "from_archive", "archive_file": inner}),
    ):
        with pytest.raises(ConfigurationError) as error:
            load_archive(packed(config_with({key: value})))
        check_sentence(str(error.value), inner, "model.type in config.json", "run code")
    # One that is harmless is loaded.
    packed(name="inner.tar.gz")
    assert load_archive(packed(config_with({"model.text_field_embedder": module})))


def test_predictors(packed: Packed, trap: Path) -> None:
    predictor = Predictor.from_path(packed(), "text_classifier", import_plugins=False)
    assert predictor.predict_json({"sentence": "good film"})["label"] in ("pos", "neg")
    with pytest.raises(ConfigurationError, match="dataset_reader.type in config.json.*run code"):
        Predictor.from_path(packed(config_with({"dataset_reader": POPEN}, trap)), import_plugins=False)


def predict(path: str, place: Path) -> List[str]:
    (place / "in.jsonl").write_text('{"sentence": "good"}\n')
    return ["predict", path, str(place / "in.jsonl"), "--predictor", "text_classifier"]


def evaluate(path: str, place: Path) -> List[str]:
    (place / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return ["evaluate", path, str(place / "in.jsonl")]


def with_config(command: str, path: str, place: Path, model: Dict[str, Any]) -> List[str]:
    evaluate(path, place)
    config = {**CONFIG, "model": model, "train_data_path": str(place / "in.jsonl")}
    (place / "config.jsonnet").write_text(json.dumps(config))
    return [command, str(place / "config.jsonnet"), "-s", str(place / "out")]


COMMANDS: Dict[str, Callable[[str, Path], List[str]]] = {
    "predict": predict,
    "evaluate": evaluate,
    "export-checkpoint": lambda path, place: ["export-checkpoint", path, str(place / "out")],
    "train from_archive": lambda path, place: with_config(
        "train", path, place, {"type": "from_archive", "archive_file": path}
    ),
    "train _pretrained": lambda path, place: with_config(
        "train",
        path,
        place,
        {
            **CONFIG["model"],
            "text_field_embedder": {
                "_pretrained": {"archive_file": path, "module_path": "_text_field_embedder"}
            },
        },
    ),
    "find-lr": lambda path, place: with_config(
        "find-lr", path, place, {"type": "from_archive", "archive_file": path}
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_commands(name: str, packed: Packed, trap: Path, tmp_path: Path, allennlp: Callable) -> None:
    for change, part in (
        (config_with({"dataset_reader": POPEN}, trap), "run code"),
        (config_with({"model": POPEN}, trap), "run code"),
        (lambda place: torch.save({"a": Evil(trap)}, place / "weights.th"), "weights.th"),
        (lambda place: (place / "config.json").write_text('{"model": importstr "/etc/passwd"}'), "JSON"),
        (lambda place: (place / "link").symlink_to("/etc/passwd"), "'link' is neither a file"),
    ):
        path = packed(change)
        if name == "export-checkpoint" and part == "weights.th":
            continue  # This model cannot be exported anyway; tests/exchange has those that can.
        finished = allennlp(*COMMANDS[name](str(path), tmp_path))
        assert finished.status == 1 and "Traceback" not in finished.out + finished.err
        assert finished.error.startswith("allennlp: error: ")
        check_sentence(finished.error, str(path), part)
        assert not trap.exists()


def test_commands_still_work(packed: Packed, tmp_path: Path, allennlp: Callable) -> None:
    for command in ("predict", "evaluate"):
        finished = allennlp(*COMMANDS[command](str(packed()), tmp_path))
        assert finished.status == 0, finished.err


@pytest.mark.slow
def test_own_configs_are_trusted(packed: Packed, module: str, tmp_path: Path, allennlp: Callable) -> None:
    """`train` takes what the user's own config names; its archive is then one as any other."""
    model = {**CONFIG["model"], "type": "allennlp.models.basic_classifier.BasicClassifier"}
    arguments = with_config("train", "", tmp_path, model)
    arguments += ["-o", json.dumps({"dataset_reader.tokenizer": f"{module}.Own"})]
    assert allennlp(*arguments).status == 0
    made = str(tmp_path / "out" / "model.tar.gz")
    finished = allennlp(*evaluate(made, tmp_path))
    check_sentence(finished.error, made, f"'{module}.Own'", "--include-package")
    assert allennlp(*evaluate(made, tmp_path), "--include-package", module).status == 0


def test_files_that_are_there_twice(packed: Packed, tmp_path: Path) -> None:
    """A file that is there twice is what it was last, as with `tar`."""
    content = json.dumps(CONFIG).encode()
    with tarfile.open(packed()) as source, tarfile.open(tmp_path / "twice.tar.gz", "w:gz") as target:
        target.addfile(entry("config.json", size=2), io.BytesIO(b"[]"))
        for member in source:
            if member.name != "config.json":
                target.addfile(member, source.extractfile(member) if member.isfile() else None)
        target.addfile(entry("config.json", size=len(content)), io.BytesIO(content))
    assert load_archive(tmp_path / "twice.tar.gz")
