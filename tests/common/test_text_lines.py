import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import listed, read_lines, shown, without_lone_surrogates


@pytest.fixture
def write(tmp_path):
    def write_file(content: bytes) -> str:
        path = tmp_path / "file.txt"
        path.write_bytes(content)
        return str(path)

    return write_file


def test_lines_and_numbers(write):
    path = write(b"\xef\xbb\xbfone\r\n\r\ntwo \rthree\x0c\x1c\xe2\x80\xa8\n last")
    lines = ["one", "", "two ", "three\x0c\x1c\u2028", " last"]
    assert list(read_lines(path)) == list(enumerate(lines, start=1))
    assert list(read_lines(write(b""))) == []


def test_marks_where_files_were_joined(write):
    path = write("a O\n\ufeffb O\n\ufeff\n\ufeff O\nc\ufeff O\n".encode())
    # One with columns behind it is a word.
    assert [line for _, line in read_lines(path)] == ["a O", "b O", "", "\ufeff O", "c\ufeff O"]


def test_undecodable_bytes_are_named_far_into_a_file(write):
    path = write(b"abc\n" * 50_000 + b"M\xfcnchen\n")
    with pytest.raises(ConfigurationError, match=r"line 50001: the byte 0xfc at 200,001 .*encoding: latin-1"):
        list(read_lines(path))


def test_utf16_is_suggested(write):
    path = write("a O\n".encode("utf-16"))
    with pytest.raises(ConfigurationError, match="line 1.*encoding: utf-16"):
        list(read_lines(path))
    assert list(read_lines(path, "utf-16")) == [(1, "a O")]


def test_file_that_ends_within_a_character(write):
    with pytest.raises(ConfigurationError, match="line 2"):
        list(read_lines(write(b"a\n\xc3")))


def test_unknown_encoding(write):
    with pytest.raises(ConfigurationError, match="encoding 'utf8000' is not known"):
        list(read_lines(write(b"a"), "utf8000"))


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(ConfigurationError, match="missing.txt: there is no such file"):
        list(read_lines(str(tmp_path / "missing.txt")))
    with pytest.raises(ConfigurationError, match="is a directory"):
        list(read_lines(str(tmp_path)))


def test_lone_surrogates_are_replaced_one_by_one():
    text = "a\ud800b\udc00\udfff 😀\ud7ff\ue000"
    assert without_lone_surrogates(text) == "a\ufffdb\ufffd\ufffd 😀\ud7ff\ue000"
    without_lone_surrogates(text).encode("utf-8")


@pytest.mark.parametrize(
    "value, expected",
    [
        ("a\tb", r"'a\tb'"),
        ([1, "x"], "[1, 'x']"),
        ("x" * 78, "'" + "x" * 78 + "'"),
        ("x" * 79, "'" + "x" * 76 + "..."),
    ],
)
def test_values_are_shown_cut_to_80_characters(value, expected):
    assert shown(value) == expected
    assert len(expected) <= 80


def test_five_examples_are_listed() -> None:
    assert listed([]) == ""
    assert listed(["a", "b"]) == "a; b"
    assert listed(list("abcde")) == listed(list("abcde"), 5) == "a; b; c; d; e"
    assert listed(list("abcdefg")) == listed(list("abcde"), 7) == "a; b; c; d; e; ..."
