"""From files to instances: forms, markers, over-long texts, options, mistakes."""

import json
import logging
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.data.tokenizers import WhitespaceTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.mention_reader import MarkedInput
from luke_allennlp.tasks.entity_typing.examples import GENERAL_TYPES, TypingExample
from luke_allennlp.tasks.entity_typing.reader import EntityTypingReader, with_round_brackets


@pytest.fixture(scope="module")
def tokenizer(fixtures_dir: Path) -> WordTokenizer:
    return WordTokenizer(str(fixtures_dir / "tiny-luke"), marker_tokens=["[ENTITY]"])


def item_of(reader: EntityTypingReader, text: str, start: int, end: int) -> MarkedInput:
    [item] = reader.items(TypingExample("x", 0, text, (start, end), []))
    return item


def written(path: Path, value: Any) -> str:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


class TestFiles:
    @pytest.mark.parametrize(
        "name, number, without",
        [
            ("open_entity/train.json", 64, 8),
            ("open_entity/dev.json", 14, 2),
            ("open_entity/typed.jsonl", 22, 3),
            ("ultra_fine/dev.jsonl", 14, 2),
        ],
    )
    def test_fixtures(
        self,
        tokenizer: WordTokenizer,
        fixtures_dir: Path,
        name: str,
        number: int,
        without: int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        path = str(fixtures_dir / "data" / name)
        with caplog.at_level(logging.INFO, logger="luke_allennlp"):
            instances = list(EntityTypingReader(tokenizer).read(path))
        assert len(instances) == number
        assert f"{path}: {number} mentions, {without} of them without a type" in caplog.text
        labels = [instance["labels"].labels for instance in instances]
        assert sum(not found for found in labels) == without
        assert {label for found in labels for label in found} <= set(GENERAL_TYPES)

    def test_instance(self, tokenizer: WordTokenizer, tmp_path: Path) -> None:
        record = {"text": "Zoë left Vexford.", "span": [9, 16], "labels": ["place", "location"]}
        [instance] = EntityTypingReader(tokenizer).read(written(tmp_path / "x.json", [record]))
        assert set(instance.fields) == {"words", "entities", "metadata", "labels"}
        ids = [tokenizer.encode(part).ids for part in ("Zoë left", "Vexford", ".")]
        marker = tokenizer.marker_ids["[ENTITY]"]
        expected = [tokenizer.start_id, *ids[0], marker, *ids[1], marker, *ids[2], tokenizer.end_id]
        assert instance["words"].ids.tolist() == expected
        first = 1 + len(ids[0])
        assert instance["entities"].spans.tolist() == [[first, first + len(ids[1]) + 1]]
        assert instance["entities"].ids.tolist() == [1]
        assert instance["metadata"].metadata == {
            "where": f"{tmp_path / 'x.json'}, record 1",
            "index": 0,
            "text": "Zoë left Vexford.",
            "span": (9, 16),
            "labels": ["place", "location"],
        }

    @pytest.mark.parametrize(
        "types, expected",
        [
            ("general", ["location", "place"]),
            (None, ["city", "harbor_town", "location", "place"]),
            (["city", "place", "person"], ["city", "place"]),
            (["event"], []),
        ],
    )
    def test_types_of_ultra_fine(
        self, tokenizer: WordTokenizer, fixtures_dir: Path, types: Any, expected: List[str]
    ) -> None:
        path = str(fixtures_dir / "data" / "ultra_fine" / "dev.jsonl")
        options = {"type": "luke_entity_typing", "types": types}
        options["tokenizer"] = {**tokenizer._to_params()}
        reader = DatasetReader.from_params(Params(options))
        assert next(iter(reader.read(path)))["labels"].labels == expected


class TestLabelMap:
    RECORDS = [
        {"text": "Zoë left", "span": [0, 3], "labels": ["human", "actor", "person"]},
        {
            "left_context_token": [],
            "mention_span": "Zoë",
            "right_context_token": ["left"],
            "y_str": ["human", "town"],
        },
        {"text": "Zoë left", "span": [0, 3], "labels": ["actor"]},
    ]

    def test_comes_before_types_are_chosen(
        self, tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = written(tmp_path / "data.jsonl", "\n".join(map(json.dumps, self.RECORDS)))
        reader = EntityTypingReader(tokenizer, label_map={"human": "person", "actor": None})
        with caplog.at_level(logging.INFO, logger="luke_allennlp"):
            labels = [example.labels for example in reader.read_examples(path)]
        # Each once; "town" is not general. A mention stays, whatever it loses.
        assert labels == [["person"], ["person"], []]
        assert "label_map: 2 'human' read as 'person'; 2 'actor' dropped" in caplog.text
        reader.check_file(path, training=True)

    def test_nothing_is_left(self, tokenizer: WordTokenizer, tmp_path: Path) -> None:
        path = written(tmp_path / "data.json", [self.RECORDS[2]])
        reader = EntityTypingReader(tokenizer, label_map={"actor": None})
        with pytest.raises(ConfigurationError, match="data.json: none of its 1 mentions has a type"):
            reader.check_file(path, training=True)
        reader.check_file(path)


class TestBrackets:
    def test_become_round(self, tokenizer: WordTokenizer) -> None:
        treebank = "a -LRB- b -RRB- c -LSB- d -RSB- e -LCB- f -RCB- g"
        plain = "a ( b ) c ( d ) e ( f ) g"
        start, end = treebank.index("d"), treebank.index("e") + 1
        text, span = with_round_brackets(treebank, (start, end))
        assert text == plain and plain[slice(*span)] == "d ) e"

        ours = item_of(EntityTypingReader(tokenizer), treebank, start, end)
        theirs = item_of(EntityTypingReader(tokenizer), plain, *span)
        as_it_is = item_of(EntityTypingReader(tokenizer, normalize_brackets=False), treebank, start, end)
        assert ours.token_ids.tolist() == theirs.token_ids.tolist() and ours.spans == theirs.spans
        assert len(as_it_is.token_ids) > len(ours.token_ids)
        # What is reported is the text as it was.
        metadata = EntityTypingReader(tokenizer).text_to_instance(ours)["metadata"].metadata
        assert metadata["text"] == treebank and metadata["span"] == (start, end)

    @pytest.mark.parametrize("span", [(1, 3), (0, 2), (4, 7)])
    def test_not_across_the_ends_of_a_mention(self, span: Tuple[int, int]) -> None:
        assert with_round_brackets("-LRB-ab", span) == ("-LRB-ab", span)

    @given(
        st.lists(st.sampled_from(["-LRB-", "-RSB-", "-lrb-", "LRB ", "- ", " ", "é"]), min_size=1), st.data()
    )
    def test_part_by_part(self, pieces: List[str], data: st.DataObject) -> None:
        text = "".join(pieces)
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        replaced, span = with_round_brackets(text, (start, end))

        def plain(part: str) -> str:
            # One after the other, as the original does.
            for name, bracket in (
                ("LR", "("),
                ("LC", "("),
                ("LS", "("),
                ("RR", ")"),
                ("RC", ")"),
                ("RS", ")"),
            ):
                part = part.replace(f"-{name}B-", bracket)
            return part

        assert replaced[: span[0]] == plain(text[:start])
        assert replaced[slice(*span)] == plain(text[start:end]) != ""
        assert replaced[span[1] :] == plain(text[end:])


class TestLongTexts:
    def test_what_is_nearest_is_kept(self, tokenizer: WordTokenizer) -> None:
        left, right = "left " * 40, " right" * 40
        text = left + "Vexford" + right
        whole = item_of(EntityTypingReader(tokenizer), text, len(left), len(left) + 7)
        cut = item_of(EntityTypingReader(tokenizer, max_length=30), text, len(left), len(left) + 7)
        assert len(cut.token_ids) == 30
        first, last = whole.spans[0]
        room = 28 - (last - first + 1)
        start = first - (room + 1) // 2
        assert cut.token_ids[1:-1].tolist() == whole.token_ids[start : start + 28].tolist()
        assert cut.token_ids[[0, -1]].tolist() == [tokenizer.start_id, tokenizer.end_id]
        assert cut.spans[0] == (first - start + 1, last - start + 1)

    def test_mention_alone_too_long(self, tokenizer: WordTokenizer) -> None:
        reader = EntityTypingReader(tokenizer, max_length=10)
        assert len(item_of(reader, "a a a a a a b", 0, 11).token_ids) == 10
        example = TypingExample("dev.json, record 3", 2, "a a a a a a a", (0, 13), [])
        with pytest.raises(
            ConfigurationError,
            match="^dev.json, record 3: the mentions and their markers are longer than the 8 ",
        ):
            reader.items(example)

    def test_positions_of_a_long_mention(self, tokenizer: WordTokenizer) -> None:
        text = "a " * 41
        for limit, last in ((30, 31), (1, 2), (5, 6), (42, 43), (None, 43), (100, 43)):
            item = item_of(EntityTypingReader(tokenizer, max_mention_length=limit), text, 2, len(text))
            assert item.spans[0] == (2, last) and len(item.token_ids) == 45


TEXTS = st.text(
    st.one_of(
        st.sampled_from("abcABC .,'\"!-\n\t\u00a0\u200d\u0301\ud83d\ude00🎉👩ß字שלוםم"),
        st.characters(exclude_categories=[]),
    ),
    min_size=1,
    max_size=40,
).filter(str.strip)


class TestAnyText:
    @given(TEXTS, st.integers(9, 40), st.data())
    @settings(max_examples=150, deadline=None)
    def test_markers_and_positions(
        self, tokenizer: WordTokenizer, text: str, max_length: int, data: st.DataObject
    ) -> None:
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        record = {"text": text, "span": [start, end]}
        reader = EntityTypingReader(tokenizer, max_mention_length=None, normalize_brackets=False)
        [example] = reader.examples_from_json(record, "x")
        parts = [example.text[:start], example.mention, example.text[end:]]
        assert [len(part) for part in parts] == [start, end - start, len(text) - end]
        left, mention, right = (tokenizer.encode(part).ids for part in parts)
        marker = tokenizer.marker_ids["[ENTITY]"]

        [item] = reader.items(example)
        expected = [tokenizer.start_id, *left, marker, *mention, marker, *right, tokenizer.end_id]
        assert item.token_ids.tolist() == expected
        assert item.spans[0] == (len(left) + 1, len(left) + len(mention) + 2)

        short = EntityTypingReader(tokenizer, max_length=max_length, normalize_brackets=False)
        if len(mention) + 4 > max_length:
            with pytest.raises(ConfigurationError):
                short.items(example)
            return
        [item] = short.items(example)
        ids, (first, last) = item.token_ids.tolist(), item.spans[0]
        assert len(ids) == min(max_length, len(expected))
        assert ids[0] == tokenizer.start_id and ids[-1] == tokenizer.end_id
        assert ids.count(marker) == 2 and ids[first] == marker
        assert 0 < first < last < len(ids) - 1
        assert ids[first + 1 : first + 1 + len(mention)] == mention
        # Text on both sides, in one piece.
        before, after = ids[1:first], ids[first + len(mention) + 2 : -1]
        assert left[len(left) - len(before) :] == before and right[: len(after)] == after
        if len(before) < len(left) and len(after) < len(right):
            assert 0 <= len(before) - len(after) <= 1


class TestMistakes:
    @pytest.mark.parametrize(
        "options, part",
        [
            ({"max_length": 4}, "max_length is 4; expected at least 5"),
            ({"max_mention_length": 0}, "max_mention_length is 0; expected at least 1"),
            ({"types": "all"}, "types is 'all'; expected 'general', a list of types, or null"),
            ({"types": []}, r"types is \[\]"),
            (
                {"marker": "[HEAD]"},
                r"marker_tokens \['\[ENTITY\]'\] lack '\[HEAD\]'; expected \['\[HEAD\]'\]",
            ),
        ],
    )
    def test_options(self, tokenizer: WordTokenizer, options: Dict[str, Any], part: str) -> None:
        with pytest.raises(ConfigurationError, match=part):
            EntityTypingReader(tokenizer, **options)

    def test_tokenizer(self, fixtures_dir: Path) -> None:
        with pytest.raises(ConfigurationError, match="is a WhitespaceTokenizer; expected one of type 'luke'"):
            EntityTypingReader(WhitespaceTokenizer())
        plain = WordTokenizer(str(fixtures_dir / "tiny-luke"))
        with pytest.raises(ConfigurationError, match=r"marker_tokens \[\] lack '\[ENTITY\]'"):
            EntityTypingReader(plain)
        # The published models have a marker of their own.
        item = item_of(EntityTypingReader(plain, marker="<ent>"), "Zoë left", 0, 3)
        assert item.token_ids[1] == plain.token_id("<ent>") == 1998
