"""Files to instances: forms, markers, positions, long texts, mistakes."""

import json
import logging
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.mention_reader import MarkedInput
from luke_allennlp.tasks.relation_classification.examples import RelationExample
from luke_allennlp.tasks.relation_classification.metric import RelationMetric, RelationPrediction
from luke_allennlp.tasks.relation_classification.reader import RelationReader

MARKERS = ["[HEAD]", "[TAIL]"]


@pytest.fixture(scope="module")
def tokenizer(fixtures_dir: Path) -> WordTokenizer:
    return WordTokenizer(str(fixtures_dir / "tiny-luke"), MARKERS)


def read(reader: RelationReader, path: Path) -> List[Instance]:
    return list(reader.read(str(path)))


def words_of(tokenizer: WordTokenizer, ids: Any) -> str:
    """Sub-words and markers joined; a space before a word is part of it."""
    names = {token_id: token for token, token_id in tokenizer.marker_ids.items()}
    backend = tokenizer._with_space
    return "".join(names.get(int(i)) or backend.id_to_token(int(i)).replace("Ġ", "_") for i in ids)


def item_of(tokenizer: WordTokenizer, text: str, head: Any, tail: Any, **options: Any) -> MarkedInput:
    [item] = RelationReader(tokenizer, **options).items(RelationExample("record", 0, text, head, tail))
    return item


class TestForms:
    @pytest.mark.parametrize(
        ("name", "count", "labels"),
        [
            ("tacred/train.json", 64, 6),
            ("tacred/dev.json", 16, 6),
            ("kbp37/train.txt", 64, 11),
            ("semeval2010_task8/train.txt", 48, 7),
            ("relations/odd.jsonl", 9, 5),
        ],
    )
    def test_fixtures(
        self,
        tokenizer: WordTokenizer,
        fixtures_dir: Path,
        caplog: pytest.LogCaptureFixture,
        name: str,
        count: int,
        labels: int,
    ) -> None:
        path = fixtures_dir / "data" / name
        with caplog.at_level(logging.INFO):
            instances = read(RelationReader(tokenizer), path)
        assert f"{path}: {count} examples, {labels} relations" in caplog.text
        assert len(instances) == count
        assert len({instance["label"].label for instance in instances}) == labels
        for index, instance in enumerate(instances):
            data = instance["metadata"].metadata
            assert (data["index"], data["label"]) == (index, instance["label"].label)
            assert data["where"].startswith(f"{path}, {'record' if name.endswith('json') else 'line'} ")

    def test_forms_agree(self, tokenizer: WordTokenizer, fixtures_dir: Path, tmp_path: Path) -> None:
        reader = RelationReader(tokenizer)
        tacred = read(reader, fixtures_dir / "data/tacred/train.json")
        lines, tagged = tmp_path / "own.jsonl", tmp_path / "tagged.txt"
        own, sentences = [], []
        for instance in tacred:
            data = instance["metadata"].metadata
            own.append(json.dumps({key: data[key] for key in ("text", "head", "tail", "label")}))
            text = data["text"]
            tags = [(*data["head"], "e1"), (*data["tail"], "e2")]
            for start, end, tag in sorted(tags, reverse=True):
                text = f"{text[:start]}<{tag}>{text[start:end]}</{tag}>{text[end:]}"
            sentences.append(f'{len(sentences)}\t"{text}"\n{data["label"]}\nComment:\n')
        lines.write_text("\n".join(own), encoding="utf-8")
        tagged.write_text("\n".join(sentences), encoding="utf-8")
        for path in (lines, tagged):
            instances = read(reader, path)
            assert len(instances) == len(tacred)
            for one, other in zip(instances, tacred, strict=True):
                for field in ("words", "entities"):
                    assert one[field] == other[field]
                assert one["label"].label == other["label"].label


class TestInstances:
    @pytest.mark.parametrize(
        ("text", "head", "tail", "expected"),
        [
            ("a b c", (0, 1), (4, 5), "<s>[HEAD]_a[HEAD]_b[TAIL]_c[TAIL]</s>"),
            ("a b c", (4, 5), (0, 1), "<s>[TAIL]_a[TAIL]_b[HEAD]_c[HEAD]</s>"),
            ("a b c", (0, 3), (2, 5), "<s>[HEAD]_a[TAIL]_b[TAIL][HEAD][TAIL]_c[TAIL]</s>"),
            ("a b c", (0, 5), (2, 3), "<s>[HEAD]_a[TAIL]_b[TAIL]_c[HEAD]</s>"),
            ("a b c", (2, 3), (0, 5), "<s>[TAIL]_a[HEAD]_b[HEAD]_c[TAIL]</s>"),
            ("ab", (1, 2), (0, 1), "<s>[TAIL]_a[TAIL][HEAD]_b[HEAD]</s>"),
            ("a", (0, 1), (0, 1), "<s>[HEAD][TAIL]_a[TAIL][HEAD]</s>"),
            (" a  b ", (0, 2), (3, 5), "<s>[HEAD]_a[HEAD][TAIL]_b[TAIL]</s>"),
        ],
    )
    def test_markers(self, tokenizer: WordTokenizer, text: str, head: Any, tail: Any, expected: str) -> None:
        item = item_of(tokenizer, text, head, tail)
        assert words_of(tokenizer, item.token_ids) == expected
        for (first, last), marker in zip(item.spans, MARKERS, strict=True):
            ids = [i for i, token in enumerate(item.token_ids) if token == tokenizer.marker_ids[marker]]
            assert (first, last) == (ids[0], ids[-1])

    def test_fields(self, tokenizer: WordTokenizer) -> None:
        example = RelationExample("record 7", 6, "a b c", (4, 5), (0, 1), "x")
        reader = RelationReader(tokenizer, label_namespace="relation_labels")
        [item] = reader.items(example)
        instance = reader.text_to_instance(item, labeled=True)
        assert instance["entities"].ids.tolist() == [1, 2]
        assert instance["entities"].spans.tolist() == [[5, 7], [1, 3]]
        assert instance["label"]._label_namespace == "relation_labels"
        assert instance["metadata"].metadata == {
            "where": "record 7",
            "index": 6,
            "text": "a b c",
            "head": (4, 5),
            "tail": (0, 1),
            "label": "x",
        }

    @pytest.mark.parametrize(("limit", "lengths"), [(30, [30, 3]), (None, [42, 3]), (5, [5, 3]), (1, [1, 1])])
    def test_long_mentions(self, tokenizer: WordTokenizer, limit: Any, lengths: List[int]) -> None:
        text = "a " * 40 + "b"
        item = item_of(tokenizer, text, (0, 79), (80, 81), max_mention_length=limit)
        assert [last - first + 1 for first, last in item.spans] == lengths
        assert [first for first, _ in item.spans] == [1, 43]
        # The words stay.
        assert len(item.token_ids) == 2 + 42 + 3


EMPTY = (
    '0\t" <e1> </e1> left <e2> b </e2> . "\nx\n\n\n'
    '1\t" <e1> a </e1> left <e2> b </e2> . "\ny\n\n\n'
    '2\t" b <e1> </e1> <e2> </e2> "\ny\n\n\n'
)


class TestEmptyMentions:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        (tmp_path / "train.txt").write_text(EMPTY)
        return tmp_path / "train.txt"

    def test_kept(self, tokenizer: WordTokenizer, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        instances = read(RelationReader(tokenizer), path)
        assert [words_of(tokenizer, instance["words"].ids) for instance in instances] == [
            "<s>[HEAD][HEAD]_left[TAIL]_b[TAIL]_.</s>",
            "<s>[HEAD]_a[HEAD]_left[TAIL]_b[TAIL]_.</s>",
            "<s>_b[HEAD][HEAD][TAIL][TAIL]</s>",
        ]
        # The entities are on the markers.
        assert instances[0]["entities"].spans.tolist()[0] == [1, 2]
        assert instances[2]["entities"].spans.tolist() == [[2, 3], [4, 5]]
        assert (
            f"{path}: 2 records with an empty head or tail are kept, with adjacent markers: "
            "line 1 (head); line 9 (head and tail)"
        ) in caplog.messages

    def test_skipped(self, tokenizer: WordTokenizer, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        [instance] = read(RelationReader(tokenizer, empty_mentions="skip"), path)
        assert instance["metadata"].metadata["index"] == 1
        assert f"{path}: 2 records with an empty head or tail are skipped: line 1" in caplog.text
        path.write_text(EMPTY[: EMPTY.index("1\t")])
        with pytest.raises(ConfigurationError, match="train.txt: no example of it is left"):
            RelationReader(tokenizer, empty_mentions="skip").check_file(str(path), training=True)

    def test_refused(self, tokenizer: WordTokenizer, path: Path) -> None:
        reader = RelationReader(tokenizer, empty_mentions="error")
        for look in (lambda: read(reader, path), lambda: reader.check_file(str(path))):
            with pytest.raises(ConfigurationError, match="train.txt, line 1: there is no text in head; exp"):
                look()

    def test_all_forms(
        self, tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        own = {**GOOD, "tail": [2, 2]}
        spaces = {**GOOD, "text": "a  b", "tail": [1, 3]}
        tokens = {**TOKENS, "token": ["a", ""]}
        path = tmp_path / "data.jsonl"
        path.write_text(lines(own, spaces, tokens))
        assert [words_of(tokenizer, i["words"].ids) for i in read(RelationReader(tokenizer), path)] == [
            "<s>[HEAD]_a[HEAD][TAIL][TAIL]_b</s>",
            "<s>[HEAD]_a[HEAD][TAIL][TAIL]_b</s>",
            "<s>[HEAD]_a[HEAD][TAIL][TAIL]</s>",
        ]
        assert "3 records with an empty head or tail" in caplog.text
        reader = RelationReader(tokenizer, empty_mentions="error")
        for record in (own, spaces, tokens):
            with pytest.raises(ConfigurationError, match="^here: there is no text in tail"):
                reader.examples_from_json(record, "here")
        # Outside of the text is no empty mention.
        with pytest.raises(ConfigurationError, match="'tail' has start 4 and end 4"):
            RelationReader(tokenizer).examples_from_json({**GOOD, "tail": [4, 4]}, "here")

    def test_fixtures(self, tokenizer: WordTokenizer, fixtures_dir: Path) -> None:
        path = str(fixtures_dir / "data/kbp37/train.txt")
        empty = [e.empty_mentions for e in RelationReader(tokenizer).read_examples(path) if e.empty_mentions]
        assert empty == [["head"], ["tail"], ["head", "tail"]]


class TestLabelMap:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        records = [{**GOOD, "label": label} for label in "xyxz"]
        (tmp_path / "data.jsonl").write_text(lines(*records))
        return tmp_path / "data.jsonl"

    def test_renames_and_drops(
        self, tokenizer: WordTokenizer, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        config = tmp_path / "config.jsonnet"
        tokenizer_options = {"type": "luke", "model_name": tokenizer.model_name, "marker_tokens": MARKERS}
        config.write_text(
            "{ type: 'luke_relation_classification', label_map: { x: null, y: 'why', q: 'r' }, "
            f"tokenizer: {json.dumps(tokenizer_options)} }}"
        )
        reader = DatasetReader.from_params(Params.from_file(str(config)))
        with caplog.at_level(logging.INFO):
            instances = read(reader, path)
        assert [instance["label"].label for instance in instances] == ["why", "z"]
        assert f"{path}: label_map: 2 'x' dropped; 1 'y' read as 'why'" in caplog.text
        assert "names 1 labels that do not occur: 'q'" in caplog.text
        assert "2 examples, 2 relations" in caplog.text

    def test_nothing_is_left(self, tokenizer: WordTokenizer, path: Path) -> None:
        reader = RelationReader(tokenizer, label_map=dict.fromkeys("xyz"))
        for training in (True, False):
            with pytest.raises(ConfigurationError, match="data.jsonl: no example of it is left"):
                reader.check_file(str(path), training)


def test_stray_lines_are_reported(
    tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "train.txt"
    path.write_text('1\t"<e1>a</e1> <e2>b</e2> c"\nOther\nFoo(e1,e2)\nComment: x\n\n]\n')
    [instance] = read(RelationReader(tokenizer), path)
    assert instance["label"].label == "Other"
    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "skipped 2 lines" in record.getMessage() and "line 3: 'Foo(e1,e2)'" in record.getMessage()


def test_markers_of_published_checkpoints(fixtures_dir: Path) -> None:
    tokenizer = WordTokenizer(str(fixtures_dir / "tiny-luke"))
    item = item_of(tokenizer, "a b", (0, 1), (2, 3), head_marker="<ent>", tail_marker="<ent2>")
    head, tail = tokenizer.token_id("<ent>"), tokenizer.token_id("<ent2>")
    assert [item.token_ids[position] for span in item.spans for position in span] == [head, head, tail, tail]
    with pytest.raises(ConfigurationError, match="lack '<e1>'"):
        RelationReader(tokenizer, head_marker="<e1>")


@st.composite
def texts(draw: st.DrawFn) -> Tuple[str, Tuple[int, int], Tuple[int, int]]:
    characters = st.sampled_from("abc de é\u0301👩\u200d🚀河白گشا.\u3000")
    text = draw(st.one_of(st.text(characters, min_size=1), st.text(min_size=1), st.text("a b", min_size=30)))
    spans = []
    for _ in range(2):
        start = draw(st.integers(0, len(text) - 1))
        spans.append((start, draw(st.integers(start + 1, min(len(text), start + 12)))))
    return text, spans[0], spans[1]


class TestLongTexts:
    def test_what_is_near_stays(
        self, tokenizer: WordTokenizer, fixtures_dir: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = fixtures_dir / "data/relations/odd.jsonl"
        with caplog.at_level(logging.INFO):
            instances = read(RelationReader(tokenizer), path)
        lengths = [len(instance["words"]) for instance in instances]
        assert max(lengths) == 512 and lengths.count(512) == 1
        assert f"{path}: 1 texts were truncated to max_length 512" in caplog.text
        words = words_of(tokenizer, instances[lengths.index(512)]["words"].ids)
        assert "[HEAD]_Mirel_R" in words and "_lives_in[TAIL]_Marlow[TAIL]_rain_fell" in words

    def test_a_gap_is_cut(self, tokenizer: WordTokenizer) -> None:
        text = "to of a " + "in " * 50 + "a of to"
        item = item_of(tokenizer, text, (6, 7), (158, 159), max_length=12)
        assert words_of(tokenizer, item.token_ids) == "<s>_of[HEAD]_a[HEAD]_in_in[TAIL]_a[TAIL]_of</s>"
        assert item.spans == [(2, 4), (7, 9)] and item.shortened

    @given(case=texts(), max_length=st.integers(8, 40), limit=st.sampled_from([None, 3, 30]))
    @settings(max_examples=150, deadline=None)
    def test_any_text(self, tokenizer: WordTokenizer, case: Any, max_length: int, limit: Any) -> None:
        whole = item_of(tokenizer, *case, max_length=100_000, max_mention_length=None)
        try:
            item = item_of(tokenizer, *case, max_length=max_length, max_mention_length=limit)
        except ConfigurationError as error:
            inside = {at for first, last in whole.spans for at in range(first, last + 1)}
            assert len(inside) > max_length - 2
            assert str(error).startswith("record: the mentions and their markers are longer than")
            return
        assert len(item.token_ids) == min(len(whole.token_ids), max_length)
        assert (item.token_ids[0], item.token_ids[-1]) == (tokenizer.start_id, tokenizer.end_id)
        assert item.shortened == (len(whole.token_ids) > max_length)
        for (first, last), (start, end) in zip(item.spans, whole.spans, strict=True):
            # The same sub-words, markers included, as far as the limit goes.
            assert 1 <= first <= last <= len(item.token_ids) - 2
            mention = whole.token_ids[start : end + 1]
            assert (item.token_ids[first : first + len(mention)] == mention).all()
            assert last - first + 1 == (len(mention) if limit is None else min(len(mention), limit))
        opened: List[int] = []
        for token_id in item.token_ids:
            if token_id in opened:
                assert opened.pop() == token_id
            elif token_id in tokenizer.marker_ids.values():
                opened.append(token_id)
        assert opened == []
        # What is left is in its order.
        remaining = iter(whole.token_ids)
        assert all(token_id in remaining for token_id in item.token_ids)

    def test_mentions_that_do_not_fit(self, tokenizer: WordTokenizer, tmp_path: Path) -> None:
        file = tmp_path / "long.jsonl"
        record = {"text": "a " * 600, "head": [0, 1199], "tail": [0, 1], "label": "x"}
        short = {"text": "a b", "head": [0, 1], "tail": [2, 3], "label": "x"}
        file.write_text(json.dumps(short) + "\n" + json.dumps(record))
        with pytest.raises(ConfigurationError, match="long.jsonl, line 2: the mentions .*the 510 tokens"):
            read(RelationReader(tokenizer), file)


GOOD: Dict[str, Any] = {"text": "a b", "head": [0, 1], "tail": [2, 3], "label": "x"}
TOKENS: Dict[str, Any] = {
    "token": ["a", "b"],
    "subj_start": 0,
    "subj_end": 0,
    "obj_start": 1,
    "obj_end": 1,
    "relation": "x",
}


def lines(*records: Any) -> str:
    return "\n".join(json.dumps(record) for record in records)


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_length": 7}, "max_length is 7; expected at least 8"),
            ({"max_mention_length": 0}, "max_mention_length is 0; expected at least 1"),
        ],
    )
    def test_options(self, tokenizer: WordTokenizer, options: Dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            RelationReader(tokenizer, **options)


@pytest.mark.slow
@pytest.mark.shared
class TestRealData:
    @pytest.mark.parametrize(("name", "count"), [("TRAIN_FILE.TXT", 8000), ("TEST_FILE_FULL.TXT", 2717)])
    def test_counts_and_gold_against_gold(
        self, shared_dir: Path, caplog: pytest.LogCaptureFixture, name: str, count: int
    ) -> None:
        tokenizer = WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer"), MARKERS)
        path = shared_dir / "data" / "semeval2010_task8" / name
        with caplog.at_level(logging.INFO):
            examples = list(RelationReader(tokenizer).read_examples(str(path)))
        assert f"{path}: {count:,} examples, 19 relations" in caplog.text
        assert len(examples) == count
        metric = RelationMetric("Other", semeval=True)
        for example in examples:
            for start, end in (example.head, example.tail):
                mention = example.text[start:end]
                assert mention and mention == mention.strip() and "<" not in mention
            assert "\r" not in example.text and not example.text.startswith('"<')
        metric((e.index, RelationPrediction(str(e.label), str(e.label))) for e in examples)
        assert set(metric.get_metric(reset=True).values()) == {1.0}
