"""From files to instances: forms, types, brackets. What relation classification shares is tested there."""

import json
import logging
from pathlib import Path
from typing import Any, List

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.mention_reader import MarkedInput
from luke_allennlp.tasks.entity_typing.examples import GENERAL_TYPES, TypingExample
from luke_allennlp.tasks.entity_typing.reader import EntityTypingReader, with_round_brackets
from tests.tasks.support import FIXTURES, make_reader

NAME = "luke_entity_typing"


def item_of(reader: EntityTypingReader, text: str, start: int, end: int) -> MarkedInput:
    [item] = reader.items(TypingExample("x", 0, text, (start, end), []))
    return item


@pytest.mark.parametrize(
    "name, number, without",
    [
        ("open_entity/train.json", 64, 8),
        ("open_entity/dev.json", 14, 2),
        ("open_entity/typed.jsonl", 22, 3),
        ("ultra_fine/dev.jsonl", 14, 2),
    ],
)
def test_fixtures(name: str, number: int, without: int, caplog: pytest.LogCaptureFixture) -> None:
    path = str(FIXTURES / "data" / name)
    with caplog.at_level(logging.INFO, logger="luke_allennlp"):
        labels = [instance["labels"].labels for instance in make_reader(NAME).read(path)]
    assert f"{path}: {number} mentions, {without} of them without a type" in caplog.text
    assert len(labels) == number and labels.count([]) == without
    assert {label for found in labels for label in found} <= set(GENERAL_TYPES)


def test_instance(tmp_path: Path) -> None:
    path, reader = tmp_path / "x.json", make_reader(NAME)
    record = {"text": "Zoë left Vexford.", "span": [9, 16], "labels": ["place", "location"]}
    path.write_text(json.dumps([record]))
    [instance] = reader.read(path)
    assert set(instance.fields) == {"words", "entities", "metadata", "labels"}
    tokenizer: WordTokenizer = reader.tokenizer
    left, mention, right = (tokenizer.encode(part).ids for part in ("Zoë left", "Vexford", "."))
    marker = tokenizer.marker_ids["[ENTITY]"]
    expected = [tokenizer.start_id, *left, marker, *mention, marker, *right, tokenizer.end_id]
    assert instance["words"].ids.tolist() == expected
    first = 1 + len(left)
    assert instance["entities"].spans.tolist() == [[first, first + len(mention) + 1]]
    assert instance["entities"].ids.tolist() == [1]
    where = {"where": f"{path}, record 1", "index": 0}
    assert instance["metadata"].metadata == {**record, **where, "span": (9, 16)}


@pytest.mark.parametrize(
    "types, expected",
    [
        ("general", ["location", "place"]),
        (None, ["city", "harbor_town", "location", "place"]),
        (["city", "place", "person"], ["city", "place"]),
        (["event"], []),
    ],
)
def test_types_of_ultra_fine(types: Any, expected: List[str]) -> None:
    path = str(FIXTURES / "data" / "ultra_fine" / "dev.jsonl")
    assert next(iter(make_reader(NAME, types=types).read(path)))["labels"].labels == expected


def test_label_map(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = {"text": "Zoë left", "span": [0, 3]}
    records = [
        {**own, "labels": ["human", "actor", "person"]},
        {
            "left_context_token": [],
            "mention_span": "Zoë",
            "right_context_token": [],
            "y_str": ["human", "town"],
        },
        {**own, "labels": ["actor"]},
    ]
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    reader = make_reader(NAME, label_map={"human": "person", "actor": None})
    with caplog.at_level(logging.INFO, logger="luke_allennlp"):
        labels = [example.labels for example in reader.read_examples(str(path))]
    # Each once; "town" is not general. A mention stays, whatever it loses.
    assert labels == [["person"], ["person"], []]
    assert "label_map: 2 'human' read as 'person'; 2 'actor' dropped" in caplog.text
    reader.check_file(str(path), training=True)
    path.write_text(json.dumps(records[2]))
    with pytest.raises(ConfigurationError, match="data.jsonl: none of its 1 mentions has a type"):
        reader.check_file(str(path), training=True)
    reader.check_file(str(path))


def test_brackets_become_round() -> None:
    treebank = "a -LRB- b -RRB- c -LSB- d -RSB- e -LCB- f -RCB- g"
    plain = "a ( b ) c ( d ) e ( f ) g"
    start, end = treebank.index("d"), treebank.index("e") + 1
    text, span = with_round_brackets(treebank, (start, end))
    assert text == plain and plain[slice(*span)] == "d ) e"
    reader = make_reader(NAME)
    ours, theirs = item_of(reader, treebank, start, end), item_of(reader, plain, *span)
    as_it_is = item_of(make_reader(NAME, normalize_brackets=False), treebank, start, end)
    assert ours.token_ids.tolist() == theirs.token_ids.tolist() and ours.spans == theirs.spans
    assert len(as_it_is.token_ids) > len(ours.token_ids)
    # What is reported is the text as it was.
    metadata = reader.text_to_instance(ours)["metadata"].metadata
    assert metadata["text"] == treebank and metadata["span"] == (start, end)


@given(st.lists(st.sampled_from(["-LRB-", "-RSB-", "-lrb-", "LRB ", "- ", " ", "é"]), min_size=1), st.data())
def test_brackets_are_replaced_part_by_part(pieces: List[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    replaced, span = with_round_brackets(text, (start, end))

    def plain(part: str) -> str:
        # One after the other, as the original does.
        for name in ("LR", "LC", "LS", "RR", "RC", "RS"):
            part = part.replace(f"-{name}B-", "(" if name[0] == "L" else ")")
        return part

    assert replaced[: span[0]] == plain(text[:start])
    assert replaced[slice(*span)] == plain(text[start:end]) != ""
    assert replaced[span[1] :] == plain(text[end:])
