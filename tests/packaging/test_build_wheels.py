"""The script that rebuilds AllenNLP's wheels."""

import importlib.metadata
import io
import re
import shutil
import zipfile

import pytest

import build_wheels
from build_wheels import BuildError, apply_edit, build, fetch_originals, read_originals, rebuild
from edits import EDITS
from edits.edit import Edit

DISTRIBUTIONS = ("allennlp", "allennlp_models")


@pytest.fixture(scope="module")
def sources(originals):
    """The original files of both wheels by name."""
    files = {}
    for path in originals.values():
        with zipfile.ZipFile(path) as wheel:
            files.update(
                {name: wheel.read(name).decode() for name in wheel.namelist() if name.endswith(".py")}
            )
    return files


@pytest.fixture
def no_index(monkeypatch, tmp_path):
    """pip without any package index."""
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "no-pip.conf"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    (tmp_path / "links").mkdir()
    return tmp_path / "links"


class TestTable:
    def test_every_pattern_occurs_as_often_as_expected(self, sources):
        """In the original, or in what the edits before it have made of that."""
        made = dict(sources)
        for edit in EDITS:
            assert made[edit.file].count(edit.old) == edit.matches, f"{edit.name}:{edit.file}"
            made[edit.file] = made[edit.file].replace(edit.old, edit.new)

    def test_an_edit_that_does_not_match_is_named_with_its_file(self):
        edit = Edit("some-edit", "allennlp/some.py", "old\n", "new\n", "A reason.", matches=2)
        with pytest.raises(BuildError, match=r"'some-edit' should match 2 time\(s\) in allennlp/some.py"):
            apply_edit(edit, "old\n")

    def test_an_edit_of_a_file_that_is_not_there_is_named(self, originals):
        edit = Edit("some-edit", "allennlp/no_such_file.py", "old\n", "new\n", "A reason.")
        with pytest.raises(BuildError, match="'some-edit' is for allennlp/no_such_file.py"):
            rebuild(originals["allennlp"], "allennlp", [edit])


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_rebuilt_wheels(originals, distribution):
    content = rebuild(originals[distribution], distribution)
    assert content == rebuild(originals[distribution], distribution)
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        built = {name: wheel.read(name) for name in wheel.namelist()}
    files = importlib.metadata.files(distribution)
    installed = {file.as_posix(): file.read_binary() for file in files if file.suffix == ".py"}
    assert installed == {name: text for name, text in built.items() if name.endswith(".py")}

    info = f"{distribution}-2.10.1+modern.1.dist-info"
    metadata, description = built[f"{info}/METADATA"].decode().split("\n\n", 1)
    assert "\nVersion: 2.10.1+modern.1\n" in metadata and len(description) > 1000
    assert "torchvision" not in re.sub(r'.* extra == ".*', "", metadata)
    *record, own = [line.split(",") for line in built.pop(f"{info}/RECORD").decode().splitlines()]
    assert own[0] == f"{info}/RECORD" and [name for name, _, _ in record] == sorted(built)
    for name, digest, size in record:
        assert int(size) == len(built[name]) and re.fullmatch(r"sha256=[\w-]{43}", digest)


class TestBuild:
    def test_does_nothing_when_nothing_changed(self, originals, tmp_path, monkeypatch):
        (tmp_path / "originals").mkdir()
        for path in originals.values():
            shutil.copyfile(path, tmp_path / "originals" / path.name)
        assert build(tmp_path)
        wheels = [tmp_path / f"{name}-2.10.1+modern.1-py3-none-any.whl" for name in DISTRIBUTIONS]
        times = [wheel.stat().st_mtime_ns for wheel in wheels]
        assert not build(tmp_path)
        assert [wheel.stat().st_mtime_ns for wheel in wheels] == times

        # A damaged wheel is made again, and so are all when an input changes.
        before = wheels[0].read_bytes()
        wheels[0].write_bytes(b"damaged")
        assert build(tmp_path) and wheels[0].read_bytes() == before
        monkeypatch.setattr(build_wheels, "inputs_digest", lambda: "another")
        assert build(tmp_path)
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"originals", "built.json", *(wheel.name for wheel in wheels)}

    def test_without_an_index_says_what_to_do(self, no_index, tmp_path, capsys):
        assert build_wheels.main(["--output", str(tmp_path / "wheels")]) == 1
        error = capsys.readouterr().err
        assert error.startswith("build_wheels: error: The original wheels of AllenNLP")
        assert "Check the network, or put allennlp-2.10.1-py3-none-any.whl and" in error

    def test_a_wheel_with_another_hash_is_refused(self, no_index, tmp_path):
        for original in read_originals():
            (no_index / original.filename).write_bytes(b"not what it says")
        with pytest.raises(BuildError, match="whose hashes are not those in packaging/requirements.txt"):
            fetch_originals(tmp_path / "originals")
