"""CoNLL-like files: documents, columns, comments, mistakes."""

import logging
from pathlib import Path
from typing import Any, Callable, List, Tuple

import pytest
from allennlp.common.checks import ConfigurationError
from seqeval.metrics.sequence_labeling import get_entities

from luke_allennlp.data.segmentation import WhitespaceSegmenter
from luke_allennlp.tasks.ner.examples import Document, LabeledSpan
from luke_allennlp.tasks.ner.forms import Reading
from luke_allennlp.tasks.ner.forms.columns import read_columns

IOB1 = """-DOCSTART- -X- O O

Ana NNP I-NP I-PER
Ivanovic NNP I-NP I-PER
Rainer NNP I-NP B-PER
said VBD I-VP O


Oslo NNP I-NP I-LOC

-DOCSTART- -X- O O
No DT I-NP O
blank NN I-NP O
before NN I-NP I-MISC"""

Write = Callable[..., str]


def read_conll(path: str, **options: Any) -> List[Document]:
    return read_columns(path, Reading(WhitespaceSegmenter(), **options))


def words(documents: List[Document]) -> List[List[str]]:
    return [[" ".join(sentence.words) for sentence in document.sentences] for document in documents]


def spans(documents: List[Document]) -> List[Tuple[int, int, str]]:
    return [tuple(span) for document in documents for s in document.sentences for span in s.spans]


class TestDocuments:
    def test_documents_sentences_and_lines(self, write: Write, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        documents = read_conll(write(IOB1))
        assert words(documents) == [["Ana Ivanovic Rainer said", "Oslo"], ["No blank before"]]
        assert [document.id for document in documents] == ["0", "1"]
        places = [s.where for document in documents for s in document.sentences]
        assert places == ["line 3", "line 9", "line 12"]
        assert spans(documents) == [(0, 2, "PER"), (2, 3, "PER"), (0, 1, "LOC"), (2, 3, "MISC")]
        assert documents[0].text is None and documents[0].sentences[0].offsets is None
        assert "recognised as IOB1" in caplog.text
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

    @pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n \n\t\n", "\n\n-DOCSTART- O\n\n"])
    def test_last_sentence_is_kept_whatever_follows(self, write: Write, end: str) -> None:
        assert words(read_conll(write("a O\n\n\n\nb B-X" + end), undivided="document")) == [["a", "b"]]

    def test_words_before_the_first_boundary_are_a_document(self, write: Write) -> None:
        documents = read_conll(write("a O\n\nb O\n-DOCSTART- O\n\n-DOCSTART- O\nc O\n"))
        assert words(documents) == [["a", "b"], ["c"]]
        assert [document.id for document in documents] == ["0", "1"]

    def test_undivided_file(self, write: Write, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        path = write("a O\n\nb O\nc O\n")
        assert words(read_conll(path)) == [["a"], ["b c"]]
        assert "no -DOCSTART-, so every sentence is a document" in caplog.text
        assert words(read_conll(path, undivided="document")) == [["a", "b c"]]
        assert "the whole file is one document" in caplog.text

    @pytest.mark.parametrize(
        "boundary", ["-DOCSTART-\tO", "-DOCSTART-", "-DOCSTART- -X- O", "1\t-DOCSTART-\tO"]
    )
    def test_boundary_in_a_file_with_tabs(self, write: Write, boundary: str) -> None:
        path = write(f"{boundary}\n1\ta\tO\n\n{boundary}\n\n1\tb\tO\n")
        assert words(read_conll(path, word_column=1)) == [["a"], ["b"]]


class TestColumns:
    def test_columns_and_separators(self, write: Write) -> None:
        path = write("1\tAna Maria\tB-PER\tO\n2\tsaid\tO\tB-X\n")
        documents = read_conll(path, word_column=1, tag_column=2)
        assert documents[0].sentences[0].words == ["Ana Maria", "said"]
        assert spans(documents) == [(0, 1, "PER")]
        assert spans(read_conll(path, word_column=-3)) == [(1, 2, "X")]
        path = write("O|Ana\nB-X|said\n")
        assert spans(read_conll(path, word_column=1, tag_column=0, separator="|")) == [(1, 2, "X")]

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ("Ana   I-PER \n  said O\n", [["Ana", "said"]]),  # runs of spaces
            (
                "10\u00a0000 O\n\u2028 O\n\u00a0 O\na\u3000b\x0c O\n",
                [["10\u00a0000", "\u2028", "\u00a0", "a\u3000b\x0c"]],
            ),
            ("a\tO\nb\tO\t\t\n", [["a", "b"]]),  # stray separators
            ("\ufeffa B-X\r\nb O\r\n\r\nc O\r\n", [["a", "b"], ["c"]]),
            ("a B-X\rb O\r\rc O", [["a", "b"], ["c"]]),
            ("a B-X\nb O\n\ufeff\nc O", [["a", "b"], ["c"]]),
        ],
    )
    def test_white_space(self, write: Write, content: str, expected: List[List[str]]) -> None:
        documents = read_conll(write(content))
        assert [sentence.words for document in documents for sentence in document.sentences] == expected

    def test_no_tags(self, write: Write) -> None:
        documents = read_conll(write("#a\nb\n\nc\n"), tag_column=None)
        assert words(documents) == [["#a b"], ["c"]]
        assert spans(documents) == []

    @pytest.mark.parametrize(
        ("content", "options", "message"),
        [
            ("a X O\nb O\n", {}, r"data.json, line 2: found 2 columns, expected 3.*'b O'.*separator"),
            ("a O\n", {"word_column": 2}, "word_column is 2, but the lines have 2 columns"),
            ("a O\n", {"tag_column": -3}, "tag_column is -3"),
            ("a\nb\n", {}, "both expected in column 0 of 1; set `tag_column` to null"),
            ("a\tO\n\tO\n", {}, "line 2: the word in column 0 is empty"),
            *(
                (f"a\tO\n{line}\n", {}, "line 2: the tag in column 1")
                for line in ("b\tB-", "b\tO-", "b\t", "b\t ")
            ),
            ("a O\n# not a comment\nb O\n", {}, "line 2: found 4 columns"),
            ("a O\nb I-PER\n\nc B-LOC\n", {}, "data.json.*line 2 .*line 4 .*tag_scheme"),
            *((content, {}, "no sentence") for content in ("", "\n\n", "-DOCSTART- O\n\n", "# a comment\n")),
        ],
    )
    def test_mistakes(self, write: Write, content: str, options: Any, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            read_conll(write(content), **options)


class TestComments:
    def test_comments_are_left_out_and_words_kept(
        self, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        content = "# a comment, before anything is known\n# two words\n#hashtag B-X\n# O\n\n"
        content += "# O\n\n#comment\nb O\n# O\n"
        assert words(read_conll(write(content))) == [["#hashtag #"], ["#"], ["b #"]]
        assert "3 comment lines" in caplog.text

    def test_comments_with_as_many_columns(self, write: Write) -> None:
        content = "#\thttp://example.org\t[2010-07-04]\t\n1\t#\tO\tO\n2\tAna\tB-PER\tO\n"
        documents = read_conll(write(content), word_column=1, tag_column=2)
        assert documents[0].sentences[0].words == ["#", "Ana"]
        assert documents[0].sentences[0].where == "line 2"


class TestSchemes:
    def test_given_scheme_reads_everything_and_counts_faults(
        self, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = write("a O\nb I-PER\n\nc B-LOC\n")
        assert spans(read_conll(path, tag_scheme="IOB2")) == [(1, 2, "PER"), (0, 1, "LOC")]
        assert "1 tags break the rules of IOB2" in caplog.text
        assert "line 2 has 'I-PER' after no entity" in caplog.text

    def test_type_change_is_a_warning(self, write: Write, caplog: pytest.LogCaptureFixture) -> None:
        assert spans(read_conll(write("a B-X\nb I-Y\nc B-Y\n"))) == [(0, 1, "X"), (1, 2, "Y"), (2, 3, "Y")]
        assert "line 2 has 'I-Y' after 'B-X'" in caplog.text


def conll_spans(path: Path, word_column: int, tag_column: int) -> List[List[LabeledSpan]]:
    """Reads tags in another way (GermEval numbers its words), and entities with seqeval."""
    sentences: List[List[str]] = [[]]
    for line in path.read_text(encoding="utf-8").split("\n"):
        fields = line.split("\t" if "\t" in line else " ")
        if not line.strip("\t \ufeff") or fields[0] == "-DOCSTART-":
            sentences.append([])
        elif word_column == 0 or fields[0].isdigit():
            sentences[-1].append(fields[tag_column])
    return [
        [LabeledSpan(start, last + 1, label) for label, start, last in get_entities(tags)]
        for tags in sentences
        if tags
    ]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    "name, columns, scheme, expected",
    [
        ("wikigold/wikigold.conll.txt", (0, 1), "IO", (145, 1696, 39007, 3558)),
        ("wnut17/wnut17train.conll", (0, 1), "IOB2", (3394, 3394, 62730, 1975)),
        ("wnut17/emerging.dev.conll", (0, 1), "IOB2", (1009, 1009, 15733, 836)),
        ("wnut17/emerging.test.annotated", (0, 1), "IOB2", (1287, 1287, 23394, 1079)),
        ("germeval2014/NER-de-dev.tsv", (1, 2), "IOB2", (2200, 2200, 41653, 2674)),
        ("germeval2014/NER-de-test.tsv", (1, 2), "IOB2", (5100, 5100, 96499, 6178)),
    ],
)
def test_real_files(
    shared_dir: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    columns: Tuple[int, int],
    scheme: str,
    expected: Tuple[int, int, int, int],
) -> None:
    caplog.set_level(logging.INFO)
    path = shared_dir / "data" / name
    documents = read_conll(str(path), word_column=columns[0], tag_column=columns[1])
    sentences = [sentence for document in documents for sentence in document.sentences]
    words, entities = (sum(len(getattr(s, name)) for s in sentences) for name in ("words", "spans"))
    assert (len(documents), len(sentences), words, entities) == expected
    assert f"recognised as {scheme}" in caplog.text
    assert [s.spans for s in sentences] == conll_spans(path, *columns)
