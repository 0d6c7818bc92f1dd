"""Which columns have the words and the tags."""

from pathlib import Path
from typing import Any, Dict

import pytest

from luke_allennlp.experiments.columns import find_columns

NER = ("O", "B-PER", "I-PER", "O", "B-LOC", "O")
WORDS = ("so", "Zoë", "Rask", "left", "Vexford", ".")
NESTED = ("O", "O", "B-PER", "O", "O", "O")
CHUNKS = ("B-ADVP", "B-NP", "I-NP", "B-VP", "B-NP", "O")
NUMBERS = tuple("123456")


@pytest.mark.parametrize(
    "columns, separator, expected",
    [
        ((WORDS, NER), " ", {}),
        ((WORDS, NER), "\t", {}),
        ((WORDS, CHUNKS, NER), " ", {}),  # as in CoNLL-2003
        ((NUMBERS, WORDS, NER), "\t", {"word_column": 1}),
        ((NUMBERS, WORDS, NER, NESTED), "\t", {"word_column": 1, "tag_column": 2}),  # as in GermEval 2014
        ((WORDS, NER, NUMBERS), "\t", {"tag_column": 1}),
        ((NER, WORDS), "\t", {"word_column": 1, "tag_column": 0}),
        ((WORDS, NER), ",", {"separator": ","}),
        ((WORDS, WORDS), " ", {}),
    ],
)
def test_options(tmp_path: Path, columns: Any, separator: str, expected: Dict[str, Any]) -> None:
    path = tmp_path / "data.txt"
    sentence = "".join(separator.join(row) + "\n" for row in zip(*columns, strict=True))
    path.write_text(f"# a comment that is long\n{sentence}\n{sentence * 3}", encoding="utf-8")
    assert find_columns(str(path)) == expected


@pytest.mark.parametrize("text", ["", '{"text": "O B-PER"}\n', "Some prose.\n", "<a>\n"])
def test_what_has_no_columns(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.txt"
    path.write_text(text)
    assert find_columns(str(path)) == find_columns(str(tmp_path)) == {}
