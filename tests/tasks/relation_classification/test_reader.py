"""Files to instances: forms, markers, positions, long texts, mistakes."""

import json
import logging
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.mention_reader import MarkedInput
from luke_allennlp.tasks.relation_classification.examples import RelationExample
from luke_allennlp.tasks.relation_classification.metric import RelationMetric, RelationPrediction
from luke_allennlp.tasks.relation_classification.reader import RelationReader
from tests.tasks.support import FIXTURES, make_reader

NAME = "luke_relation_classification"
MARKERS = ["[HEAD]", "[TAIL]"]
TOKENIZER = WordTokenizer(str(FIXTURES / "tiny-luke"), MARKERS)
GOOD: Dict[str, Any] = {"text": "a b", "head": [0, 1], "tail": [2, 3], "label": "x"}


def read(path: Path, *records: Dict[str, Any], **options: Any) -> List[Instance]:
    if records:
        path.write_text("\n".join(map(json.dumps, records)))
    return list(make_reader(NAME, **options).read(str(path)))


def shown(ids: Any) -> str:
    """Tokens and markers joined; a space before a token is part of it."""
    names = {token_id: token for token, token_id in TOKENIZER.marker_ids.items()}
    backend = TOKENIZER._with_space
    return "".join(names.get(int(i)) or backend.id_to_token(int(i)).replace("Ġ", "_") for i in ids)


def item_of(text: str, head: Any, tail: Any, tokenizer: Any = TOKENIZER, **options: Any) -> MarkedInput:
    [item] = RelationReader(tokenizer, **options).items(RelationExample("record", 0, text, head, tail))
    return item


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
def test_fixtures(caplog: pytest.LogCaptureFixture, name: str, count: int, labels: int) -> None:
    path = FIXTURES / "data" / name
    with caplog.at_level(logging.INFO):
        instances = read(path)
    assert f"{path}: {count} examples, {labels} relations" in caplog.text
    assert len(instances) == count and len({instance["label"].label for instance in instances}) == labels
    for index, instance in enumerate(instances):
        data = instance["metadata"].metadata
        assert (data["index"], data["label"]) == (index, instance["label"].label)
        assert data["where"].startswith(f"{path}, {'record' if name.endswith('json') else 'line'} ")


def test_forms_agree(tmp_path: Path) -> None:
    tacred = read(FIXTURES / "data/tacred/train.json")
    own, sentences = [], []
    for instance in tacred:
        data = instance["metadata"].metadata
        own.append({key: data[key] for key in ("text", "head", "tail", "label")})
        text = data["text"]
        for start, end, tag in sorted([(*data["head"], "e1"), (*data["tail"], "e2")], reverse=True):
            text = f"{text[:start]}<{tag}>{text[start:end]}</{tag}>{text[end:]}"
        sentences.append(f'{len(sentences)}\t"{text}"\n{data["label"]}\nComment:\n')
    tagged = tmp_path / "tagged.txt"
    tagged.write_text("\n".join(sentences), encoding="utf-8")
    for instances in (read(tmp_path / "own.jsonl", *own), read(tagged)):
        for one, other in zip(instances, tacred, strict=True):
            assert one["words"] == other["words"] and one["entities"] == other["entities"]
            assert one["label"].label == other["label"].label


@pytest.mark.parametrize(
    ("text", "head", "tail", "expected"),
    [
        ("a b c", (0, 1), (4, 5), "<s>[HEAD]_a[HEAD]_b[TAIL]_c[TAIL]</s>"),
        ("a b c", (4, 5), (0, 1), "<s>[TAIL]_a[TAIL]_b[HEAD]_c[HEAD]</s>"),
        ("a b c", (0, 3), (2, 5), "<s>[HEAD]_a[TAIL]_b[TAIL][HEAD][TAIL]_c[TAIL]</s>"),
        ("a b c", (2, 3), (0, 5), "<s>[TAIL]_a[HEAD]_b[HEAD]_c[TAIL]</s>"),
        ("ab", (1, 2), (0, 1), "<s>[TAIL]_a[TAIL][HEAD]_b[HEAD]</s>"),
        ("a", (0, 1), (0, 1), "<s>[HEAD][TAIL]_a[TAIL][HEAD]</s>"),
        (" a  b ", (0, 2), (3, 5), "<s>[HEAD]_a[HEAD][TAIL]_b[TAIL]</s>"),
    ],
)
def test_markers(text: str, head: Any, tail: Any, expected: str) -> None:
    item = item_of(text, head, tail)
    assert shown(item.token_ids) == expected
    for (first, last), marker in zip(item.spans, MARKERS, strict=True):
        ids = [i for i, token in enumerate(item.token_ids) if token == TOKENIZER.marker_ids[marker]]
        assert (first, last) == (ids[0], ids[-1])


def test_fields() -> None:
    example = RelationExample("record 7", 6, "a b c", (4, 5), (0, 1), "x")
    reader = make_reader(NAME, label_namespace="relation_labels")
    instance = reader.text_to_instance(reader.items(example)[0], labeled=True)
    assert instance["entities"].ids.tolist() == [1, 2]
    assert instance["entities"].spans.tolist() == [[5, 7], [1, 3]]
    assert instance["label"]._label_namespace == "relation_labels"
    assert instance["metadata"].metadata == vars(example)


class TestEmptyMentions:
    TEXT = (
        '0\t" <e1> </e1> left <e2> b </e2> . "\nx\n\n\n'
        '1\t" <e1> a </e1> left <e2> b </e2> . "\ny\n\n\n'
        '2\t" b <e1> </e1> <e2> </e2> "\ny\n\n\n'
    )

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        (tmp_path / "train.txt").write_text(self.TEXT)
        return tmp_path / "train.txt"

    def test_kept(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        instances = read(path)
        assert [shown(instance["words"].ids) for instance in instances] == [
            "<s>[HEAD][HEAD]_left[TAIL]_b[TAIL]_.</s>",
            "<s>[HEAD]_a[HEAD]_left[TAIL]_b[TAIL]_.</s>",
            "<s>_b[HEAD][HEAD][TAIL][TAIL]</s>",
        ]
        # The entities are on the markers.
        assert instances[2]["entities"].spans.tolist() == [[2, 3], [4, 5]]
        assert (
            f"{path}: 2 records with an empty head or tail are kept, with adjacent markers: "
            "line 1 (head); line 9 (head and tail)"
        ) in caplog.messages

    def test_skipped(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        [instance] = read(path, empty_mentions="skip")
        assert instance["metadata"].metadata["index"] == 1
        assert f"{path}: 2 records with an empty head or tail are skipped: line 1" in caplog.text
        path.write_text(self.TEXT[: self.TEXT.index("1\t")])
        with pytest.raises(ConfigurationError, match="train.txt: no example of it is left"):
            make_reader(NAME, empty_mentions="skip").check_file(str(path), training=True)

    def test_refused(self, path: Path) -> None:
        reader = make_reader(NAME, empty_mentions="error")
        for look in (lambda path: list(reader.read(path)), reader.check_file):
            with pytest.raises(ConfigurationError, match="train.txt, line 1: there is no text in head; exp"):
                look(str(path))

    def test_all_forms(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        own = {**GOOD, "tail": [2, 2]}
        spaces = {**GOOD, "text": "a  b", "tail": [1, 3]}
        places = {"subj_start": 0, "subj_end": 0, "obj_start": 1, "obj_end": 1}
        tokens = {"token": ["a", ""], **places, "relation": "x"}
        instances = read(tmp_path / "data.jsonl", own, spaces, tokens)
        expected = "<s>[HEAD]_a[HEAD][TAIL][TAIL]_b</s>"
        without_b = expected.replace("_b", "")
        assert [shown(i["words"].ids) for i in instances] == [expected, expected, without_b]
        assert "3 records with an empty head or tail" in caplog.text
        # Outside of the text is no empty mention.
        with pytest.raises(ConfigurationError, match="'tail' has start 4 and end 4"):
            make_reader(NAME).examples_from_json({**GOOD, "tail": [4, 4]}, "here")


def test_label_map(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, records = tmp_path / "data.jsonl", [{**GOOD, "label": label} for label in "xyxz"]
    with caplog.at_level(logging.INFO):
        instances = read(path, *records, label_map={"x": None, "y": "why", "q": "r"})
    assert [instance["label"].label for instance in instances] == ["why", "z"]
    assert f"{path}: label_map: 2 'x' dropped; 1 'y' read as 'why'" in caplog.text
    assert "names 1 labels that do not occur: 'q'" in caplog.text
    assert "2 examples, 2 relations" in caplog.text
    with pytest.raises(ConfigurationError, match="data.jsonl: no example of it is left"):
        make_reader(NAME, label_map=dict.fromkeys("xyz")).check_file(str(path), training=True)


def test_markers_of_published_checkpoints() -> None:
    tokenizer = WordTokenizer(str(FIXTURES / "tiny-luke"))
    item = item_of("a b", (0, 1), (2, 3), tokenizer, head_marker="<ent>", tail_marker="<ent2>")
    head, tail = tokenizer.token_id("<ent>"), tokenizer.token_id("<ent2>")
    assert [item.token_ids[position] for span in item.spans for position in span] == [head, head, tail, tail]


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
    def test_what_is_near_stays(self, caplog: pytest.LogCaptureFixture) -> None:
        path = FIXTURES / "data/relations/odd.jsonl"
        with caplog.at_level(logging.INFO):
            instances = read(path)
        lengths = [len(instance["words"]) for instance in instances]
        assert max(lengths) == 512 and lengths.count(512) == 1
        assert f"{path}: 1 texts were truncated to max_length 512" in caplog.text
        text = shown(instances[lengths.index(512)]["words"].ids)
        assert "[HEAD]_Mirel_R" in text and "_lives_in[TAIL]_Marlow[TAIL]_rain_fell" in text

    def test_a_gap_is_cut(self) -> None:
        item = item_of("to of a " + "in " * 50 + "a of to", (6, 7), (158, 159), max_length=12)
        assert shown(item.token_ids) == "<s>_of[HEAD]_a[HEAD]_in_in[TAIL]_a[TAIL]_of</s>"
        assert item.spans == [(2, 4), (7, 9)] and item.shortened

    @given(case=texts(), max_length=st.integers(8, 40), limit=st.sampled_from([None, 3, 30]))
    @settings(max_examples=100, deadline=None)
    def test_any_text(self, case: Any, max_length: int, limit: Any) -> None:
        whole = item_of(*case, max_length=100_000, max_mention_length=None)
        try:
            item = item_of(*case, max_length=max_length, max_mention_length=limit)
        except ConfigurationError as error:
            inside = {at for first, last in whole.spans for at in range(first, last + 1)}
            assert len(inside) > max_length - 2
            assert str(error).startswith("record: the mentions and their markers are longer than")
            return
        assert len(item.token_ids) == min(len(whole.token_ids), max_length)
        assert (item.token_ids[0], item.token_ids[-1]) == (TOKENIZER.start_id, TOKENIZER.end_id)
        assert item.shortened == (len(whole.token_ids) > max_length)
        for (first, last), (start, end) in zip(item.spans, whole.spans, strict=True):
            # The same tokens, markers included, as far as the limit goes.
            assert 1 <= first <= last <= len(item.token_ids) - 2
            mention = whole.token_ids[start : end + 1]
            assert (item.token_ids[first : first + len(mention)] == mention).all()
            assert last - first + 1 == (len(mention) if limit is None else min(len(mention), limit))
        # What is left is in its order.
        remaining = iter(whole.token_ids)
        assert all(token_id in remaining for token_id in item.token_ids)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(("name", "count"), [("TRAIN_FILE.TXT", 8000), ("TEST_FILE_FULL.TXT", 2717)])
def test_real_data(shared_dir: Path, caplog: pytest.LogCaptureFixture, name: str, count: int) -> None:
    path = shared_dir / "data" / "semeval2010_task8" / name
    with caplog.at_level(logging.INFO):
        examples = list(make_reader(NAME).read_examples(str(path)))
    assert f"{path}: {count:,} examples, 19 relations" in caplog.text
    assert len(examples) == count
    for example in examples:
        for start, end in (example.head, example.tail):
            mention = example.text[start:end]
            assert mention and mention == mention.strip() and "<" not in mention
        assert "\r" not in example.text and not example.text.startswith('"<')
    # Gold against gold.
    metric = RelationMetric("Other", semeval=True)
    metric((e.index, RelationPrediction(str(e.label), str(e.label))) for e in examples)
    assert set(metric.get_metric(reset=True).values()) == {1.0}
