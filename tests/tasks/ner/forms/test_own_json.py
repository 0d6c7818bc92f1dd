"""This project's own JSON: texts, tokens, sentences, and files of them."""

import json
from typing import Any, Callable, List

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.data.segmentation import SpacyRulesSegmenter, WhitespaceSegmenter
from luke_allennlp.tasks.ner.examples import Document, LabeledSpan
from luke_allennlp.tasks.ner.forms import Reading, read_documents
from luke_allennlp.tasks.ner.forms.own_json import document_from_record

SEGMENTER = SpacyRulesSegmenter()

Write = Callable[..., str]


def document(record: Any, segmenter: Any = SEGMENTER) -> Document:
    return document_from_record(record, "input 3", Reading(segmenter))


def read(path: str) -> List[Document]:
    return read_documents(path, Reading(SEGMENTER))


def lines(*records: Any) -> str:
    return "\n".join(record if isinstance(record, str) else json.dumps(record) for record in records)


class TestText:
    def test_spans_and_offsets(self) -> None:
        text = "Ana Ivanovic won. She left New York."
        found = document(
            {"text": text, "entities": [[0, 12, "PER"], {"start": 27, "end": 35, "label": "LOC"}]}
        )
        assert found.text == text
        first, second = found.sentences
        assert first.words == ["Ana", "Ivanovic", "won", "."]
        assert first.spans == [LabeledSpan(0, 2, "PER")]
        assert second.spans == [LabeledSpan(2, 4, "LOC")]
        assert second.offsets == [(18, 21), (22, 26), (27, 30), (31, 35), (35, 36)]

    def test_white_space_at_the_ends_is_no_part_of_an_entity(self) -> None:
        found = document({"text": "To Oslo  now", "entities": [[2, 9, "LOC"]]})
        assert found.sentences[0].spans == [LabeledSpan(1, 2, "LOC")]
        with pytest.raises(ConfigurationError, match=r"input 3, entities\[0\]: covers '  ', white space"):
            document({"text": "To Oslo  now", "entities": [[7, 9, "LOC"]]})

    def test_unaligned_entities(self) -> None:
        spans = [[0, 6, "PER"], [8, 17, "X"], [14, 17, "Y"], [18, 22, "Z"]]
        first, second = document({"text": "Rainers won. Anas left.", "entities": spans}).sentences
        assert first.spans == [] and first.unaligned == [(0, 6, "PER"), (8, 17, "X")]
        assert second.spans == [LabeledSpan(1, 2, "Z")] and second.unaligned == [(14, 17, "Y")]

    def test_half_a_surrogate_pair(self) -> None:
        found = document(json.loads(r'{"text": "a \ud83d b \ud83d\ude00", "entities": [[6, 7, "X"]]}'))
        assert found.text == "a \ufffd b 😀"
        assert found.sentences[0].words == ["a", "\ufffd", "b", "😀"]
        assert found.sentences[0].spans == [LabeledSpan(3, 4, "X")]

    @given(text=st.text(min_size=1, max_size=40), data=st.data())
    def test_no_entity_is_lost(self, text: str, data: Any) -> None:
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        if not text[start:end].strip():
            return
        segmenter = data.draw(st.sampled_from([SEGMENTER, WhitespaceSegmenter()]))
        found = document({"text": text, "entities": [[start, end, "X"]]}, segmenter=segmenter)
        characters = [
            (sentence.offsets[span.start][0], sentence.offsets[span.end - 1][1])
            for sentence in found.sentences
            for span in sentence.spans
            if sentence.offsets is not None
        ]
        characters += [(s, e) for sentence in found.sentences for s, e, _ in sentence.unaligned]
        assert [text[s:e] for s, e in characters] == [text[start:end].strip()]


def test_tokens() -> None:
    found = document({"tokens": ["Ana", "left", "New York"], "entities": [[2, 3, "LOC"], [0, 1, "PER"]]})
    (sentence,) = found.sentences
    assert sentence.words == ["Ana", "left", "New York"]
    assert sentence.spans == [LabeledSpan(2, 3, "LOC"), LabeledSpan(0, 1, "PER")]
    assert sentence.offsets is None and found.text is None


def test_sentences() -> None:
    record = {"sentences": [["Ana", "left"], ["Oslo"]], "entities": [[], [[0, 1, "LOC"]]]}
    found = document({**record, "other": 1})
    assert [sentence.words for sentence in found.sentences] == [["Ana", "left"], ["Oslo"]]
    assert [sentence.spans for sentence in found.sentences] == [[], [LabeledSpan(0, 1, "LOC")]]
    assert document({"sentences": [["Ana"]]}).sentences[0].spans == []


ANA = {"text": "Ana"}


@pytest.mark.parametrize(
    "record, message",
    [
        ({"txt": "Ana"}, r"only the keys \['txt'\]; expected exactly one of 'text', 'tokens' or 'sentences'"),
        ({**ANA, "tokens": ["Ana"]}, "both 'text' and 'tokens'"),
        ({"text": 3}, "'text' is 3; expected a string"),
        ({**ANA, "entities": [], "spans": []}, "both 'entities' and 'spans'"),
        ({**ANA, "entities": {"start": 0}}, "'entities' is .*; expected a list"),
        ({**ANA, "entities": [[0, 3]]}, r"entities\[0\]: found \[0, 3\]; expected"),
        ({**ANA, "entities": [{"start": 0, "end": 3}]}, r"entities\[0\]: 'label' is missing"),
        ({**ANA, "entities": [[0, 4, "PER"]]}, "start 0 and end 4, no part of 3 characters"),
        ({**ANA, "entities": [[0.0, 2, "PER"]]}, "'start' is 0.0; expected a whole number"),
        ({**ANA, "entities": [[0, 3, 1]]}, "the label is 1; expected a string"),
        ({"tokens": [], "entities": [[0, 1, "PER"]]}, "start 0 and end 1, no part of 0 tokens"),
        ({"tokens": ["Ana", ""]}, r"tokens\[1\] is empty"),
        ({"tokens": ["Ana", None]}, r"tokens\[1\] is None; expected a string"),
        ({"tokens": "Ana"}, "'tokens' is 'Ana'; expected a list"),
        ({"sentences": [["Ana"], []]}, "sentence 1: 'tokens' is empty"),
        ({"sentences": [["Ana"], ["b"]], "spans": [[]]}, "'sentences' has 2 items and 'spans' 1"),
        ({"sentences": [["Ana"]], "entities": [[0, 1, "PER"]]}, r"sentence 0, entities\[0\]: found 0"),
        ({"sentences": [["Ana"]], "entities": [[[0, 3, "PER"]]]}, r"sentence 0, entities\[0\] has start 0"),
    ],
)
def test_errors_name_the_input(record: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"input 3.*{message}"):
        document(record)


class TestFiles:
    def test_texts(self, write: Write) -> None:
        content = lines({"text": "Ana left.", "entities": [[0, 3, "PER"]]}, "", {"text": "Oslo", "id": "b"})
        documents = read(write(content))
        assert [d.id for d in documents] == ["0", "b"]
        assert [d.sentences[0].where for d in documents] == ["line 1", "line 3"]

    def test_successive_sentences_make_a_document(self, write: Write) -> None:
        keys: List[Any] = [{"document": "x"}, {"document": "x", "id": "s2"}, {}, {}]
        keys += [{"document": 5}, {"document": "5"}]
        documents = read(write(lines(*({"tokens": [c], **k} for c, k in zip("abcdef", keys, strict=True)))))
        assert [[s.words[0] for s in d.sentences] for d in documents] == [
            list(s) for s in ("ab", "c", "d", "ef")
        ]
        assert [d.id for d in documents] == ["x", "1", "2", "5"]
        apart = lines(*({"tokens": ["a"], "document": name} for name in "xyx"))
        with pytest.raises(ConfigurationError, match="line 3: belongs to the document 'x', .* on line 1"):
            read(write(apart))

    def test_ids_differ(self, write: Write) -> None:
        documents = read(write(lines({"text": "a", "id": "1"}, {"text": "b"}, {"text": "c", "id": "1"})))
        assert [d.id for d in documents] == ["1", "1-2", "1-3"]
        # Texts with one id stay apart where tokens are null.
        records = [{"id": "a", "text": text, "tokens": None} for text in ("Ana left.", "Oslo")]
        assert [(d.id, d.text) for d in read(write(records))] == [("a", "Ana left."), ("a-2", "Oslo")]

    def test_five_unaligned_entities_are_shown_of_many(
        self, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        read(write(lines(*({"text": f"Rainer{i}s", "entities": [[0, 7, "PER"]]} for i in range(9)))))
        assert "9 entities do not start and end with words" in caplog.text
        for i in range(9):
            assert (f"line {i + 1}, entities[0]: 'Rainer{i}' (0-7, PER)" in caplog.text) == (i < 5)

    @pytest.mark.parametrize(
        "line, message",
        [
            ('{"text": "a"', "line 2: is not JSON"),
            ('{"text": "a", "id": ["x"]}', r"line 2: 'id' is \['x'\]"),
            ('{"text": "a", "entities": [[0, 9, "X"]]}', r"line 2, entities\[0\] has start 0 and end 9"),
        ],
    )
    def test_errors_name_file_and_line(self, write: Write, line: str, message: str) -> None:
        with pytest.raises(ConfigurationError, match=f"data.json, {message}"):
            read(write(lines({"text": "a"}, line)))

    @pytest.mark.parametrize("content", ["", '{"text": ""}'])
    def test_no_sentence(self, write: Write, content: str) -> None:
        with pytest.raises(ConfigurationError, match="no sentence"):
            read(write(content))
