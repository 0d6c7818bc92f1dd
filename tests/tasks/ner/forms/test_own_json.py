import json
import logging

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.data.segmentation import SpacyRulesSegmenter, WhitespaceSegmenter
from luke_allennlp.tasks.ner.examples import LabeledSpan
from luke_allennlp.tasks.ner.forms import Reading, read_documents
from luke_allennlp.tasks.ner.forms.own_json import document_from_record

SEGMENTER = SpacyRulesSegmenter()


@pytest.fixture
def write(tmp_path):
    def write_file(*records) -> str:
        path = tmp_path / "data.jsonl"
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    return write_file


def document(record, segmenter=SEGMENTER, **options):
    return document_from_record(record, "input 3", Reading(segmenter), **options)


def read_json_lines(path, segmenter=SEGMENTER, encoding="utf-8"):
    return read_documents(path, Reading(segmenter, encoding))


class TestText:
    def test_spans_and_offsets(self):
        text = "Ana Ivanovic won. She left New York."
        found = document(
            {"text": text, "entities": [[0, 12, "PER"], {"start": 27, "end": 35, "label": "LOC"}]}
        )
        assert found.id == "0" and found.text == text
        first, second = found.sentences
        assert first.words == ["Ana", "Ivanovic", "won", "."]
        assert first.spans == [LabeledSpan(0, 2, "PER")]
        assert second.spans == [LabeledSpan(2, 4, "LOC")]
        assert second.offsets == [(18, 21), (22, 26), (27, 30), (31, 35), (35, 36)]
        assert all(text[s:e] == word for word, (s, e) in zip(second.words, second.offsets, strict=True))

    def test_nested_and_repeated_entities(self):
        found = document({"text": "Bank of Oslo", "spans": [[0, 12, "ORG"], [8, 12, "LOC"], [0, 12, "ORG"]]})
        assert set(found.sentences[0].spans) == {LabeledSpan(0, 3, "ORG"), LabeledSpan(2, 3, "LOC")}

    def test_white_space_at_the_ends_is_no_part_of_an_entity(self):
        found = document({"text": "To Oslo  now", "entities": [[2, 9, "LOC"]]})
        assert found.sentences[0].spans == [LabeledSpan(1, 2, "LOC")]
        with pytest.raises(ConfigurationError, match="input 3, entity 0: covers '  ', white space"):
            document({"text": "To Oslo  now", "entities": [[7, 9, "LOC"]]})

    def test_unaligned_entities(self):
        text = "Rainers won. Anas left."
        found = document(
            {"text": text, "entities": [[0, 6, "PER"], [8, 17, "X"], [14, 17, "Y"], [18, 22, "Z"]]}
        )
        first, second = found.sentences
        assert first.spans == [] and first.unaligned == [(0, 6, "PER"), (8, 17, "X")]
        assert second.spans == [LabeledSpan(1, 2, "Z")] and second.unaligned == [(14, 17, "Y")]

    def test_no_entities_and_no_words(self):
        assert document({"text": "Ana", "id": "x"}).id == "x"
        assert document({"text": "Ana", "entities": None, "id": 7}, default_id="2").id == "7"
        empty = document({"text": " \n"}, default_id="2")
        assert empty.sentences == [] and empty.id == "2" and empty.text == " \n"

    def test_half_a_surrogate_pair(self):
        found = document(json.loads(r'{"text": "a \ud83d b \ud83d\ude00", "entities": [[6, 7, "X"]]}'))
        assert found.text == "a \ufffd b 😀"
        assert found.sentences[0].words == ["a", "\ufffd", "b", "😀"]
        assert found.sentences[0].spans == [LabeledSpan(3, 4, "X")]

    @settings(deadline=None)
    @given(text=st.text(min_size=1, max_size=40), data=st.data())
    def test_no_entity_is_lost(self, text, data):
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
        ]
        characters += [(s, e) for sentence in found.sentences for s, e, _ in sentence.unaligned]
        assert [text[s:e] for s, e in characters] == [text[start:end].strip()]


class TestTokens:
    def test_sentence(self):
        found = document({"tokens": ["Ana", "left", "New York"], "entities": [[2, 3, "LOC"], [0, 1, "PER"]]})
        (sentence,) = found.sentences
        assert sentence.words == ["Ana", "left", "New York"]
        assert sentence.spans == [LabeledSpan(2, 3, "LOC"), LabeledSpan(0, 1, "PER")]
        assert sentence.offsets is None and found.text is None

    def test_whole_document(self):
        found = document(
            {
                "sentences": [["Ana", "left"], ["Oslo"]],
                "entities": [[], [[0, 1, "LOC"]]],
                "id": "d",
                "other": 1,
            }
        )
        assert [sentence.words for sentence in found.sentences] == [["Ana", "left"], ["Oslo"]]
        assert [sentence.spans for sentence in found.sentences] == [[], [LabeledSpan(0, 1, "LOC")]]
        assert found.id == "d"
        assert document({"sentences": [["Ana"]]}).sentences[0].spans == []


@pytest.mark.parametrize(
    "record, message",
    [
        ({"txt": "Ana"}, r"only the keys \['txt'\]; expected exactly one of 'text', 'tokens' or 'sentences'"),
        ({"text": "Ana", "tokens": ["Ana"]}, "both 'text' and 'tokens'"),
        ({"text": 3}, "'text' is 3; expected a string"),
        ({"text": "Ana", "entities": [], "spans": []}, "both 'entities' and 'spans'"),
        ({"text": "Ana", "entities": {"start": 0}}, "'entities' is .*; expected a list"),
        ({"text": "Ana", "entities": [[0, 3]]}, r"entity 0: found \[0, 3\]; expected"),
        ({"text": "Ana", "entities": [{"start": 0, "end": 3}]}, "entity 0: 'label' is missing"),
        ({"text": "Ana", "entities": [[0, 4, "PER"]]}, "start 0 and end 4, no part of 3 characters"),
        ({"text": "Ana", "entities": [[2, 2, "PER"]]}, "start 2 and end 2"),
        ({"text": "Ana", "entities": [[-1, 2, "PER"]]}, "start -1"),
        ({"text": "Ana", "entities": [[0.0, 2, "PER"]]}, "'start' is 0.0; expected a whole number"),
        ({"text": "Ana", "entities": [[False, True, "PER"]]}, "'start' is False; expected a whole number"),
        ({"text": "Ana", "entities": [[0, 3, 1]]}, "the label is 1; expected a string"),
        ({"text": "Ana", "entities": [[0, 3, ""]]}, "the label is ''"),
        ({"text": "Ana", "id": ["x"]}, r"'id' is \['x'\]"),
        ({"tokens": [], "entities": [[0, 1, "PER"]]}, "start 0 and end 1, no part of 0 tokens"),
        ({"tokens": ["Ana", ""]}, r"tokens\[1\] is empty"),
        ({"tokens": ["Ana", None]}, r"tokens\[1\] is None; expected a string"),
        ({"tokens": "Ana"}, "'tokens' is 'Ana'; expected a list"),
        ({"tokens": ["Ana"], "entities": [[0, 2, "PER"]]}, "start 0 and end 2, no part of 1 tokens"),
        ({"tokens": ["Ana"], "document": 1.5}, "'document' is 1.5"),
        ({"sentences": [["Ana"], []]}, "input 3, sentence 1: 'tokens' is empty"),
        ({"sentences": [["Ana"], ["b"]], "entities": [[]]}, "'sentences' has 2 items and 'entities' 1"),
        ({"sentences": [["Ana"]], "entities": [[0, 1, "PER"]]}, "sentence 0, entity 0: found 0"),
        (
            {"sentences": [["Ana"]], "entities": [[[0, 3, "PER"]]]},
            "sentence 0, entity 0 has start 0 and end 3",
        ),
    ],
)
def test_errors_name_the_input(record, message):
    with pytest.raises(ConfigurationError, match=message) as error:
        document(record)
    assert "input 3" in str(error.value)


class TestFile:
    def test_texts(self, write, caplog):
        caplog.set_level(logging.INFO)
        path = write({"text": "Ana left.", "entities": [[0, 3, "PER"]]}, "", {"text": "Oslo", "id": "b"})
        documents = read_json_lines(path)
        assert [d.id for d in documents] == ["0", "b"]
        assert [d.sentences[0].where for d in documents] == ["line 1", "line 3"]
        assert "is read as JSON with 'text', 'tokens' or 'sentences'" in caplog.text

    def test_successive_sentences_make_a_document(self, write):
        path = write(
            {"tokens": ["a"], "document": "x"},
            {"tokens": ["b"], "document": "x", "id": "s2"},
            {"tokens": ["c"]},
            {"tokens": ["d"]},
            {"tokens": ["e"], "document": 5},
            {"tokens": ["f"], "document": "5"},
        )
        documents = read_json_lines(path, WhitespaceSegmenter())
        assert [[s.words[0] for s in d.sentences] for d in documents] == [
            ["a", "b"],
            ["c"],
            ["d"],
            ["e", "f"],
        ]
        assert [d.id for d in documents] == ["x", "1", "2", "5"]

    def test_a_document_in_two_places_is_an_error(self, write):
        lines = [{"tokens": ["a"], "document": name} for name in ("x", "y", "x")]
        with pytest.raises(
            ConfigurationError, match="line 3: belongs to the document 'x', which starts on line 1"
        ):
            read_json_lines(write(*lines))

    def test_ids_differ(self, write):
        documents = read_json_lines(write({"text": "a", "id": "1"}, {"text": "b"}, {"text": "c", "id": "1"}))
        assert [d.id for d in documents] == ["1", "1-2", "1-3"]

    def test_texts_with_one_id_stay_apart_where_tokens_are_null(self, write):
        path = write(*({"id": "a", "text": text, "tokens": None} for text in ("Ana left.", "Oslo")))
        documents = read_json_lines(path)
        assert [(d.id, d.text) for d in documents] == [("a", "Ana left."), ("a-2", "Oslo")]
        assert [s.offsets for d in documents for s in d.sentences] == [[(0, 3), (4, 8), (8, 9)], [(0, 4)]]

    def test_five_unaligned_entities_are_shown_of_many(self, write, caplog):
        read_json_lines(write(*({"text": f"Rainer{i}s", "entities": [[0, 7, "PER"]]} for i in range(9))))
        assert "9 entities do not start and end with words" in caplog.text
        for i in range(9):
            assert (f"line {i + 1}, entity 0: 'Rainer{i}' (0-7, PER)" in caplog.text) == (i < 5)

    def test_unaligned_entities_are_counted_and_shown(self, write, caplog):
        read_json_lines(write({"text": "Ana"}, {"text": "Rainers left", "entities": [[0, 6, "PER"]]}))
        assert "1 entities do not start and end with words" in caplog.text
        assert "line 2, entity 0: 'Rainer' (0-6, PER)" in caplog.text

    @pytest.mark.parametrize(
        "line, message",
        [
            ('{"text": "a"', "line 2: is not JSON"),
            ('["a"]', r"line 2: found \['a'\]"),
            ('{"txt": "a"}', "line 2: has only the keys"),
            ('{"text": "a", "entities": [[0, 9, "X"]]}', "line 2, entity 0 has start 0 and end 9"),
        ],
    )
    def test_errors_name_file_and_line(self, write, line, message):
        with pytest.raises(ConfigurationError, match=f"data.jsonl, {message}"):
            read_json_lines(write({"text": "a"}, line))

    def test_no_sentence(self, write):
        for content in ("", '{"text": ""}'):
            with pytest.raises(ConfigurationError, match="no sentence"):
                read_json_lines(write(content))

    def test_encoding_and_missing_file(self, tmp_path):
        path = tmp_path / "data.jsonl"
        path.write_bytes('{"text": "München"}'.encode("latin-1"))
        assert read_json_lines(str(path), encoding="latin-1")[0].text == "München"
        with pytest.raises(ConfigurationError, match="line 1.*encoding: latin-1"):
            read_json_lines(str(path))
        with pytest.raises(ConfigurationError, match="no such file"):
            read_json_lines(str(tmp_path / "missing.jsonl"))
