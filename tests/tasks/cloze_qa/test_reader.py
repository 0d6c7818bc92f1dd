"""From files to instances."""

import json
import logging
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance
from allennlp.data.tokenizers import WhitespaceTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.cloze_qa.examples import ClozeExample, Passage, questions_of
from luke_allennlp.tasks.cloze_qa.reader import MARKERS, ClozeQaReader, ClozeWindow

Span = Tuple[int, int]


@pytest.fixture(scope="module")
def tokenizer(fixtures_dir: Path) -> WordTokenizer:
    return WordTokenizer(str(fixtures_dir / "tiny-luke"), list(MARKERS))


@pytest.fixture(scope="module")
def reader(tokenizer: WordTokenizer) -> ClozeQaReader:
    return ClozeQaReader(tokenizer)


def example(
    text: str, candidates: List[Span], query: str = "@placeholder won", **values: Any
) -> ClozeExample:
    return ClozeExample("x", 0, "0", Passage(text, tuple(sorted(candidates))), query, **values)


def shown(reader: ClozeQaReader, window: ClozeWindow) -> str:
    """The sub-words; a leading space is an underscore."""
    tokenizer = reader.tokenizer
    names = {token_id: token for token, token_id in tokenizer.marker_ids.items()}
    backend = tokenizer._with_space
    parts = [names.get(index) or backend.id_to_token(index) for index in window.input.ids.tolist()]
    return " ".join(part.replace("Ġ", "_") for part in parts)


def pieces(reader: ClozeQaReader, *texts: str) -> str:
    """Sub-words of markers and texts, each tokenised alone; "_" in front says that it follows a space."""
    parts = []
    for text in texts:
        if text in (*MARKERS, "<s>", "</s>"):
            parts.append(text)
            continue
        ids = reader.tokenizer.encode(text.removeprefix("_"), add_prefix_space=text.startswith("_")).ids
        parts.extend(reader.tokenizer._with_space.id_to_token(index).replace("Ġ", "_") for index in ids)
    return " ".join(parts)


class TestText:
    def test_segments(self, reader: ClozeQaReader) -> None:
        text = "Zoë left\nVexford (Rask's).\n@highlight\nZoë is in Vexford"
        mentions = ["Zoë", "Vexford", "Rask", "Zoë", "Vexford"]
        spans: List[Span] = []
        for mention in mentions:
            start = text.index(mention, spans[-1][1] if spans else 0)
            spans.append((start, start + len(mention)))
        (window,) = reader.items(example(text, spans, "So, @placeholder's\nteam won"))
        entity = "[ENTITY]"
        zoe, vexford = (entity, "_Zoë", entity), (entity, "_Vexford", entity)
        query = ("_So,", "[PLACEHOLDER]", "'s team won", "</s>", "</s>")
        first = (*zoe, "_left", *vexford, "_(", entity, "Rask", entity, "'s).")
        expected = pieces(reader, "<s>", *query, *first, "[HIGHLIGHT]", *zoe, "_is in", *vexford, "</s>")
        assert shown(reader, window) == expected
        tokens = expected.split(" ")
        assert tokens[window.placeholder] == "[PLACEHOLDER]"
        assert window.spans.tolist() == [
            list(pair)
            for pair in zip(*[iter(np.flatnonzero(np.array(tokens) == entity).tolist())] * 2, strict=True)
        ]

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
    def test_query(self, reader: ClozeQaReader, query: str, parts: List[str]) -> None:
        (window,) = reader.items(example("", [], query))
        assert shown(reader, window) == pieces(reader, "<s>", *parts, "</s>", "</s>", "</s>")
        assert window.placeholder == 1 + parts.index("[PLACEHOLDER]") * (
            len(pieces(reader, parts[0]).split())
        )

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
    def test_corners(
        self, reader: ClozeQaReader, text: str, candidates: List[Span], parts: List[str]
    ) -> None:
        (window,) = reader.items(example(text, candidates))
        head = ["<s>", "[PLACEHOLDER]", "_won", "</s>", "</s>"]
        assert shown(reader, window) == pieces(reader, *head, *parts, "</s>")

    def test_doubled_text(self, tokenizer: WordTokenizer, reader: ClozeQaReader) -> None:
        text = "Zoë.\n@highlight\nShe won\n@highlight\nShe left"
        original = ClozeQaReader(tokenizer, duplicate_highlight_text=True)
        head = ["<s>", "[PLACEHOLDER]", "_won", "</s>", "</s>", "[ENTITY]", "_Zoë", "[ENTITY]"]
        rest = ["[HIGHLIGHT]", "_She won", "[HIGHLIGHT]", "_She left", "</s>"]
        question = example(text, [(0, 3)])
        assert shown(reader, reader.items(question)[0]) == pieces(reader, *head, ".", *rest)
        whole = text[3:].replace("\n", " ")
        assert shown(reader, original.items(question)[0]) == pieces(reader, *head, whole, *rest)
        # Only where the piece follows no space.
        question = example(text.replace(".", " ."), [(0, 3)])
        assert shown(reader, original.items(question)[0]) == shown(reader, reader.items(question)[0])

    def test_long_mention(self, tokenizer: WordTokenizer) -> None:
        text = "so " + "ab " * 40 + "left"
        for limit, length in ((30, 30), (5, 5), (None, None)):
            reader = ClozeQaReader(tokenizer, max_mention_length=limit)
            (window,) = reader.items(example(text, [(3, 122), (0, 2)]))
            (_, short_end), (first, last) = window.spans.tolist()
            assert first == short_end + 1 or limit == 5
            whole = len(tokenizer.encode(text[3:122]).ids) + 2
            assert whole > 30 and last - first + 1 == (length or whole)


class TestLongQuery:
    def query(self, before: int, after: int) -> str:
        return " ".join(["a"] * before + ["@placeholder"] + ["b"] * after)

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            (5, 4, (5, 4)),
            (4, 5, (4, 5)),
            (2, 40, (2, 7)),
            (9, 1, (9, 0)),  # the last place that it can have
            (10, 0, (9, 0)),
            (10, 1, (8, 1)),
            (40, 40, (5, 4)),
        ],
    )
    def test_placeholder_stays(
        self, tokenizer: WordTokenizer, before: int, after: int, expected: Tuple[int, int]
    ) -> None:
        reader = ClozeQaReader(tokenizer, max_query_length=10)
        (window,) = reader.items(example("", [], self.query(before, after)))
        names = shown(reader, window).split(" ")
        query = names[1 : names.index("</s>")]
        assert (query.count("_a"), query.count("_b")) == expected
        assert names[window.placeholder] == "[PLACEHOLDER]" and len(query) <= 10

    def test_original(self, tokenizer: WordTokenizer) -> None:
        reader = ClozeQaReader(tokenizer, max_query_length=10, cut_placeholder=True)
        (window,) = reader.items(example("", [], self.query(20, 5)))
        assert shown(reader, window) == pieces(reader, "<s>", "_" + "a " * 10, "</s>", "</s>", "</s>")
        assert window.placeholder == 21
        (window,) = reader.items(example("", [], self.query(9, 5)))
        assert shown(reader, window).split(" ")[window.placeholder] == "[PLACEHOLDER]"


class TestWindows:
    @given(
        words=st.lists(st.booleans(), max_size=80),
        max_length=st.integers(20, 60),
        stride=st.integers(1, 50),
    )
    @settings(max_examples=60, deadline=None)
    def test_every_candidate_where_it_fits(
        self, tokenizer: WordTokenizer, words: List[bool], max_length: int, stride: int
    ) -> None:
        reader = ClozeQaReader(tokenizer, max_length=max_length, stride=stride, max_query_length=10)
        # Words of one sub-word each; a mention of one has three.
        candidates = [(2 * index, 2 * index + 1) for index, mention in enumerate(words) if mention]
        windows = reader.items(example("a " * len(words), candidates))
        assert [window.number for window in windows] == list(range(len(windows)))
        assert {window.total for window in windows} == {len(windows)}
        size = max_length - 2 - 4
        total = len(words) + 2 * len(candidates)
        starts = [0]
        while starts[-1] + size < total:
            starts.append(starts[-1] + min(stride, size))
        positions = {span: int(2 * index + span[0] / 2) for index, span in enumerate(candidates)}
        expected = [
            [span for span in candidates if start <= positions[span] and positions[span] + 3 <= start + size]
            for start in starts
        ]
        expected = [spans for spans in expected if spans] or [[]]
        found = [[windows[0].example.passage.candidates[index] for index in w.candidates] for w in windows]
        assert found == expected
        entity = tokenizer.token_id("[ENTITY]")
        for window in windows:
            assert len(window.input.ids) <= max_length
            assert (window.input.ids[window.spans] == entity).all()
            assert window.input.ids[window.placeholder] == tokenizer.token_id("[PLACEHOLDER]")

    def test_windows_without_a_candidate_are_left_out(self, tokenizer: WordTokenizer) -> None:
        reader = ClozeQaReader(tokenizer, max_length=26, stride=20, max_query_length=10)
        windows = reader.items(example("a " * 60, [(100, 101)]))
        assert [(window.number, window.total, window.candidates) for window in windows] == [(0, 1, [0])]

    def test_nothing_to_choose_from(self, tokenizer: WordTokenizer) -> None:
        reader = ClozeQaReader(tokenizer, max_length=30, stride=10, max_query_length=10)
        for candidates, fallback in (([], ""), ([(0, 100)], "a " * 50)):
            (window,) = reader.items(example("a " * 60, candidates, answers=("a",)))
            instance = reader.text_to_instance(window, labeled=True)
            data = instance["metadata"].metadata
            assert (data["candidates"], data["texts"], data["fallback"]) == ([], [], fallback)
            assert len(instance["entities"]) == 1 and len(instance["labels"].tensor) == 0
            assert len(window.input.ids) == 30

    def test_passage_is_tokenised_once(
        self, tokenizer: WordTokenizer, fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        texts: List[str] = []
        encode = WordTokenizer.encode
        monkeypatch.setattr(
            WordTokenizer, "encode", lambda self, text, *rest: texts.append(text) or encode(self, text, *rest)
        )
        record = {
            "passage": {"text": "Zoë left Vexford", "entities": [{"start": 0, "end": 2}]},
            "qas": [{"query": f"{number} @placeholder"} for number in range(5)],
        }
        reader = ClozeQaReader(tokenizer)
        for question in questions_of(record, "x"):
            reader.items(question)
        assert [text for text in texts if "left" in text] == [" left Vexford"]
        assert len([text for text in texts if text[:1].isdigit()]) == 5


def read(reader: ClozeQaReader, path: Path) -> List[Instance]:
    return list(reader.read(str(path)))


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "questions"),
        [("train.json", 47), ("dev.json", 12), ("superglue_dev.jsonl", 6), ("questions.jsonl", 9)],
    )
    def test_fixtures(self, reader: ClozeQaReader, fixtures_dir: Path, name: str, questions: int) -> None:
        instances = read(reader, fixtures_dir / "data" / "record" / name)
        assert len(instances) == questions
        for number, instance in enumerate(instances):
            data = instance["metadata"].metadata
            assert data["key"] == number and data["num_windows"] == 1
            labels = [bool(label) for label in instance["labels"].tensor]
            assert labels == [text in data["answers"] for text in data["texts"]]
            assert any(labels) == (data["id"] != "nobody")
            assert len(instance["entities"]) == len(labels) + 1

    def test_forms_say_the_same(self, reader: ClozeQaReader, tmp_path: Path, fixtures_dir: Path) -> None:
        whole = json.loads((fixtures_dir / "data" / "record" / "dev.json").read_text(encoding="utf-8"))
        (tmp_path / "indented.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
        (tmp_path / "lines.jsonl").write_text("\n".join(map(json.dumps, whole["data"])), encoding="utf-8")
        own: List[Dict[str, Any]] = []
        for article in whole["data"]:
            text = article["passage"]["text"]
            candidates = [[span["start"], span["end"] + 1] for span in article["passage"]["entities"]]
            for question in article["qas"]:
                answers = [[answer["start"], answer["end"] + 1] for answer in question["answers"]]
                record = {"id": question["id"], "passage": text, "query": question["query"]}
                own.append({**record, "candidates": candidates, "answers": answers})
        (tmp_path / "own.json").write_text(json.dumps(own), encoding="utf-8")
        expected = read(reader, fixtures_dir / "data" / "record" / "dev.json")
        for name in ("indented.json", "lines.jsonl", "own.json"):
            found = read(reader, tmp_path / name)
            assert len(found) == len(expected)
            for one, other in zip(found, expected, strict=True):
                assert one["words"] == other["words"] and one["entities"] == other["entities"]
                assert one["metadata"].metadata == other["metadata"].metadata
                assert one["labels"].tensor.tolist() == other["labels"].tensor.tolist()

    def test_log(self, tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        path = tmp_path / "data.jsonl"
        record = {"passage": "Zoë and " + "a " * 60, "query": "@placeholder", "answers": ["Zoë"]}
        path.write_text(
            "\n".join(
                json.dumps({**record, "candidates": given}) for given in (["Zoë"], ["and"], [], [[0, 90]])
            )
        )
        reader = ClozeQaReader(tokenizer, max_length=40, max_query_length=10)
        with caplog.at_level(logging.INFO):
            read(reader, path)
        assert [message.removeprefix(f"{path}: ") for message in caplog.messages] == [
            f"{path}: no candidate is an answer to 3 of 4 questions".removeprefix(f"{path}: "),
            "4 windows of 4 questions",
            "2 of 4 questions have no candidate that fits into a window of 40 tokens; their answer is the "
            "first candidate, or empty if there is none",
        ]


class TestMistakes:
    def test_options(self, tokenizer: WordTokenizer, fixtures_dir: Path) -> None:
        for options, message in (
            (
                {"max_length": 94},
                "max_length is 94; expected at least 95",
            ),
            ({"stride": 0}, "stride is 0; expected at least 1"),
            ({"max_query_length": 0}, "max_query_length is 0"),
            ({"max_mention_length": 0}, "max_mention_length is 0"),
        ):
            with pytest.raises(ConfigurationError, match=message):
                ClozeQaReader(tokenizer, **options)
        assert ClozeQaReader(tokenizer, max_length=95)
        with pytest.raises(
            ConfigurationError, match=r"marker_tokens .* lack '\[PLACEHOLDER\]'; expected \['\[HIGH"
        ):
            ClozeQaReader(WordTokenizer(str(fixtures_dir / "tiny-luke"), ["[ENTITY]", "[HIGHLIGHT]"]))
        with pytest.raises(ConfigurationError, match="The tokenizer is a WhitespaceTokenizer"):
            ClozeQaReader(WhitespaceTokenizer())


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            [*"abcABC .,'\"!?-\n\r\t\u00a0\u200d\u0301\u2028🎉👩ß字\u05d3", "@highlight", " @highlight "]
        ),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
).map("".join)


@st.composite
def questions(draw: st.DrawFn) -> ClozeExample:
    """Spans that overlap, cross and touch the ends."""
    text = draw(TEXTS)
    ends = st.integers(0, len(text))
    spans = draw(st.sets(st.tuples(ends, ends).filter(lambda span: span[0] < span[1]), max_size=8))
    query = f"{draw(TEXTS)}@placeholder{draw(TEXTS)}"
    return example(text, list(spans), query)


@given(question=questions())
@settings(max_examples=120, deadline=None)
def test_any_question(tokenizer: WordTokenizer, question: ClozeExample) -> None:
    reader = ClozeQaReader(tokenizer, max_length=60, stride=16, max_query_length=30)
    markers = {token: tokenizer.token_id(token) for token in MARKERS}
    for window in reader.items(question):
        ids = window.input.ids
        assert len(ids) <= 60
        assert np.flatnonzero(ids == markers["[PLACEHOLDER]"]).tolist() == [window.placeholder]
        assert window.placeholder <= 30
        instance = reader.text_to_instance(window)
        assert len(instance["entities"]) == len(window.candidates) + 1
        begin = ids.tolist().index(tokenizer.end_id)
        for first, last in window.spans.tolist():
            assert begin < first <= last < len(ids) - 1
            assert ids[first] == markers["[ENTITY]"]
            assert ids[last] == markers["[ENTITY]"] or last - first == 29

    ids, spans = reader._tokenized_passage(question.passage)
    candidates = question.passage.candidates
    assert len(spans) == len(candidates)
    assert len(set(spans.ravel().tolist())) == 2 * len(spans)
    backend = tokenizer._with_space
    for (first, last), candidate in zip(spans, candidates, strict=True):
        assert ids[first] == ids[last] == markers["[ENTITY]"]
        # Between its markers stands the mention, but for space.
        inside = [index for index in ids[first:last].tolist() if index not in markers.values()]
        # (An "@highlight" that another mention cuts in two stays text.)
        found, mention = (
            "".join(text.replace("@highlight", "").split())
            for text in (backend.decode(inside), question.passage.mention(candidate))
        )
        assert found == mention
    for (first, last), (start, end) in zip(spans, candidates, strict=True):
        for (other_first, other_last), (other_start, other_end) in zip(spans, candidates, strict=True):
            if start <= other_start and other_end <= end and (start, end) != (other_start, other_end):
                assert first < other_first and other_last < last
