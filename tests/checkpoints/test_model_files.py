import json
import logging
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import ExitStack
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple
from unittest import mock

import huggingface_hub
import pytest
from allennlp.common.checks import ConfigurationError
from huggingface_hub import errors

from luke_allennlp.checkpoints.model_files import (
    _download,
    at_revision,
    check_available,
    find_file,
    local_directory,
    looks_like_path,
    read_json,
)
from luke_allennlp.checkpoints.tensors import open_checkpoint
from luke_allennlp.data.token_indexer import LukeTokenIndexer
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.linking.entity_linker import SpansEntityLinker
from luke_allennlp.token_embedders import LukeEmbedder

HUB_ID = "studio-ousia/luke-that-nobody-published"


class TestDirectory:
    def test_file_is_found(self, fixtures_dir: Path) -> None:
        directory = fixtures_dir / "tiny-luke"
        assert find_file(str(directory), "vocab.json") == directory / "vocab.json"

    def test_file_may_be_absent(self, fixtures_dir: Path) -> None:
        assert find_file(str(fixtures_dir / "tiny-luke"), "tokenizer.json") is None

    def test_home_is_expanded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "config.json").write_text("{}")
        assert find_file("~/model", "config.json") == tmp_path / "model" / "config.json"

    def test_comes_before_the_hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / HUB_ID).mkdir(parents=True)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", pytest.fail)
        assert find_file(HUB_ID, "config.json") is None

    def test_that_is_not_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", pytest.fail)
        with pytest.raises(ConfigurationError) as error:
            find_file("./missing", "config.json")
        message = str(error.value)
        assert (
            "no model directory './missing'" in message
            and str(tmp_path) in message
            and "LUKE_MODEL" in message
        )

    def test_that_is_a_file(self, fixtures_dir: Path) -> None:
        with pytest.raises(ConfigurationError, match="config.json' is a file; expected the directory"):
            find_file(str(fixtures_dir / "tiny-luke" / "config.json"), "config.json")


class TestLooksLikePath:
    @pytest.mark.parametrize("name", ["./a", "../a", "/a/b", "~/a", "~", ".", "a/b/c", "models/luke/large"])
    def test_paths(self, name: str) -> None:
        assert looks_like_path(name)

    @pytest.mark.parametrize("name", ["studio-ousia/luke-large", "roberta-base", "a.b/c_d-e"])
    def test_hub_ids(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert not looks_like_path(name)

    def test_slip_in_an_existing_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "models").mkdir()
        monkeypatch.chdir(tmp_path)
        assert looks_like_path("models/luke-lrage")


def raising(error: Exception) -> Callable[..., str]:
    def snapshot_download(*_: Any, **__: Any) -> str:
        raise error

    return snapshot_download


def hub_error(name: str) -> Exception:
    # Their constructors differ between versions of the hub's library, and want an HTTP response.
    cls = getattr(errors, name)
    return cls.__new__(cls, f"a {name} of the hub")


class Hub:
    """Repositories, by id and commit, in place of the hub: `snapshot_download` copies what it is asked."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.repositories: Dict[str, Dict[str, Path]] = {}
        self.main: Dict[str, str] = {}
        self.asked: List[Tuple[str, Optional[str]]] = []
        self.fetched: List[str] = []

    def add(self, name: str, commit: str, directory: Path) -> None:
        """A commit, which becomes the newest."""
        self.repositories.setdefault(name, {})[commit] = directory
        self.main[name] = commit

    def snapshot_download(
        self, name: str, revision: Optional[str], allow_patterns: List[str], **_: Any
    ) -> str:
        self.asked.append((name, revision))
        if revision is None or revision == "main":
            revision = self.main[name]
        if revision not in self.repositories[name]:
            raise hub_error("RevisionNotFoundError")
        snapshot = self.cache / revision
        snapshot.mkdir(parents=True, exist_ok=True)
        for path in self.repositories[name][revision].iterdir():
            if any(fnmatch(path.name, pattern) for pattern in allow_patterns):
                self.fetched.append(path.name)
                (snapshot / path.name).write_bytes(path.read_bytes())
        return str(snapshot)


@pytest.fixture(autouse=True)
def nothing_is_known() -> None:
    """Of the hub, from other tests."""
    _download.cache_clear()


@pytest.fixture
def hub(tmp_path: Path, fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """It has tiny-luke, with weights in two forms and with files that nobody here needs."""
    repository = tmp_path / "repository"
    shutil.copytree(fixtures_dir / "tiny-luke", repository)
    for name in ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "model.onnx", "README.md"):
        (repository / name).write_text("not needed")
    hub = Hub(tmp_path / "cache")
    hub.add(HUB_ID, "a" * 40, repository)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    return hub


class TestHub:
    def test_is_asked_once_for_the_small_files(self, hub: Hub, fixtures_dir: Path) -> None:
        tokenizer = WordTokenizer(HUB_ID)
        assert (
            tokenizer.encode("the pub").ids
            == WordTokenizer(str(fixtures_dir / "tiny-luke")).encode("the pub").ids
        )
        check_available(HUB_ID)
        assert find_file(HUB_ID, "tokenizer.json") is None
        LukeEmbedder(HUB_ID, entities=["[PAD]", "[MASK]"], load_weights=False)
        assert hub.asked == [(HUB_ID, None)]
        assert not [
            name for name in hub.fetched if name.startswith(("model.", "pytorch", "tf", "flax", "README"))
        ]

    def test_weights_come_when_they_are_asked_for_from_the_same_commit(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        WordTokenizer(HUB_ID)
        newer = tmp_path / "newer"
        newer.mkdir()
        hub.add(HUB_ID, "b" * 40, newer)
        fetched = len(hub.fetched)
        for _ in range(2):
            LukeEmbedder(HUB_ID, entities=["[PAD]", "[MASK]"])
        assert hub.asked == [(HUB_ID, None), (HUB_ID, "a" * 40)]
        assert hub.fetched[fetched:] == ["model.safetensors"]

    def test_weights_of_torch_where_there_are_no_others(self, hub: Hub) -> None:
        repository = hub.repositories[HUB_ID]["a" * 40]
        (repository / "model.safetensors").unlink()
        with (
            ExitStack() as stack,
            pytest.raises(ConfigurationError, match="pytorch_model.bin are refused"),
        ):
            open_checkpoint(HUB_ID, stack)
        assert "pytorch_model.bin" in hub.fetched and "model.onnx" not in hub.fetched

    def test_parts_of_weights(self, hub: Hub) -> None:
        repository = hub.repositories[HUB_ID]["a" * 40]
        (repository / "model.safetensors").rename(repository / "model-1-of-1.safetensors")
        index = {"weight_map": {"any": "model-1-of-1.safetensors"}}
        (repository / "model.safetensors.index.json").write_text(json.dumps(index))
        with ExitStack() as stack:
            assert open_checkpoint(HUB_ID, stack)
        assert "model-1-of-1.safetensors" in hub.fetched and "pytorch_model.bin" not in hub.fetched

    def test_a_name_with_wildcards_is_just_a_name(self, hub: Hub) -> None:
        assert find_file(HUB_ID, "*") is None
        assert "README.md" not in hub.fetched

    @pytest.mark.parametrize("revision", ["c" * 40, "v1.0", "refs/pr/1"])
    def test_revision(self, hub: Hub, revision: str, tmp_path: Path, fixtures_dir: Path) -> None:
        (tmp_path / "cache").mkdir()
        older = tmp_path / "older"
        shutil.copytree(fixtures_dir / "tiny-luke", older)
        hub.repositories[HUB_ID][revision] = older
        WordTokenizer(f"{HUB_ID}@{revision}")
        tokenizer = WordTokenizer(HUB_ID, revision=revision)
        assert tokenizer.model_name == f"{HUB_ID}@{revision}"
        LukeTokenIndexer(HUB_ID, revision=revision)
        embedder = LukeEmbedder(HUB_ID, entities=[], load_weights=False, revision=revision)
        assert embedder.model_name == f"{HUB_ID}@{revision}"
        SpansEntityLinker(HUB_ID, revision=revision)
        assert hub.asked == [(HUB_ID, revision)]
        assert find_file(f"{HUB_ID}@{revision}", "config.json") == hub.cache / revision / "config.json"

    def test_no_such_revision(self, hub: Hub) -> None:
        with pytest.raises(
            ConfigurationError, match=f"model '{HUB_ID}' has no revision 'v9'; give one of its"
        ):
            WordTokenizer(HUB_ID, revision="v9")

    @pytest.mark.parametrize(
        "name, expected",
        [
            (
                "LocalEntryNotFoundError",
                "is not in the hub's cache, and the hub cannot be reached; connect, fetch it",
            ),
            ("RepositoryNotFoundError", "nor a model of this id on the hub; correct the name"),
            ("GatedRepoError", "asks for a login"),
            ("HFValidationError", "nor a possible hub id"),
            ("HfHubHTTPError", "could not deliver the files of .*; try again, or give a directory"),
        ],
    )
    def test_says_what_is_wrong(self, name: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(huggingface_hub, "snapshot_download", raising(hub_error(name)))
        with pytest.raises(ConfigurationError, match=expected) as error:
            find_file(HUB_ID, "config.json")
        assert HUB_ID in str(error.value)
        assert error.value.__suppress_context__, "the hub's own traceback would stand above the message"

    @pytest.mark.parametrize("name", ["a b", "-a/b", "studio--ousia/luke"])
    def test_no_id(self, name: str) -> None:
        """The hub's library refuses these before it asks the hub."""
        with pytest.raises(ConfigurationError, match="nor a possible hub id"):
            find_file(name, "config.json")


class TestAtRevision:
    def test_none(self) -> None:
        assert at_revision(HUB_ID, None) == HUB_ID
        assert at_revision(f"{HUB_ID}@main", "main") == f"{HUB_ID}@main"

    def test_a_directory_has_none(self, fixtures_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
        directory = str(fixtures_dir / "tiny-luke")
        with caplog.at_level(logging.INFO):
            assert at_revision(directory, "v1.0") == directory
        assert "The revision 'v1.0' is ignored" in caplog.text

    def test_two(self) -> None:
        with pytest.raises(
            ConfigurationError, match="names a revision, and the option 'revision' is 'v2'; give"
        ):
            at_revision(f"{HUB_ID}@v1", "v2")


@pytest.fixture
def hub_cache(tmp_path: Path, fixtures_dir: Path) -> Dict[str, str]:
    """The environment of a process without network, in whose cache are a checkpoint and a part of another."""
    for name, files in (("luke-tiny", "*"), ("luke-part", "config.json")):
        repository = tmp_path / "hub" / f"models--studio-ousia--{name}"
        snapshot = repository / "snapshots" / ("0" * 40)
        snapshot.mkdir(parents=True)
        for path in (fixtures_dir / "tiny-luke").glob(files):
            (snapshot / path.name).write_bytes(path.read_bytes())
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("0" * 40)
    return {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")}


@pytest.mark.slow
def test_without_network(hub_cache: Dict[str, str], root_dir: Path, tmp_path: Path) -> None:
    script = f"""
import json, time
from allennlp.common.checks import ConfigurationError
from luke_allennlp.checkpoints.model_files import find_file
from luke_allennlp.token_embedders.luke_embedder import LukeEmbedder
from luke_allennlp.data.word_tokenizer import WordTokenizer

embedder = LukeEmbedder("studio-ousia/luke-tiny", entities=["[PAD]", "[MASK]"])
start = time.perf_counter()
try:
    LukeEmbedder({HUB_ID!r})
except ConfigurationError as error:
    message = str(error)
print(json.dumps({{
    "rows": embedder.luke.entity_embeddings.entity_embeddings.weight.shape[0],
    "ids": WordTokenizer("studio-ousia/luke-tiny").encode("the pub").ids,
    "absent": find_file("studio-ousia/luke-tiny", "tokenizer.json") is None,
    "part": find_file("studio-ousia/luke-part", "config.json") is not None,
    "rest": find_file("studio-ousia/luke-part", "model.safetensors") is None,
    "message": message,
    "seconds": time.perf_counter() - start,
}}))
"""
    environment = {**os.environ, **hub_cache, "PYTHONPATH": str(root_dir)}
    process = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout.splitlines()[-1])
    assert result["rows"] == 2
    assert result["ids"] == WordTokenizer(str(root_dir / "fixtures" / "tiny-luke")).encode("the pub").ids
    assert result["absent"]
    assert result["part"] and result["rest"]
    assert f"The model {HUB_ID!r} is no directory here" in result["message"]
    assert "the hub cannot be reached" in result["message"]
    assert result["seconds"] < 10


class TestReadJson:
    def test_object(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text('{"é": 1}', encoding="utf-8")
        assert read_json(str(tmp_path), "a.json") == {"é": 1}

    def test_absent(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="has no a.json; expected a checkpoint"):
            read_json(str(tmp_path), "a.json")

    @pytest.mark.parametrize("content", [b'{"a": ', b"", b"\xff\xfe{}"])
    def test_damaged(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(ConfigurationError, match="a.json is not JSON .*; the checkpoint is damaged"):
            read_json(str(tmp_path), "a.json")

    def test_no_object(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text("[1]")
        with pytest.raises(ConfigurationError, match="a.json holds a JSON list; expected an object"):
            read_json(str(tmp_path), "a.json")


def test_check_available(fixtures_dir: Path, tmp_path: Path) -> None:
    check_available(str(fixtures_dir / "tiny-luke"))
    with pytest.raises(ConfigurationError, match="has no config.json"):
        check_available(str(tmp_path))


class TestTarball:
    @pytest.fixture
    def path(self, tmp_path: Path, fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
        with tarfile.open(tmp_path / "luke.tar.gz", "w:gz") as archive:
            archive.add(fixtures_dir / "tiny-luke", "model")
        return tmp_path / "luke.tar.gz"

    def test_is_unpacked_once(self, path: Path, tmp_path: Path, fixtures_dir: Path) -> None:
        found = find_file(str(path), "vocab.json")
        assert found is not None and tmp_path / "cache" in found.parents
        assert found.read_bytes() == (fixtures_dir / "tiny-luke" / "vocab.json").read_bytes()
        assert find_file(str(path), "tokenizer.json") is None
        with mock.patch.object(tarfile, "open", side_effect=AssertionError):
            assert find_file(str(path), "vocab.json") == found
            assert local_directory(str(path)) == found.parent
        check_available(str(path))

    def test_is_unpacked_anew_when_it_changed(self, path: Path) -> None:
        found = find_file(str(path), "vocab.json")
        os.utime(path, (1, 1))
        assert find_file(str(path), "vocab.json") != found

    def test_beside_what_a_killed_process_left(self, path: Path, tmp_path: Path) -> None:
        directory = local_directory(str(path))
        assert directory is not None
        directory.rename(tmp_path / "cache" / f".{directory.name}.x1")
        assert local_directory(str(path)) == directory
        assert {file.name for file in (tmp_path / "cache").iterdir()} - {".lock"} == {directory.name}

    @pytest.mark.slow
    def test_many_processes_at_once(self, path: Path, tmp_path: Path, root_dir: Path) -> None:
        script = f"""
from luke_allennlp.checkpoints.model_files import find_file
print(find_file({str(path)!r}, "vocab.json"))
"""
        environment = {**os.environ, "PYTHONPATH": str(root_dir)}
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
            )
            for _ in range(3)
        ]
        found = {process.communicate()[0] for process in processes}
        assert len(found) == 1 and Path(found.pop().strip()).is_file()
        assert len([file for file in (tmp_path / "cache").iterdir() if file.name != ".lock"]) == 1

    def test_cache_of_the_user(self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LUKE_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        directory = local_directory(str(path))
        assert directory is not None and directory.parent == tmp_path / "xdg" / "luke_allennlp"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        directory = local_directory(str(path))
        assert directory is not None and directory.parent == tmp_path / "home" / ".cache" / "luke_allennlp"

    def test_cache_that_cannot_be(self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "file"))
        with pytest.raises(
            ConfigurationError, match="cannot be unpacked .*name a directory .* as LUKE_CACHE"
        ):
            find_file(str(path), "vocab.json")

    def test_full_disk(self, path: Path, tmp_path: Path) -> None:
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
            with pytest.raises(ConfigurationError, match="luke.tar.gz' cannot be unpacked .*No space left"):
                find_file(str(path), "vocab.json")
        assert {file.name for file in (tmp_path / "cache").iterdir()} <= {".lock"}
