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
from typing import Any, Callable, Dict, Iterable

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from safetensors.torch import save_file

from luke_allennlp.checkpoints.model_files import find_file
from luke_allennlp.checkpoints.tensors import open_file


def refusal(path: Path) -> str:
    """What is said about a file of weights."""
    with ExitStack() as stack, pytest.raises(ConfigurationError) as error:
        open_file(path, stack)
    message = str(error.value)
    assert str(path) in message and "\n" not in message and len(message) < 500
    return message


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
        call = Call(function, f"__import__('os').mkdir('{trap}')" if function is eval else str(trap))
        if form in ("zip", "legacy"):
            state = {"a": call, "b": torch.ones(2)}
            torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
        else:
            magic = b"" if form == "plain" else pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
            path.write_bytes(magic + pickle.dumps(call, protocol=2))
        message = refusal(path)
        expected = "are refused: the file holds something other than tensors (unsupported "
        assert expected in message.replace("U", "u")
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

    def test_no_state(self, tmp_path: Path) -> None:
        for content in ({"a": 1}, [torch.ones(2)], {"m": {"a": torch.ones(2)}}, {7: torch.ones(1)}):
            torch.save(content, tmp_path / "a.bin")
            assert "are no dictionary of tensors" in refusal(tmp_path / "a.bin")
        torch.save({"a": torch.ones(2).to_sparse()}, tmp_path / "a.bin")
        assert "the tensor 'a' is not a plain one" in refusal(tmp_path / "a.bin")

    def test_compressed(self, tmp_path: Path, stack: ExitStack) -> None:
        repack(tmp_path / "a.bin")
        assert open_file(tmp_path / "a.bin", stack)["b"].tolist() == [1, 1, 1]
        repack(tmp_path / "b.bin", zipfile.ZIP_DEFLATED)
        assert "is compressed, which torch never does" in refusal(tmp_path / "b.bin")


@pytest.mark.parametrize("form", ["safetensors", "zip", "legacy"])
def test_truncated_anywhere(form: str, tmp_path: Path) -> None:
    path = tmp_path / ("a.safetensors" if form == "safetensors" else "a.bin")
    if form == "safetensors":
        save_file({"a": torch.arange(6.0)}, path)
    else:
        torch.save({"a": torch.arange(6.0)}, path, _use_new_zipfile_serialization=form == "zip")
    content = path.read_bytes()
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        refusal(path)


def entry(shape: Any = (2,), offsets: Any = (0, 8), dtype: str = "F32") -> Dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


class TestSafetensors:
    @pytest.mark.parametrize(
        "header",
        [
            {"a": entry(offsets=(0, 800))},
            {"a": entry((1 << 62, 4))},
            {"a": entry((1,), (0, 4))},  # less than there is
            {"a": entry(dtype="os.system")},
            {"a": entry(), "b": entry((1,), (4, 8))},
            {"a": [1]},
        ],
    )
    def test_header(self, header: Any, tmp_path: Path) -> None:
        content = json.dumps(header).encode()
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(content)) + content + bytes(8))
        assert "cannot be read, the file is damaged" in refusal(tmp_path / "a.safetensors")

    def test_length_of_the_header(self, tmp_path: Path) -> None:
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", (1 << 64) - 1) + b"{}" + bytes(100))
        refusal(tmp_path / "a.safetensors")


def member(name: str, size: int = 4, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    return member(name, 0, type=kind, linkname=target)


METADATA = member("metadata.json")
OUTSIDE = "would lie outside of its directory"
NO_FILE = "is neither a file nor a directory"
MEMBERS = [
    *(
        ([METADATA, member(name)], OUTSIDE)
        for name in ("a/../../luke.bin", "/luke.bin", "..\\luke.bin", "..")
    ),
    ([METADATA, link("luke.bin", tarfile.SYMTYPE, "/etc/passwd")], NO_FILE),
    ([METADATA, link("luke.bin", tarfile.LNKTYPE, "../../secret")], NO_FILE),
    ([METADATA, link("entity_vocab.tsv", tarfile.FIFOTYPE, "")], NO_FILE),
    ([link("model", tarfile.SYMTYPE, "OUTSIDE"), member("model/luke.bin")], NO_FILE),
    ([METADATA, member("model/luke.bin")], "in more than one place"),
    ([], "found nothing"),
    ([member("a/b/metadata.json")], "found 'a/b/metadata.json'"),
]
HEADERS = [
    member("x", 1 << 32, type=tarfile.XHDTYPE),
    member("x", 1 << 32, type=tarfile.GNUTYPE_LONGNAME),
    member("metadata.json", 0),  # endless padding
]


class TestTarballs:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "luke.tar.gz"

    def write(self, path: Path, members: Iterable[tarfile.TarInfo]) -> None:
        with tarfile.open(path, "w:gz") as archive:
            for info in members:
                archive.addfile(info, io.BytesIO(b"{}  " * (info.size // 4)))

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

    @pytest.mark.parametrize("members, expected", MEMBERS)
    def test_members(self, members: Any, expected: str, path: Path, cache: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        for info in members:
            info.linkname = info.linkname.replace("OUTSIDE", str(outside))
        self.write(path, members)
        assert expected in self.refused(path, cache)
        assert list(outside.iterdir()) == []

    def test_an_archive_without_a_model(self, path: Path, cache: Path) -> None:
        self.write(path, [member("config.json"), member("weights.th")])
        with pytest.raises(ConfigurationError, match="dataset_reader in config.json is None"):
            find_file(str(path), "config.json")
        assert [file.name for file in cache.glob("*") if file.name != ".lock"] == []

    def test_other_files_stay_in_it(
        self, make_original: Callable, tar: Callable, cache: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        directory = make_original()
        (directory / "enwiki_20181220_redirects.pkl").write_bytes(b"cos\nsystem\n")
        (directory / "luke.py").write_text("import os")
        with caplog.at_level("INFO"):
            unpacked = find_file(str(tar(directory, "model/")), "metadata.json")
        assert unpacked is not None and unpacked.parent.parent == cache
        assert {file.name for file in unpacked.parent.iterdir()} == {
            *("luke.bin", "metadata.json", "entity_vocab.tsv", "vocab.json", "merges.txt")
        }
        assert "model/enwiki_20181220_redirects.pkl" in caplog.text

    @pytest.mark.parametrize("header", HEADERS)
    def test_endless_headers(self, header: tarfile.TarInfo, path: Path, cache: Path) -> None:
        with gzip.open(path, "wb") as packed:
            packed.write(header.tobuf() + bytes(20 << 20))
        assert "its headers are larger than" in self.refused(path, cache)

    @pytest.mark.parametrize("suffix", [".tar.gz", ".tar"])
    def test_truncated(self, suffix: str, make_original: Callable, tar: Callable, cache: Path) -> None:
        path = tar(make_original(), suffix=suffix)
        content = path.read_bytes()
        for damaged in (b"", content[: len(content) * 9 // 10], b"\x1f\x8b", b"\1" * 2000, b"PK\x03\x04"):
            path.write_bytes(damaged)
            assert "fetch it again" in self.refused(path, cache, "damaged or no tarball")

    def test_interrupted(
        self, make_original: Callable, tar: Callable, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tar(make_original())
        steps = iter([None, KeyboardInterrupt()])

        def fsync(_: int) -> None:
            if (error := next(steps)) is not None:
                raise error

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr("os.fsync", fsync)
            find_file(str(path), "metadata.json")
        assert [file.name for file in cache.iterdir() if file.name != ".lock"] == []
        assert find_file(str(path), "metadata.json") is not None
