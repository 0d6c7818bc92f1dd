"""From files to instances."""

import json
import logging
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from allennlp.data import Instance
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.cloze_qa.examples import ClozeExample, Passage, questions_of
from luke_allennlp.tasks.cloze_qa.reader import MARKERS, ClozeQaReader, ClozeWindow
from tests.tasks.support import CHARACTERS, FIXTURES

Span = Tuple[int, int]
RECORD = FIXTURES / "data" / "record"
TOKENIZER = WordTokenizer(str(FIXTURES / "tiny-luke"), list(MARKERS))
READER = ClozeQaReader(TOKENIZER)
MARKER_IDS = {token: TOKENIZER.token_id(token) for token in MARKERS}


def example(
    text: str, candidates: List[Span], query: str = "@placeholder won", **values: Any
) -> ClozeExample:
    return ClozeExample("x", 0, "0", Passage(text, tuple(sorted(candidates))), query, **values)


def shown(window: ClozeWindow) -> str:
    """The tokens; a leading space is an underscore."""
    names = {token_id: token for token, token_id in TOKENIZER.marker_ids.items()}
    backend = TOKENIZER._with_space
    parts = [names.get(index) or backend.id_to_token(index) for index in window.input.ids.tolist()]
    return " ".join(part.replace("Ġ", "_") for part in parts)


def pieces(*texts: str) -> str:
    """Tokens of markers and texts, each tokenized alone; "_" in front says that it follows a space."""
    parts = []
    for text in texts:
        if text in (*MARKERS, "<s>", "</s>"):
            parts.append(text)
            continue
        ids = TOKENIZER.encode(text.removeprefix("_"), add_prefix_space=text.startswith("_")).ids
        parts.extend(TOKENIZER._with_space.id_to_token(index).replace("Ġ", "_") for index in ids)
    return " ".join(parts)


HEAD = ("<s>", "[PLACEHOLDER]", "_won", "</s>", "</s>")


class TestText:
    def test_segments(self) -> None:
        text = "Zoë left\nVexford (Rask's).\n@highlight\nZoë is in Vexford"
        spans: List[Span] = []
        for mention in ("Zoë", "Vexford", "Rask", "Zoë", "Vexford"):
            start = text.index(mention, spans[-1][1] if spans else 0)
            spans.append((start, start + len(mention)))
        (window,) = READER.items(example(text, spans, "So, @placeholder's\nteam won"))
        entity = "[ENTITY]"
        zoe, vexford = (entity, "_Zoë", entity), (entity, "_Vexford", entity)
        query = ("_So,", "[PLACEHOLDER]", "'s team won", "</s>", "</s>")
        first = (*zoe, "_left", *vexford, "_(", entity, "Rask", entity, "'s).")
        expected = pieces("<s>", *query, *first, "[HIGHLIGHT]", *zoe, "_is in", *vexford, "</s>")
        assert shown(window) == expected
        tokens = np.array(expected.split(" "))
        assert tokens[window.placeholder] == "[PLACEHOLDER]"
        assert window.spans.tolist() == np.flatnonzero(tokens == entity).reshape(-1, 2).tolist()

    @pytest.mark.parametrize(
        ("query", "parts"),
        [
            ("@placeholder", ["[PLACEHOLDER]"]),
            ("  @placeholder  ", ["[PLACEHOLDER]"]),
            ("the@placeholder won", ["_the", "[PLACEHOLDER]", "_won"]),
            ("(@placeholder)", ["_(", "[PLACEHOLDER]", ")"]),
            ("the @placeholder\nwon", ["_the", "[PLACEHOLDER]", "_won"]),
        ],
    )
    def test_query(self, query: str, parts: List[str]) -> None:
        (window,) = READER.items(example("", [], query))
        expected = pieces("<s>", *parts, "</s>", "</s>", "</s>")
        assert shown(window) == expected
        assert expected.split(" ")[window.placeholder] == "[PLACEHOLDER]"

    @pytest.mark.parametrize(
        ("text", "candidates", "parts"),
        [
            ("@highlight", [], ["[HIGHLIGHT]"]),
            ("@highlight@highlight won", [], ["[HIGHLIGHT]", "[HIGHLIGHT]", "_won"]),
            ("a@highlightb", [], ["_a", "[HIGHLIGHT]", "b"]),
            # A mention that holds one, and one that begins behind one.
            ("a@highlight b", [(0, 13)], ["[ENTITY]", "_a", "[HIGHLIGHT]", "_b", "[ENTITY]"]),
            ("a@highlightb", [(11, 12)], ["_a", "[HIGHLIGHT]", "[ENTITY]", "b", "[ENTITY]"]),
            # One inside of another, and two side by side.
            ("ab c", [(0, 4), (0, 2)], ["[ENTITY]", "[ENTITY]", "_ab", "[ENTITY]", "_c", "[ENTITY]"]),
            ("abc", [(0, 1), (1, 3)], ["[ENTITY]", "_a", "[ENTITY]", "[ENTITY]", "bc", "[ENTITY]"]),
        ],
    )
    def test_corners(self, text: str, candidates: List[Span], parts: List[str]) -> None:
        (window,) = READER.items(example(text, candidates))
        assert shown(window) == pieces(*HEAD, *parts, "</s>")

    def test_doubled_text(self) -> None:
        text = "Zoë.\n@highlight\nShe won\n@highlight\nShe left"
        original = ClozeQaReader(TOKENIZER, duplicate_highlight_text=True)
        head = [*HEAD, "[ENTITY]", "_Zoë", "[ENTITY]"]
        rest = ["[HIGHLIGHT]", "_She won", "[HIGHLIGHT]", "_She left", "</s>"]
        question = example(text, [(0, 3)])
        assert shown(READER.items(question)[0]) == pieces(*head, ".", *rest)
        assert shown(original.items(question)[0]) == pieces(*head, text[3:].replace("\n", " "), *rest)
        # Only where the piece follows no space.
        question = example(text.replace(".", " ."), [(0, 3)])
        assert shown(original.items(question)[0]) == shown(READER.items(question)[0])

    def test_long_mention(self) -> None:
        text = "so " + "ab " * 40 + "left"
        whole = len(TOKENIZER.encode(text[3:122]).ids) + 2
        for limit, length in ((30, 30), (5, 5), (None, whole)):
            reader = ClozeQaReader(TOKENIZER, max_mention_length=limit)
            (window,) = reader.items(example(text, [(3, 122), (0, 2)]))
            _, (first, last) = window.spans.tolist()
            assert last - first + 1 == length


class TestLongQuery:
    def query(self, before: int, after: int) -> str:
        return " ".join(["a"] * before + ["@placeholder"] + ["b"] * after)

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            (5, 4, (5, 4)),
            (2, 40, (2, 7)),
            (9, 1, (9, 0)),  # the last place that it can have
            (10, 0, (9, 0)),
            (10, 1, (8, 1)),
            (40, 40, (5, 4)),
        ],
    )
    def test_placeholder_stays(self, before: int, after: int, expected: Tuple[int, int]) -> None:
        reader = ClozeQaReader(TOKENIZER, max_query_length=10)
        (window,) = reader.items(example("", [], self.query(before, after)))
        names = shown(window).split(" ")
        query = names[1 : names.index("</s>")]
        assert (query.count("_a"), query.count("_b")) == expected
        assert names[window.placeholder] == "[PLACEHOLDER]" and len(query) <= 10


class TestWindows:
    @given(
        words=st.lists(st.booleans(), max_size=80), max_length=st.integers(20, 60), stride=st.integers(1, 50)
    )
    @settings(max_examples=60, deadline=None)
    def test_every_candidate_where_it_fits(self, words: List[bool], max_length: int, stride: int) -> None:
        reader = ClozeQaReader(TOKENIZER, max_length=max_length, stride=stride, max_query_length=10)
        # Words of one token each; a mention of one has three.
        candidates = [(2 * index, 2 * index + 1) for index, mention in enumerate(words) if mention]
        windows = reader.items(example("a " * len(words), candidates))
        assert [(w.number, w.total) for w in windows] == [(n, len(windows)) for n in range(len(windows))]
        size = max_length - 2 - 4
        starts = [0]
        while starts[-1] + size < len(words) + 2 * len(candidates):
            starts.append(starts[-1] + min(stride, size))
        positions = {span: 2 * index + span[0] // 2 for index, span in enumerate(candidates)}
        expected = [
            [span for span in candidates if start <= positions[span] and positions[span] + 3 <= start + size]
            for start in starts
        ]
        found = [[candidates[index] for index in window.candidates] for window in windows]
        assert found == ([spans for spans in expected if spans] or [[]])
        for window in windows:
            assert len(window.input.ids) <= max_length
            assert (window.input.ids[window.spans] == MARKER_IDS["[ENTITY]"]).all()
            assert window.input.ids[window.placeholder] == MARKER_IDS["[PLACEHOLDER]"]

    def test_nothing_to_choose_from(self) -> None:
        reader = ClozeQaReader(TOKENIZER, max_length=30, stride=10, max_query_length=10)
        for candidates, fallback in (([], ""), ([(0, 100)], "a " * 50)):
            (window,) = reader.items(example("a " * 60, candidates, answers=("a",)))
            instance = reader.text_to_instance(window, labeled=True)
            data = instance["metadata"].metadata
            assert (data["candidates"], data["texts"], data["fallback"]) == ([], [], fallback)
            assert len(instance["entities"]) == 1 and len(instance["labels"].tensor) == 0
            assert len(window.input.ids) == 30

    def test_passage_is_tokenized_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        texts: List[str] = []
        encode = WordTokenizer.encode
        monkeypatch.setattr(
            WordTokenizer, "encode", lambda self, text, *rest: texts.append(text) or encode(self, text, *rest)
        )
        passage = {"text": "Zoë left Vexford", "entities": [{"start": 0, "end": 2}]}
        queries = [{"query": f"{number} @placeholder"} for number in range(5)]
        reader = ClozeQaReader(TOKENIZER)
        for question in questions_of({"passage": passage, "qas": queries}, "x"):
            reader.items(question)
        assert [text for text in texts if "left" in text] == [" left Vexford"]
        assert len([text for text in texts if text[:1].isdigit()]) == 5


def read(path: Path) -> List[Instance]:
    return list(READER.read(str(path)))


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "questions"),
        [("train.json", 47), ("dev.json", 12), ("superglue_dev.jsonl", 6), ("questions.jsonl", 9)],
    )
    def test_fixtures(self, name: str, questions: int) -> None:
        instances = read(RECORD / name)
        assert len(instances) == questions
        for number, instance in enumerate(instances):
            data = instance["metadata"].metadata
            assert data["key"] == number and data["num_windows"] == 1
            labels = [bool(label) for label in instance["labels"].tensor]
            assert labels == [text in data["answers"] for text in data["texts"]]
            assert any(labels) == (data["id"] != "nobody")
            assert len(instance["entities"]) == len(labels) + 1

    def test_forms_say_the_same(self, tmp_path: Path) -> None:
        whole = json.loads((RECORD / "dev.json").read_text(encoding="utf-8"))
        own: List[Dict[str, Any]] = []
        for article in whole["data"]:
            passage = article["passage"]
            candidates = [[span["start"], span["end"] + 1] for span in passage["entities"]]
            for question in article["qas"]:
                answers = [[answer["start"], answer["end"] + 1] for answer in question["answers"]]
                record = {"passage": passage["text"], "candidates": candidates, "answers": answers}
                own.append({**question, **record})
        expected = read(RECORD / "dev.json")
        for text in (json.dumps(whole, indent=1), "\n".join(map(json.dumps, whole["data"])), json.dumps(own)):
            (tmp_path / "data.json").write_text(text)
            for one, other in zip(read(tmp_path / "data.json"), expected, strict=True):
                assert one["words"] == other["words"] and one["entities"] == other["entities"]
                assert one["metadata"].metadata == other["metadata"].metadata
                assert one["labels"].tensor.tolist() == other["labels"].tensor.tolist()

    def test_log(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        path = tmp_path / "data.jsonl"
        record = {"passage": "Zoë and " + "a " * 60, "query": "@placeholder", "answers": ["Zoë"]}
        given: List[Any] = [["Zoë"], ["and"], [], [[0, 90]]]
        path.write_text("\n".join(json.dumps({**record, "candidates": spans}) for spans in given))
        reader = ClozeQaReader(TOKENIZER, max_length=40, max_query_length=10)
        with caplog.at_level(logging.INFO):
            list(reader.read(path))
        assert caplog.messages == [
            f"{path}: no candidate is an answer to 3 of 4 questions",
            f"{path}: 4 windows of 4 questions",
            f"{path}: 2 of 4 questions have no candidate that fits into a window of 40 tokens; their answer "
            "is the first candidate, or empty if there is none",
        ]


PARTS = st.one_of(CHARACTERS, st.sampled_from(["@highlight", " @highlight "]))
TEXTS = st.lists(PARTS, max_size=40).map("".join)


@st.composite
def questions(draw: st.DrawFn) -> ClozeExample:
    """Any text, even of halves of surrogate pairs, and spans that overlap, cross and touch the ends."""
    text = draw(TEXTS.filter(str.strip))
    ends = st.integers(0, len(text))
    spans = draw(st.sets(st.tuples(ends, ends).filter(lambda span: span[0] < span[1]), max_size=8))
    query = f"{draw(TEXTS)}@placeholder{draw(TEXTS)}"
    record = {"passage": text, "query": query, "candidates": sorted(spans)}
    return READER.examples_from_json(record, "x")[0]


@given(question=questions())
@settings(max_examples=120, deadline=None)
def test_any_question(question: ClozeExample) -> None:
    reader = ClozeQaReader(TOKENIZER, max_length=60, stride=16, max_query_length=30)
    entity = MARKER_IDS["[ENTITY]"]
    for window in reader.items(question):
        ids = window.input.ids
        assert len(ids) <= 60
        assert np.flatnonzero(ids == MARKER_IDS["[PLACEHOLDER]"]).tolist() == [window.placeholder]
        assert window.placeholder <= 30
        begin = ids.tolist().index(TOKENIZER.end_id)
        for first, last in window.spans.tolist():
            assert begin < first <= last < len(ids) - 1
            assert ids[first] == entity and (ids[last] == entity or last - first == 29)

    ids, spans = reader._tokenized_passage(question.passage)
    assert len(set(spans.ravel().tolist())) == 2 * len(spans)
    for (first, last), candidate in zip(spans, question.passage.candidates, strict=True):
        assert ids[first] == ids[last] == entity
        # Between its markers stands the mention, but for space.
        inside = [index for index in ids[first:last].tolist() if index not in MARKER_IDS.values()]
        # (An "@highlight" that another mention cuts in two stays text.)
        found, mention = (
            "".join(text.replace("@highlight", "").split())
            for text in (TOKENIZER._with_space.decode(inside), question.passage.mention(candidate))
        )
        assert found == mention
