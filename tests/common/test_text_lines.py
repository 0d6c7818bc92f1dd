import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import key_names, listed, read_lines, shown, without_lone_surrogates


@pytest.fixture
def write(tmp_path):
    def write(content):
        (tmp_path / "file.txt").write_bytes(content)
        return str(tmp_path / "file.txt")

    return write


def test_lines_and_numbers(write):
    path = write(b"\xef\xbb\xbfone\r\n\r\ntwo \rthree\x0c\x1c\xe2\x80\xa8\n last")
    lines = ["one", "", "two ", "three\x0c\x1c\u2028", " last"]
    assert list(read_lines(path)) == list(enumerate(lines, start=1))
    assert list(read_lines(write(b""))) == []


def test_marks_where_files_were_joined(write):
    path = write("a O\n\ufeffb O\n\ufeff\n\ufeff O\nc\ufeff O\n".encode())
    # One with columns behind it is a word.
    assert [line for _, line in read_lines(path)] == ["a O", "b O", "", "\ufeff O", "c\ufeff O"]


@pytest.mark.parametrize(
    "content, encoding, message",
    [
        (b"abc\n" * 50_000 + b"M\xfcnchen\n", "utf-8", r"line 50001: the byte 0xfc at 200,001 .*: latin-1"),
        ("a O\n".encode("utf-16"), "utf-8", "line 1.*encoding: utf-16"),
        (b"a\n\xc3", "utf-8", "line 2"),
        (b"a", "utf8000", "encoding 'utf8000' is not known"),
    ],
)
def test_undecodable(write, content, encoding, message):
    with pytest.raises(ConfigurationError, match=message):
        list(read_lines(write(content), encoding))


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(ConfigurationError, match="missing.txt: there is no such file"):
        list(read_lines(str(tmp_path / "missing.txt")))
    with pytest.raises(ConfigurationError, match="is a directory"):
        list(read_lines(str(tmp_path)))


def test_lone_surrogates_are_replaced_one_by_one():
    text = "a\ud800b\udc00\udfff 😀\ud7ff\ue000"
    assert without_lone_surrogates(text) == "a\ufffdb\ufffd\ufffd 😀\ud7ff\ue000"
    without_lone_surrogates(text).encode("utf-8")


def test_values_are_shown_cut_to_80_characters():
    assert shown("a\tb") == r"'a\tb'" and shown([1, "x"]) == "[1, 'x']"
    assert shown("x" * 78) == "'" + "x" * 78 + "'" and shown("x" * 79) == "'" + "x" * 76 + "..."


def test_keys_are_named_up_to_twenty() -> None:
    assert key_names({}) == "" and key_names({"a": 1, "b c": 2}) == "'a', 'b c'"
    named = key_names([str(number) for number in range(1022)])
    assert named.startswith("'0', '1', ") and named.endswith("'19' and 1,002 more")


def test_five_examples_are_listed() -> None:
    assert listed([]) == ""
    assert listed(["a", "b"]) == "a; b"
    assert listed(list("abcde")) == listed(list("abcde"), 5) == "a; b; c; d; e"
    assert listed(list("abcdefg")) == listed(list("abcde"), 7) == "a; b; c; d; e; ..."
