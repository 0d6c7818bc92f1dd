"""Files from outside that mean harm, or are broken: refused with one error, nothing run and nothing made."""

import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.model_files import find_file
from luke_allennlp.checkpoints.tensors import open_file
from luke_allennlp.token_embedders.encoder_loading import load_encoder

ENTITIES = ["[PAD]", "[MASK]"]


def refusal(path: Path) -> str:
    """What is said about a file of weights."""
    with ExitStack() as stack, pytest.raises(ConfigurationError) as error:
        open_file(path, stack)
    message = str(error.value)
    assert str(path) in message and "\n" not in message and len(message) < 500
    return message


def legacy_file() -> bytes:
    """A file of torch before 1.6."""
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(6.0)}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def repack(path: Path, compression: int = zipfile.ZIP_STORED, **changed: bytes) -> None:
    """A file of torch with other parts."""
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(100_000), "b": torch.ones(3)}, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w", compression) as target:
        for part in source.infolist():
            name = part.filename.rpartition("/")[2].partition(".")[0]
            target.writestr(part.filename, changed.get(name, source.read(part)))


class Call:
    """Its pickle calls a function."""

    def __init__(self, function: Callable, argument: str) -> None:
        self.result = (function, (argument,))

    def __reduce__(self) -> Any:
        return self.result


@pytest.mark.filterwarnings("ignore:Detected pickle protocol", "ignore:TypedStorage is deprecated")
class TestPickles:
    @pytest.mark.parametrize("function", [os.mkdir, eval, torch.load, Path])
    @pytest.mark.parametrize("form", ["plain", "zip", "legacy", "after the magic number"])
    def test_calls(self, form: str, function: Callable, tmp_path: Path) -> None:
        trap, path = tmp_path / "trap", tmp_path / "a.bin"
        argument = f"__import__('os').mkdir('{trap}')" if function is eval else str(trap)
        hostile = {"a": Call(function, argument), "b": torch.ones(2)}
        if form == "plain":
            path.write_bytes(pickle.dumps(hostile["a"], protocol=2))
        elif form == "after the magic number":
            path.write_bytes(
                pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + pickle.dumps(hostile["a"], protocol=2)
            )
        else:
            torch.save(hostile, path, _use_new_zipfile_serialization=form == "zip")
        message = refusal(path)
        assert "are refused: the file holds something other than tensors (unsupported " in message.replace(
            "U", "u"
        )
        assert "weights_only" not in message  # torch tells how to run it
        assert not trap.exists()

    @pytest.mark.parametrize(
        "hostile",
        [
            b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b".",  # a terabyte of bytes
            b"\x80\x02}ccollections\nOrderedDict\nb.",  # a class given a state
            b"\x80\x02c__main__\n",
            b"\x80\x02}" + b"(" * 100_000 + b"." + b"\x80",
        ],
    )
    def test_damaged(self, hostile: bytes, tmp_path: Path) -> None:
        repack(tmp_path / "a.bin", data=hostile)
        refusal(tmp_path / "a.bin")
        (tmp_path / "a.bin").write_bytes(hostile)
        refusal(tmp_path / "a.bin")

    @pytest.mark.parametrize(
        "content", [{"a": 1}, [torch.ones(2)], {"m": {"a": torch.ones(2)}}, {7: torch.ones(1)}]
    )
    @pytest.mark.parametrize("legacy", [False, True])
    def test_no_state(self, content: Any, legacy: bool, tmp_path: Path) -> None:
        torch.save(content, tmp_path / "a.bin", _use_new_zipfile_serialization=not legacy)
        assert "are no dictionary of tensors" in refusal(tmp_path / "a.bin")

    def test_no_plain_tensor(self, tmp_path: Path) -> None:
        torch.save({"a": torch.ones(2).to_sparse()}, tmp_path / "a.bin")
        assert "the tensor 'a' is not a plain one" in refusal(tmp_path / "a.bin")

    def test_compressed(self, tmp_path: Path) -> None:
        repack(tmp_path / "a.bin")
        with ExitStack() as stack:
            assert open_file(tmp_path / "a.bin", stack)["b"].read().tolist() == [1, 1, 1]
        repack(tmp_path / "a.bin", zipfile.ZIP_DEFLATED)
        assert "is compressed, which torch never does" in refusal(tmp_path / "a.bin")


class TestSafetensors:
    @pytest.mark.parametrize(
        "header",
        [
            {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 800]}},
            {"a": {"dtype": "F32", "shape": [200], "data_offsets": [0, 8]}},
            {"a": {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 8]}},
            {"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
            {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
            {"a": {"dtype": "os.system", "shape": [2], "data_offsets": [0, 8]}},
            {"a": {"dtype": "F32", "shape": [2]}},
            {"a": [1]},
            {
                "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
            },
            [],
        ],
    )
    def test_safetensors_header(self, header: Any, tmp_path: Path) -> None:
        content = json.dumps(header).encode()
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(content)) + content + bytes(8))
        assert "cannot be read, the file is damaged" in refusal(tmp_path / "a.safetensors")

    @pytest.mark.parametrize("length", [0, 1, 10**6, 1 << 40, (1 << 64) - 1])
    def test_safetensors_length(self, length: int, tmp_path: Path) -> None:
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", length) + b"{}" + bytes(100))
        refusal(tmp_path / "a.safetensors")


class TestTruncated:
    @pytest.mark.parametrize("share", [0.0, 0.02, 0.9])
    @pytest.mark.parametrize("weights", ["luke.bin", "pytorch_model.bin"])
    def test_weights(self, weights: str, share: float, make_original: Callable) -> None:
        path = make_original(weights=weights) / weights
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ConfigurationError, match=f"The weights in {path} (cannot be read|are refused)"):
            load_encoder(str(path.parent), entities=ENTITIES)

    @pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
    def test_anywhere(self, tmp_path: Path) -> None:
        content = legacy_file()
        for size in range(0, len(content), 7):
            (tmp_path / "a.bin").write_bytes(content[:size])
            refusal(tmp_path / "a.bin")

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.98])
    def test_metadata(self, share: float, make_original: Callable) -> None:
        path = make_original() / "metadata.json"
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        with pytest.raises(ConfigurationError, match=f"{path} is not JSON"):
            load_encoder(str(path.parent), entities=ENTITIES)


def member(name: str, size: int = 4, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    return member(name, 0, type=kind, linkname=target)


class TestTarballs:
    @pytest.fixture
    def write(self, tmp_path: Path) -> Callable[..., Path]:
        def write(*members: tarfile.TarInfo, name: str = "luke.tar.gz", whole: bool = True) -> Path:
            path = tmp_path / name
            with tarfile.open(path, "w:gz") as archive:
                if whole:
                    archive.addfile(member("metadata.json"), io.BytesIO(b"{}  "))
                for info in members:
                    archive.addfile(info, io.BytesIO(b"data" * (info.size // 4)))
            return path

        return write

    def refused(self, path: Path, cache: Path, kind: str = "refused") -> str:
        before = self.files(path.parent)
        with pytest.raises(ConfigurationError) as error:
            find_file(str(path), "metadata.json")
        message = str(error.value)
        assert f"The tarball {str(path)!r} is {kind}" in message and "\n" not in message
        assert self.files(path.parent) == before
        assert [file.name for file in cache.glob("*") if file.name != ".lock"] == []
        return message

    def files(self, directory: Path) -> Dict[Path, int]:
        found = [path for path in directory.rglob("*") if path.is_file() and path.name != ".lock"]
        return {path: path.stat().st_size for path in found}

    @pytest.mark.parametrize(
        "name",
        [
            "../luke.bin",
            "a/../../luke.bin",
            "/luke.bin",
            "..\\luke.bin",
            "..",
        ],
    )
    def test_outside(self, name: str, write: Callable, cache: Path) -> None:
        path = write(member(name))
        assert f"its member {name!r} would lie outside of its directory" in self.refused(path, cache)

    @pytest.mark.parametrize(
        "special",
        [
            link("luke.bin", tarfile.SYMTYPE, "/etc/passwd"),
            link("luke.bin", tarfile.LNKTYPE, "../../secret"),
            link("unknown", tarfile.SYMTYPE, "metadata.json"),
            link("entity_vocab.tsv", tarfile.FIFOTYPE, ""),
            link("luke.bin", tarfile.CHRTYPE, ""),
        ],
    )
    def test_no_file(self, special: tarfile.TarInfo, write: Callable, cache: Path) -> None:
        assert "is neither a file nor a directory" in self.refused(write(special), cache)

    def test_file_through_a_link(self, write: Callable, cache: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        path = write(link("model", tarfile.SYMTYPE, str(outside)), member("model/luke.bin"), whole=False)
        self.refused(path, cache)
        assert list(outside.iterdir()) == []

    def test_other_files_stay_in_it(
        self, make_original: Callable, tar: Callable, cache: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        directory = make_original()
        (directory / "enwiki_20181220_redirects.pkl").write_bytes(b"cos\nsystem\n")
        (directory / "luke.py").write_text("import os")
        path = tar(directory, "model/")
        with caplog.at_level("INFO"):
            unpacked = find_file(str(path), "metadata.json")
        assert unpacked is not None and unpacked.parent.parent == cache
        assert {file.name for file in unpacked.parent.iterdir()} == {
            *("luke.bin", "metadata.json", "entity_vocab.tsv", "vocab.json", "merges.txt")
        }
        assert "model/enwiki_20181220_redirects.pkl" in caplog.text

    def test_two_places(self, write: Callable, cache: Path) -> None:
        assert "in more than one place" in self.refused(write(member("model/luke.bin")), cache)
        assert "in more than one place" in self.refused(write(member("./metadata.json")), cache)

    def test_no_checkpoint(self, write: Callable, cache: Path) -> None:
        assert "it holds no metadata.json" in self.refused(write(member("a.txt"), whole=False), cache)
        assert "found nothing" in self.refused(write(whole=False), cache)
        deep = write(member("a/b/metadata.json"), whole=False)
        assert "found 'a/b/metadata.json'" in self.refused(deep, cache)
        archive = write(member("config.json"), member("weights.th"), whole=False)
        assert "it is an archive of AllenNLP" in self.refused(archive, cache)

    def test_gzip_bomb(self, write: Callable, cache: Path, tmp_path: Path) -> None:
        path = tmp_path / "bomb.tar.gz"
        size = 110 << 20
        with gzip.open(path, "wb", compresslevel=1) as packed:
            packed.write(member("metadata.json", size).tobuf())
            for _ in range(size >> 20):
                packed.write(bytes(1 << 20))
        assert path.stat().st_size < 4 << 20
        assert "unpacks to more than 0.1 GB; if it is to be trusted, set LUKE_UNPACK_LIMIT" in self.refused(
            path, cache
        )

    @pytest.mark.parametrize(
        "content",
        [
            member("x", 1 << 32, type=tarfile.XHDTYPE).tobuf() + bytes(20 << 20),  # an endless header
            member("x", 1 << 32, type=tarfile.GNUTYPE_LONGNAME).tobuf() + bytes(20 << 20),
            member("metadata.json", 0).tobuf() + bytes(20 << 20),  # endless padding
        ],
    )
    def test_endless_headers(self, content: bytes, cache: Path, tmp_path: Path) -> None:
        with gzip.open(tmp_path / "bomb.tar.gz", "wb") as packed:
            packed.write(content)
        assert "its headers are larger than" in self.refused(tmp_path / "bomb.tar.gz", cache)

    def test_limit_of_the_environment(
        self, write: Callable, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(member("luke.bin", 1 << 22))
        monkeypatch.setenv("LUKE_UNPACK_LIMIT", "0.001")
        assert "unpacks to more than 0.0 GB" in self.refused(path, cache)
        monkeypatch.setenv("LUKE_UNPACK_LIMIT", "much")
        assert "LUKE_UNPACK_LIMIT is 'much'; expected a number" in self.refused(path, cache)
        monkeypatch.setenv("LUKE_UNPACK_LIMIT", "0.01")
        assert find_file(str(path), "luke.bin") is not None

    def test_many_members(self, write: Callable, cache: Path) -> None:
        path = write(*(member(f"f{number}", 0) for number in range(10_001)))
        assert "more than 10000 members" in self.refused(path, cache)

    @pytest.mark.parametrize("suffix", [".tar.gz", ".tar"])
    @pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
    def test_truncated(
        self, suffix: str, share: float, make_original: Callable, tar: Callable, cache: Path
    ) -> None:
        path = tar(make_original(), suffix=suffix)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        assert "fetch it again" in self.refused(path, cache, "damaged or no tarball")

    @pytest.mark.parametrize("content", [b"no tarball at all", b"\x1f\x8b", b"\1" * 2000, b"PK\x03\x04"])
    def test_something_else(self, content: bytes, tmp_path: Path, cache: Path) -> None:
        (tmp_path / "luke.tar.gz").write_bytes(content)
        self.refused(tmp_path / "luke.tar.gz", cache, "damaged or no tarball")

    def test_interrupted(
        self, make_original: Callable, tar: Callable, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tar(make_original())
        steps: Dict[str, Any] = {"fsync": iter([None, KeyboardInterrupt])}

        def fsync(_: int) -> None:
            if next(steps["fsync"]) is KeyboardInterrupt:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr("os.fsync", fsync)
            find_file(str(path), "metadata.json")
        assert [file.name for file in cache.iterdir() if file.name != ".lock"] == []
        assert find_file(str(path), "metadata.json") is not None
