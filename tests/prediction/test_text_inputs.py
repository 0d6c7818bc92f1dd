"""Texts, tables and JSON as records."""

import gzip
import io
from pathlib import Path
from typing import Any, Callable, List

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.prediction.text_inputs import TextInputs

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: Any, name: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return str(path)

    return write_file


def texts(path: str, **options: Any) -> List[str]:
    return [row.record["text"] for row in TextInputs(path, **options).rows(wants_text=True)]


class TestTexts:
    def test_a_line_or_a_file(self, write: Write) -> None:
        path = write("\ufeffZoë 🎉\r\n\r\n left \u2028 it\n", "a.txt")
        assert texts(path) == ["Zoë 🎉", "", " left \u2028 it"]
        assert texts(path, whole_file=True) == ["Zoë 🎉\r\n\r\n left \u2028 it\n"]
        rows = list(TextInputs(path).rows(True))
        assert rows[2].where == f"{path}, line 3"
        assert texts(write(gzip.compress("Zoë\n".encode()), "a.txt.gz")) == ["Zoë"]
        assert texts(write("", "b.txt")) == []

    def test_json_lines_by_another_name(self, write: Write) -> None:
        assert TextInputs(write('\n{"text": "Zoë"}\n', "a.txt")).format == "jsonl"
        assert TextInputs(write("{ Zoë }\n", "a.txt")).format == "txt"
        assert TextInputs(write('{"text": "Zoë"}\n', "a.jsonl")).format == "jsonl"

    def test_directory(self, write: Write, tmp_path: Path) -> None:
        write("b\n", "in/b.txt"), write("a", "in/a.txt"), write("x", "in/x.md")
        rows = list(TextInputs(str(tmp_path / "in")).rows(True))
        assert [(row.record["text"], row.kept["file"]) for row in rows] == [("a", "a.txt"), ("b\n", "b.txt")]

    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def given(content: bytes) -> None:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))

        given("\ufeffZoë\r\nleft".encode())
        assert texts("-", format="txt") == ["Zoë", "left"]
        given(b'text,id\r\n"a\r\nb",1\r\n')
        assert texts("-", format="csv") == ["a\r\nb"]
        given(b'[{"text": "a"},\n {"text": "b"}]')
        assert texts("-", format="json") == ["a", "b"]
        given(b"ok\n\xff\n")
        with pytest.raises(ConfigurationError, match="standard input, line 2: is not UTF-8 .*byte 1"):
            texts("-", format="txt")

    def test_not_utf8(self, write: Write) -> None:
        path = write("ok\nZo\xeb\n".encode("latin-1"), "a.txt")
        with pytest.raises(ConfigurationError) as error:
            texts(path)
        assert (
            f"{path}, line 2: the byte 0xeb at 5 of the file is not utf-8; convert it." == error.value.message
        )

    def test_json(self, write: Write) -> None:
        path = write('[\n{"text": "a"},\n{"text": "b"}\n]', "a.json")
        assert texts(path) == ["a", "b"]
        assert [row.where for row in TextInputs(path).rows(True)][1] == f"{path}, record 2"
        assert TextInputs(write('{"text": "a"}\n{"text": "b"}\n', "b.json")).format == "jsonl"


class TestTables:
    def test_columns(self, write: Write) -> None:
        path = write('\ufeffid,text,note\n1,"Zoë, ""the\r\none""",x\n\n2,left,\n', "a.csv")
        rows = list(TextInputs(path).rows(True))
        assert [row.record for row in rows] == [{"text": 'Zoë, "the\r\none"'}, {"text": "left"}]
        assert [row.kept for row in rows] == [{"id": "1", "note": "x"}, {"id": "2", "note": ""}]
        assert rows[1].where == f"{path}, line 5"
        assert texts(path, text_column="note") == ["x", ""]
        assert texts(path, text_column="0") == ["1", "2"]

    @pytest.mark.parametrize("name, content", [("a.tsv", "a\ttext\n1\tb"), ("a.csv", "a;text\n1;b\n")])
    def test_delimiters(self, write: Write, name: str, content: str) -> None:
        assert texts(write(content, name)) == ["b"]

    def test_one_column_needs_no_name(self, write: Write) -> None:
        assert texts(write("sentence\nZoë left\n", "a.csv")) == ["Zoë left"]

    def test_records(self, write: Write) -> None:
        path = write('text;head;start;n\nEdda leads;"[0, 4]";5;7\n', "a.csv")
        (row,) = TextInputs(path).rows(wants_text=False)
        assert row.record == {"text": "Edda leads", "head": [0, 4], "start": 5, "n": "7"}

    @pytest.mark.parametrize(
        "content, options, message",
        [
            ("a,b\n1,2\n", {}, "has the columns 'a', 'b'; name that of the texts with --text-column"),
            ("a,b\n1,2\n", {"text_column": "c"}, "has no column 'c', but 'a', 'b'"),
            ("a,b\n1,2\n", {"text_column": "2"}, "has no column '2'"),
            ("a,text\n1,2\n1,2,3\n", {}, "line 3: found 3 columns, expected 2"),
            ("a,a\n", {}, "two columns have the same name"),
            ("", {}, "is empty"),
            ('a,text\n1,"b" c\n', {}, "line 2: "),
            ('a,text\n1,"b\n', {}, "line 2: unexpected end of data"),
        ],
    )
    def test_errors(self, write: Write, content: str, options: Any, message: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            texts(write(content, "a.csv"), **options)
        assert message in error.value.message

    def test_options_of_other_formats(self, write: Write, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="--text-column is for csv"):
            TextInputs(write("a", "a.txt"), text_column="a")
        with pytest.raises(ConfigurationError, match="--whole-file is for texts"):
            TextInputs(write("a", "a.csv"), whole_file=True)
        (tmp_path / "empty").mkdir()
        with pytest.raises(ConfigurationError, match="is a directory"):
            TextInputs(str(tmp_path / "empty"))
