"""The script that rebuilds AllenNLP's wheels."""

import importlib.metadata
import io
import re
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
    @pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.name}:{edit.file}")
    def test_every_pattern_occurs_in_the_original_as_often_as_expected(self, edit, sources):
        assert sources[edit.file].count(edit.old) == edit.matches

    def test_an_edit_that_does_not_match_is_named_with_its_file(self):
        edit = Edit("some-edit", "allennlp/some.py", "old\n", "new\n", "A reason.", matches=2)
        with pytest.raises(BuildError, match=r"'some-edit' should match 2 time\(s\) in allennlp/some.py"):
            apply_edit(edit, "old\n")

    def test_an_edit_of_a_file_that_is_not_there_is_named(self, originals):
        edit = Edit("some-edit", "allennlp/no_such_file.py", "old\n", "new\n", "A reason.")
        with pytest.raises(BuildError, match="'some-edit' is for allennlp/no_such_file.py"):
            rebuild(originals["allennlp"], "allennlp", [edit])


class TestRebuild:
    @pytest.mark.parametrize("distribution", DISTRIBUTIONS)
    def test_twice_gives_the_same_bytes(self, originals, distribution):
        assert rebuild(originals[distribution], distribution) == rebuild(
            originals[distribution], distribution
        )

    @pytest.mark.parametrize("distribution", DISTRIBUTIONS)
    def test_installed_is_what_would_be_built_now(self, originals, distribution):
        with zipfile.ZipFile(io.BytesIO(rebuild(originals[distribution], distribution))) as wheel:
            built = {name: wheel.read(name) for name in wheel.namelist() if name.endswith(".py")}
        files = importlib.metadata.files(distribution)
        installed = {file.as_posix(): file.read_binary() for file in files if file.suffix == ".py"}
        assert installed == built

    @pytest.mark.parametrize("distribution", DISTRIBUTIONS)
    def test_record_lists_every_file_with_its_hash(self, originals, distribution):
        with zipfile.ZipFile(io.BytesIO(rebuild(originals[distribution], distribution))) as wheel:
            names = wheel.namelist()
            info = f"{distribution}-2.10.1+modern.1.dist-info"
            record = wheel.read(f"{info}/RECORD").decode().splitlines()
            assert [line.split(",")[0] for line in record] == sorted(set(names) - {f"{info}/RECORD"}) + [
                f"{info}/RECORD"
            ]
            metadata = wheel.read(f"{info}/METADATA").decode()
            for line in record[:-1]:
                name, digest, size = line.split(",")
                assert int(size) == len(wheel.read(name))
                assert re.fullmatch(r"sha256=[\w-]{43}", digest)
        assert "\nVersion: 2.10.1+modern.1\n" in metadata
        assert "torchvision" not in re.sub(r'.* extra == ".*', "", metadata.split("\n\n")[0])
        # The description stays.
        assert len(metadata.split("\n\n", 1)[1]) > 1000


class TestBuild:
    def test_does_nothing_when_nothing_changed(self, originals, tmp_path, monkeypatch):
        (tmp_path / "originals").mkdir()
        for path in originals.values():
            (tmp_path / "originals" / path.name).write_bytes(path.read_bytes())
        assert build(tmp_path)
        wheels = sorted(tmp_path.glob("*.whl"))
        assert [wheel.name for wheel in wheels] == [
            "allennlp-2.10.1+modern.1-py3-none-any.whl",
            "allennlp_models-2.10.1+modern.1-py3-none-any.whl",
        ]
        times = [wheel.stat().st_mtime_ns for wheel in wheels]
        assert not build(tmp_path)
        assert [wheel.stat().st_mtime_ns for wheel in wheels] == times

        # A damaged wheel is made again, and so are all when an input changes.
        bytes_before = wheels[0].read_bytes()
        wheels[0].write_bytes(b"damaged")
        assert build(tmp_path)
        assert wheels[0].read_bytes() == bytes_before
        monkeypatch.setattr(build_wheels, "inputs_digest", lambda: "another")
        assert build(tmp_path)
        # Nothing is left over.
        assert {path.name for path in tmp_path.iterdir()} == {"originals", "built.json"} | {
            wheel.name for wheel in wheels
        }

    def test_without_an_index_says_what_to_do(self, no_index, tmp_path):
        with pytest.raises(
            BuildError, match="Check the network, or put allennlp-2.10.1-py3-none-any.whl and"
        ):
            fetch_originals(tmp_path / "originals")

    def test_a_wheel_with_another_hash_is_refused(self, no_index, tmp_path):
        for original in read_originals():
            (no_index / original.filename).write_bytes(b"not what it says")
        with pytest.raises(BuildError, match="whose hashes are not those in packaging/requirements.txt"):
            fetch_originals(tmp_path / "originals")

    def test_command_ends_with_one_line(self, no_index, tmp_path, capsys):
        assert build_wheels.main(["--output", str(tmp_path / "wheels")]) == 1
        assert capsys.readouterr().err.startswith("build_wheels: error: The original wheels of AllenNLP")
