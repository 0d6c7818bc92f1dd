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

from luke_allennlp.checkpoints.model_files import (
    _hub_is_reachable,
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
COMMIT = "a" * 40


class TestDirectory:
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", pytest.fail)

    def test_files(self, fixtures_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        directory = fixtures_dir / "tiny-luke"
        assert find_file(str(directory), "vocab.json") == directory / "vocab.json"
        assert find_file(str(directory), "tokenizer.json") is None
        (tmp_path / HUB_ID).mkdir(parents=True)
        assert find_file(HUB_ID, "config.json") is None  # nor asked of the hub
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "config.json").write_text("{}")
        assert find_file("~", "config.json") == tmp_path / "config.json"

    def test_that_is_not_there(self, tmp_path: Path, fixtures_dir: Path) -> None:
        with pytest.raises(ConfigurationError) as error:
            find_file("./missing", "config.json")
        assert all(part in str(error.value) for part in ("'./missing'", str(tmp_path), "LUKE_MODEL"))
        with pytest.raises(ConfigurationError, match="config.json' is a file; expected the directory"):
            find_file(str(fixtures_dir / "tiny-luke" / "config.json"), "config.json")

    def test_names_of_paths_and_hub_ids(self, tmp_path: Path) -> None:
        for name in ("./a", "../a", "/a/b", "~/a", "~", ".", "a/b/c", "models/luke/large"):
            assert looks_like_path(name), name
        for name in ("studio-ousia/luke-large", "roberta-base", "a.b/c_d-e", "models/luke-lrage"):
            assert not looks_like_path(name), name
        (tmp_path / "models").mkdir()
        assert looks_like_path("models/luke-lrage")


class Hub:
    """A repository's commits in place of the hub: `snapshot_download` copies what it is asked."""

    def __init__(self, cache: Path, repository: Path) -> None:
        self.cache = cache
        self.main = COMMIT
        self.commits = {COMMIT: repository}
        self.asked: List[Tuple[str, Optional[str]]] = []
        self.fetched: List[str] = []

    def snapshot_download(
        self, name: str, revision: Optional[str], allow_patterns: List[str], **_: Any
    ) -> str:
        self.asked.append((name, revision))
        snapshot = self.cache / (revision or self.main)
        snapshot.mkdir(parents=True, exist_ok=True)
        for path in self.commits[revision or self.main].iterdir():
            if any(fnmatch(path.name, pattern) for pattern in allow_patterns):
                self.fetched.append(path.name)
                (snapshot / path.name).write_bytes(path.read_bytes())
        return str(snapshot)


@pytest.fixture
def repository(tmp_path: Path, fixtures_dir: Path) -> Path:
    """Has tiny-luke, with weights in two forms and with files that nobody here needs."""
    repository = tmp_path / "repository"
    shutil.copytree(fixtures_dir / "tiny-luke", repository)
    for name in ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "model.onnx", "README.md"):
        (repository / name).write_text("not needed")
    return repository


@pytest.fixture
def hub(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub(tmp_path / "hub", repository)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    return hub


class TestHub:
    def test_is_asked_once_for_the_small_files(self, hub: Hub, fixtures_dir: Path) -> None:
        expected = WordTokenizer(str(fixtures_dir / "tiny-luke")).encode("the pub").ids
        assert WordTokenizer(HUB_ID).encode("the pub").ids == expected
        check_available(HUB_ID)
        assert find_file(HUB_ID, "tokenizer.json") is None
        LukeEmbedder(HUB_ID, entities=["[PAD]", "[MASK]"], load_weights=False)
        assert hub.asked == [(HUB_ID, None)]
        unwanted = ("model.", "pytorch", "tf", "flax", "README")
        assert not [name for name in hub.fetched if name.startswith(unwanted)]

    def test_weights_are_fetched_on_demand_from_the_same_commit(self, hub: Hub, tmp_path: Path) -> None:
        WordTokenizer(HUB_ID)
        (tmp_path / "newer").mkdir()
        hub.main = "b" * 40
        hub.commits[hub.main] = tmp_path / "newer"
        fetched = len(hub.fetched)
        for _ in range(2):
            LukeEmbedder(HUB_ID, entities=["[PAD]", "[MASK]"])
        assert hub.asked == [(HUB_ID, None), (HUB_ID, COMMIT)]
        assert hub.fetched[fetched:] == ["model.safetensors"]

    def test_weights_of_torch_where_there_are_no_others(
        self, hub: Hub, repository: Path, stack: ExitStack
    ) -> None:
        (repository / "model.safetensors").unlink()
        with pytest.raises(ConfigurationError, match="pytorch_model.bin are refused"):
            open_checkpoint(HUB_ID, stack)
        assert "pytorch_model.bin" in hub.fetched and "model.onnx" not in hub.fetched

    @pytest.mark.parametrize("revision", ["c" * 40, "v1.0", "refs/pr/1"])
    def test_revision(self, hub: Hub, revision: str, fixtures_dir: Path) -> None:
        hub.commits[revision] = fixtures_dir / "tiny-luke"
        name = f"{HUB_ID}@{revision}"
        WordTokenizer(name)
        assert WordTokenizer(HUB_ID, revision=revision).model_name == name
        LukeTokenIndexer(HUB_ID, revision=revision)
        embedder = LukeEmbedder(HUB_ID, entities=[], load_weights=False, revision=revision)
        assert embedder.model_name == name
        SpansEntityLinker(HUB_ID, revision=revision)
        assert hub.asked == [(HUB_ID, revision)]
        assert find_file(name, "config.json") == hub.cache / revision / "config.json"

    @pytest.mark.parametrize(
        "name, expected",
        [
            ("LocalEntryNotFoundError", "is not in the hub's cache, and the hub cannot be reached; connect"),
            ("RepositoryNotFoundError", "nor a model of this id on the hub; correct the name"),
            ("RevisionNotFoundError", "has no revision 'v9'; give one of its"),
            ("GatedRepoError", "asks for a login"),
            ("HFValidationError", "nor a possible hub id"),
            ("HfHubHTTPError", "could not deliver the files of .*; try again, or give a directory"),
        ],
    )
    def test_says_what_is_wrong(self, name: str, expected: str, hub_fails: Callable) -> None:
        hub_fails(name)
        with pytest.raises(ConfigurationError, match=expected) as error:
            find_file(f"{HUB_ID}@v9", "config.json")
        assert HUB_ID in str(error.value)
        assert error.value.__context__ is None, "the hub's own traceback would stand above the message"

    @pytest.mark.parametrize("name", ["a b", "-a/b", "studio--ousia/luke"])
    def test_no_id(self, name: str) -> None:
        """The hub's library refuses these before it asks the hub."""
        with pytest.raises(ConfigurationError, match="nor a possible hub id"):
            find_file(name, "config.json")

    def test_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
        assert not _hub_is_reachable.__wrapped__()


def test_at_revision(fixtures_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert at_revision(HUB_ID, None) == HUB_ID
    assert at_revision(f"{HUB_ID}@main", "main") == f"{HUB_ID}@main"
    with pytest.raises(ConfigurationError, match="names a revision, and the option 'revision' is 'v2'; give"):
        at_revision(f"{HUB_ID}@v1", "v2")
    directory = str(fixtures_dir / "tiny-luke")
    with caplog.at_level(logging.INFO):
        assert at_revision(directory, "v1.0") == directory
    assert "The revision 'v1.0' is ignored" in caplog.text


WITHOUT_NETWORK = f"""
import json
from luke_allennlp.checkpoints.model_files import find_file
from luke_allennlp.token_embedders.luke_embedder import LukeEmbedder
from luke_allennlp.data.word_tokenizer import WordTokenizer

LukeEmbedder("studio-ousia/luke-tiny", entities=["[PAD]", "[MASK]"])
assert find_file("studio-ousia/luke-tiny", "tokenizer.json") is None
print(json.dumps(WordTokenizer("studio-ousia/luke-tiny").encode("the pub").ids))
LukeEmbedder({HUB_ID!r})
"""


@pytest.mark.slow
def test_without_network(fixtures_dir: Path, environment: Dict[str, str], tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--studio-ousia--luke-tiny"
    shutil.copytree(fixtures_dir / "tiny-luke", repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    command = [sys.executable, "-c", WITHOUT_NETWORK]
    environment = {**environment, "HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")}
    process = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    expected = WordTokenizer(str(fixtures_dir / "tiny-luke")).encode("the pub").ids
    assert json.loads(process.stdout.splitlines()[-1]) == expected, process.stderr
    last = process.stderr.splitlines()[-1]
    assert f"The model {HUB_ID!r} is no directory here" in last and "the hub cannot be reached" in last


def test_read_json(fixtures_dir: Path, tmp_path: Path) -> None:
    check_available(str(fixtures_dir / "tiny-luke"))
    with pytest.raises(ConfigurationError, match="has no config.json; expected a checkpoint"):
        check_available(str(tmp_path))
    (tmp_path / "a.json").write_text('{"é": 1}', encoding="utf-8")
    assert read_json(str(tmp_path), "a.json") == {"é": 1}
    for content, expected in (
        (b'{"a": ', "is not JSON .*; the checkpoint is damaged"),
        (b"\xff\xfe{}", "is not JSON .*; the checkpoint is damaged"),
        (b"[1]", "holds a JSON list; expected an object"),
    ):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(ConfigurationError, match=f"a.json {expected}"):
            read_json(str(tmp_path), "a.json")


class TestTarball:
    @pytest.fixture
    def path(self, tmp_path: Path, fixtures_dir: Path) -> Path:
        with tarfile.open(tmp_path / "luke.tar.gz", "w:gz") as archive:
            archive.add(fixtures_dir / "tiny-luke", "model")
        return tmp_path / "luke.tar.gz"

    def test_is_unpacked_once(self, path: Path, cache: Path, fixtures_dir: Path) -> None:
        found = find_file(str(path), "vocab.json")
        assert found is not None and cache in found.parents
        assert found.read_bytes() == (fixtures_dir / "tiny-luke" / "vocab.json").read_bytes()
        assert find_file(str(path), "tokenizer.json") is None
        with mock.patch.object(tarfile, "open", side_effect=AssertionError):
            assert find_file(str(path), "vocab.json") == found
            assert local_directory(str(path)) == found.parent
        check_available(str(path))
        os.utime(path, (1, 1))  # as if it changed
        assert find_file(str(path), "vocab.json") != found

    def test_beside_what_a_killed_process_left(self, path: Path, cache: Path) -> None:
        directory = local_directory(str(path))
        assert directory is not None
        directory.rename(cache / f".{directory.name}.x1")
        assert local_directory(str(path)) == directory
        assert {file.name for file in cache.iterdir()} - {".lock"} == {directory.name}

    @pytest.mark.slow
    def test_many_processes_at_once(self, path: Path, cache: Path, environment: Dict[str, str]) -> None:
        code = "from luke_allennlp.checkpoints.model_files import find_file; import sys"
        command = [sys.executable, "-c", f"{code}; print(find_file(sys.argv[1], 'vocab.json'))", str(path)]
        environment = {**environment, "LUKE_CACHE": str(cache)}
        processes = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)
        ]
        found = {process.communicate()[0] for process in processes}
        assert len(found) == 1 and Path(found.pop().strip()).is_file()
        assert len([file for file in cache.iterdir() if file.name != ".lock"]) == 1

    def test_cache_of_the_user(self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LUKE_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for parent in (tmp_path / "xdg", tmp_path / "home" / ".cache"):
            directory = local_directory(str(path))
            assert directory is not None and directory.parent == parent / "luke_allennlp"
            monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def test_full_disk(self, path: Path, cache: Path) -> None:
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
            with pytest.raises(ConfigurationError, match="luke.tar.gz' cannot be unpacked .*No space left"):
                find_file(str(path), "vocab.json")
        assert {file.name for file in cache.iterdir()} <= {".lock"}
