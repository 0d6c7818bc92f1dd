"""Records of JSON files: told apart by content, and named in errors."""

import json
from pathlib import Path
from typing import Any, Callable

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common import records
from luke_allennlp.common.records import read_records


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "data.json"
    path.write_text(text, encoding="utf-8")
    return str(path)


class TestForms:
    def test_array(self, tmp_path: Path) -> None:
        path = write(tmp_path, '[{"a": 1},\n {"a": 2}]\n')
        assert list(read_records(path)) == [(f"{path}, record 1", {"a": 1}), (f"{path}, record 2", {"a": 2})]

    def test_lines(self, tmp_path: Path) -> None:
        path = write(tmp_path, '\ufeff{"a": 1}\r\n\r\n{"a": 2}')
        assert list(read_records(path)) == [(f"{path}, line 1", {"a": 1}), (f"{path}, line 3", {"a": 2})]

    @pytest.mark.parametrize("indent", [None, 1, 4])
    def test_one_object(self, tmp_path: Path, indent: Any) -> None:
        value = {"data": [{"a": [1, 2]}, {"b": "}\n{"}]}
        path = write(tmp_path, json.dumps(value, indent=indent))
        [(_, record)] = read_records(path)
        assert record == value


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty; expected JSON"),
        ("[]", "the array is empty"),
        ("person\tHe", "is not JSON"),
        ('[{"a": 1}, 3]', "record 2: found 3; expected a JSON object"),
        ('{"a": 1}\n{"a": ', "line 2: is not JSON"),
        ('{"a": 1}\n[1]', "line 2: found [1]; expected a JSON object"),
        ('{"data": [\n{"a": 1},', "is not JSON"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigurationError) as error:
        list(read_records(path))
    assert path in str(error.value) and message in str(error.value)


def test_other_encodings(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes('[{"a": "é"}]'.encode("latin-1"))
    with pytest.raises(ConfigurationError, match="not utf-8"):
        list(read_records(str(tmp_path / "latin.json")))
    assert [record for _, record in read_records(str(tmp_path / "latin.json"), "latin-1")] == [{"a": "é"}]


RECORD = {
    **{"text": "abc", "number": 3, "flag": True, "list": ["a", 1], "words": ["a", "\ud800"], "null": None},
    **{"span": [1, 3], "long": [0, 4], "back": [2, 1], "empty": [1, 1], "objects": [{"a": 1}, 2]},
    **{"object": {"start": 0, "end": 2}, "half": {"start": 0}},
}


def get_span(record: Any, key: str, where: str) -> Any:
    return records.get_span(record, key, 3, where)


class TestValues:
    def test_right_ones(self) -> None:
        assert records.get_string(RECORD, "text", "x") == "abc"
        assert records.get_string(RECORD, "null", "x", default="") == ""
        assert records.get_id(RECORD, "number", "x") == "3"
        assert records.get_integer(RECORD, "number", "x") == 3
        assert records.get_strings(RECORD, "words", "x") == ["a", "\ufffd"]
        assert records.get_span(RECORD, "span", 3, "x") == (1, 3)
        assert records.get_span(RECORD, "object", 3, "x") == (0, 2)
        assert records.get_object(RECORD, "half", "x") == {"start": 0}

    @pytest.mark.parametrize(
        "get, key, message",
        [
            (records.get_string, "other", "'other' is missing; found only 'text', 'number'"),
            (records.get_string, "number", "'number' is 3; expected a string"),
            (records.get_id, "flag", "'flag' is True; expected a string"),
            (records.get_integer, "flag", "'flag' is True; expected a whole number"),
            (records.get_list, "text", "'text' is 'abc'; expected a list"),
            (records.get_strings, "list", "list[1] is 1; expected a string"),
            (records.get_object, "list", "list: found ['a', 1]; expected a JSON object"),
            (lambda *where: list(records.get_objects(*where)), "objects", "objects[1]: found 2"),
            (get_span, "long", "start 0 and end 4, no part of 3 characters"),
            (get_span, "empty", "start 1 and end 1"),
            (get_span, "half", "'end' is missing"),
            (get_span, "text", "expected [start, end]"),
        ],
    )
    def test_wrong_ones(self, get: Callable[..., Any], key: str, message: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            get(RECORD, key, "dev.json, record 7")
        assert str(error.value).count("dev.json, record 7") == 1 and message in str(error.value)
