import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import (
    file_sha256,
    new_directory,
    read_object,
    write_json,
    write_json_lines,
    written_whole,
)
from luke_allennlp.common.records import read_object_lines


def test_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with written_whole(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_two_processes_make_the_same_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Path.mkdir

    def make_second(path: Path, *arguments: Any, **options: Any) -> None:
        make(path)
        make(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", make_second)
    with new_directory(tmp_path / "parent" / "new", False, "a test") as directory:
        (directory / "file").write_text("one")
    assert (tmp_path / "parent" / "new" / "file").read_text() == "one"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_written_whole_keeps_what_was_there(tmp_path: Path, error: type) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(error), written_whole(path) as temporary:
        temporary.write_text("new")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_written_to_itself(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with written_whole(pipe) as path, path.open("w") as file:
        file.write("line")
    assert os.read(reader, 10) == b"line" and pipe.is_fifo()
    os.close(reader)
    with written_whole(Path("/dev/stdout")) as path:
        assert path == Path("/dev/stdout")


def test_written_whole_says_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="file/below: cannot be written: "):
        write_json(tmp_path / "file" / "below", {})


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    assert read_object(path) == {}
    write_json(path, {"a": "日"})
    assert read_object(path) == {"a": "日"} and "日" in path.read_text(encoding="utf-8")
    for content, message in (("[", "file.json is not JSON"), ("[1]", "a JSON list; expected an object")):
        path.write_text(content)
        with pytest.raises(ConfigurationError, match=message):
            read_object(path)


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    write_json_lines(path, [{"a": 1}, {"b": "日"}])
    assert path.read_text(encoding="utf-8") == '{"a": 1}\n{"b": "日"}\n'
    expected = [(f"{path}, line 1", {"a": 1}), (f"{path}, line 2", {"b": "日"})]
    assert list(read_object_lines(str(path))) == expected
    write_json_lines(path, ["\ud800"])  # half a surrogate pair
    assert json.loads(path.read_text(encoding="utf-8")) == "\ud800"


def test_file_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    assert file_sha256(tmp_path / "file") == hashlib.sha256(b"text").hexdigest()
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        file_sha256(tmp_path / "none")
