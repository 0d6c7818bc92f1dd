"""Files with tags, in the forms of SemEval-2010 Task 8 and of KBP37."""

from pathlib import Path
from typing import Any, List, Tuple

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.tasks.relation_classification.examples import RelationExample
from luke_allennlp.tasks.relation_classification.tagged_text import read_tagged_text

SEMEVAL = (
    '1\t"The <e1>storm</e1> shook the <e2>bridge</e2>."\n'
    "Cause-Effect(e1,e2)\nComment: Not a <e1>list<e2>.\n\n"
    '2\t"A <e1>choir</e1> <e2>speech</e2>"\nOther\nComment:\n\n'
)
EXPECTED = [
    ("The storm shook the bridge.", "storm", "bridge", "Cause-Effect(e1,e2)"),
    ("A choir speech", "choir", "speech", "Other"),
]


def read(path: Path, text: str) -> List[RelationExample]:
    file = path / "data.txt"
    file.write_bytes(text.encode())
    return list(read_tagged_text(str(file)))


def about(examples: List[RelationExample]) -> List[Tuple[Any, ...]]:
    return [(e.text, e.text[e.head[0] : e.head[1]], e.text[e.tail[0] : e.tail[1]], e.label) for e in examples]


def test_semeval(tmp_path: Path) -> None:
    examples = read(tmp_path, SEMEVAL)
    assert about(examples) == EXPECTED
    places = [(example.index, example.where) for example in examples]
    assert places == [(0, f"{tmp_path / 'data.txt'}, line 1"), (1, f"{tmp_path / 'data.txt'}, line 5")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("\n\n", "\n"),
        ("\nComment: Not a <e1>list<e2>.", ""),
        ("Comment:\n", ""),
        ("\t", " \t "),
        ("\t", "  "),
        ('"', ""),
        ("\nOther", "\n\nOther "),
        ("<e1>", "<e1> "),
        ('</e2>"', ' </e2> "'),
        ("Comment:\n\n", "Comment:"),
        ("1\t", "\ufeff1\t"),
        ("2\t", "1\t"),
    ],
)
def test_variants(tmp_path: Path, old: str, new: str) -> None:
    assert about(read(tmp_path, SEMEVAL.replace(old, new))) == EXPECTED


def test_kbp37(tmp_path: Path) -> None:
    text = (
        '0\t" <e1> Zoë Rask </e1> , of <e2> Ísafold </e2> , left . "\nper:cities_of_residence(e1,e2)\n\n\n'
        '1\t" `` <e1> AVR </e1> <e2> Marlow </e2> "\nno_relation\n\n\n'
    )
    assert about(read(tmp_path, text)) == [
        ("Zoë Rask , of Ísafold , left .", "Zoë Rask", "Ísafold", "per:cities_of_residence(e1,e2)"),
        ("`` AVR Marlow", "AVR", "Marlow", "no_relation"),
    ]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("<e1>a <e2>b</e2></e1> c", ("a b c", "a b", "b")),
        ("<e1>a <e2>b</e1> c</e2>", ("a b c", "a b", "b c")),
        ("<e1><e2>a</e2></e1>", ("a", "a", "a")),
        ('"He said "<e1>no</e1>" to <e2>all</e2>""', ('He said "no" to all"', "no", "all")),
        ("\tx\t<e1>a</e1>\t<e2>b</e2>", ("x\ta\tb", "a", "b")),
        ("<e1> 👩\u200d🚀 </e1> of <e2> 白河 </e2>", ("👩\u200d🚀 of 白河", "👩\u200d🚀", "白河")),
        ("5 <3 <e1>a</e1> < <e2>b</e2> </b>", ("5 <3 a < b </b>", "a", "b")),
    ],
)
def test_tags(tmp_path: Path, sentence: str, expected: Tuple[str, str, str]) -> None:
    assert about(read(tmp_path, f"1\t{sentence}\nOther\n")) == [(*expected, "Other")]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ('" <e1> </e1> left <e2> b </e2> . "', ("left b .", (0, 0), (5, 6))),
        ('" a left <e1> b </e1> for <e2> </e2> "', ("a left b for", (7, 8), (12, 12))),
        ('" a <e1> </e1> met <e2> </e2> . "', ("a met .", (2, 2), (6, 6))),
        ('" a <e2> b </e2> <e1> </e1> . "', ("a b .", (4, 4), (2, 3))),
        ("a<e1></e1> b <e2>c</e2>", ("a b c", (1, 1), (4, 5))),
        ("a<e1> \t</e1>b <e2>c</e2>", ("a \tb c", (1, 1), (5, 6))),
        ("a <e2>b <e1> </e1> c</e2>", ("a b c", (4, 4), (2, 5))),
        ("<e1><e2></e2></e1> a", ("a", (0, 0), (0, 0))),
        ('"<e1> </e1> <e2> </e2>"', ("", (0, 0), (0, 0))),
        ("a <e1>b</e1> \u3000 <e2>\u3000</e2>  ", ("a b", (2, 3), (3, 3))),
    ],
)
def test_empty_mentions(tmp_path: Path, sentence: str, expected: Any) -> None:
    [example] = read(tmp_path, f"0\t{sentence}\nper:title(e1,e2)\n\n\n")
    assert (example.text, example.head, example.tail) == expected
    assert example.label == "per:title(e1,e2)"


def test_without_relations(tmp_path: Path) -> None:
    lines = [line for line in SEMEVAL.splitlines(keepends=True) if "\t" in line]
    assert about(read(tmp_path, "".join(lines))) == [(*expected[:3], None) for expected in EXPECTED]


def test_stray_lines_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = '1\t"<e1>a</e1> <e2>b</e2> c"\nOther\nFoo(e1,e2)\nComment: x\n\n]\n'
    assert about(read(tmp_path, text)) == [("a b c", "a", "b", "Other")]
    assert "skipped 2 lines" in caplog.text and "line 3: 'Foo(e1,e2)'" in caplog.text


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("The storm.\n", 1, "found 'The storm.'; expected a number, a tab and a sentence"),
        ('"<e1>a</e1> <e2>b</e2>"\nOther\n', 1, "expected a number, a tab and a sentence"),
        ("1\tThe storm.\nOther\n", 1, "<e1> occurs 0 times in 'The storm.'; expected it once"),
        ("1\t<e1>a</e1> <e2>b<e2>\nOther\n", 1, "<e2> occurs 2 times"),
        ("1\t<e1>a</e1> </e2> <e2>\nOther\n", 1, "no text between <e2> and </e2>"),
        (SEMEVAL + "\n3\t\nOther\n", 10, "<e1> occurs 0 times in ''"),
        (SEMEVAL.replace("2\t", "two\t"), 5, "found 'two"),
        ("Comment: none\n" + SEMEVAL, 1, "found 'Comment: none'"),
        ("\n \n", None, "is empty; expected sentences"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, line: Any, message: str) -> None:
    where = f"{tmp_path / 'data.txt'}" + ("" if line is None else f", line {line}")
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, text)
    assert str(error.value).startswith(f"{where}: ")
    assert message in str(error.value)
