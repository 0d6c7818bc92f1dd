"""Records of the three forms, and what is wrong with others."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.tasks.entity_typing.examples import GENERAL_TYPES, TypingExample, example_from_json

ARRAY: Dict[str, Any] = {"sent": "Zoë left Vexford .", "start": 9, "end": 16, "labels": ["place", "location"]}
ULTRA_FINE: Dict[str, Any] = {
    "left_context_token": ["Zoë", "left"],
    "mention_span": "Vexford",
    "right_context_token": ["."],
    "y_str": ["town", "place", "location"],
}
OWN: Dict[str, Any] = {"text": "Zoë left Vexford .", "span": [9, 16], "labels": ["place", "location"]}


class TestForms:
    @pytest.mark.parametrize(
        "record", [ARRAY, ULTRA_FINE, OWN, {**OWN, "span": {"start": 9, "end": 16}}, {**OWN, "id": 3}]
    )
    def test_all_say_the_same(self, record: Dict[str, Any]) -> None:
        example = example_from_json(record, "x.json, record 8", 7, frozenset(GENERAL_TYPES))
        expected = TypingExample("x.json, record 8", 7, "Zoë left Vexford .", (9, 16), ["place", "location"])
        assert example == expected
        assert example.mention == "Vexford"

    def test_types_are_those_of_ultra_fine_alone(self) -> None:
        assert example_from_json(ULTRA_FINE, "x").labels == ["town", "place", "location"]
        assert example_from_json(ULTRA_FINE, "x", types={"town"}).labels == ["town"]
        assert example_from_json(ULTRA_FINE, "x", types={"person"}).labels == []
        assert example_from_json(OWN, "x", types={"person"}).labels == ["place", "location"]
        assert example_from_json(ARRAY, "x", types={"person"}).labels == ["place", "location"]

    @pytest.mark.parametrize(
        "record, key", [(ARRAY, "labels"), (ULTRA_FINE, "y_str"), (OWN, "labels")], ids=["a", "u", "o"]
    )
    def test_no_labels_and_none_at_all(self, record: Dict[str, Any], key: str) -> None:
        without = {name: value for name, value in record.items() if name != key}
        assert example_from_json(without, "x").labels is None
        assert example_from_json({**record, key: None}, "x").labels is None
        assert example_from_json({**record, key: []}, "x", types={"town"}).labels == []
        assert example_from_json({**record, key: ["b", "a", "b"]}, "x").labels == ["b", "a"]

    @given(st.lists(st.text(max_size=4)), st.text(min_size=1, max_size=9), st.lists(st.text(max_size=4)))
    def test_joined_tokens(self, left: List[str], mention: str, right: List[str]) -> None:
        record = {"left_context_token": left, "mention_span": mention, "right_context_token": right}
        example = example_from_json(record, "x")
        start, end = example.span
        assert example.mention == mention
        assert example.text[:start] == "".join(token + " " for token in left)
        assert example.text[end:] == "".join(" " + token for token in right)

    def test_fixtures_say_the_same_in_all_forms(self, fixtures_dir: Path) -> None:
        data = fixtures_dir / "data"
        array = json.loads((data / "open_entity" / "test.json").read_text(encoding="utf-8"))
        lines, own = (
            [json.loads(line) for line in (data / name).read_text(encoding="utf-8").splitlines()]
            for name in ("ultra_fine/test.jsonl", "open_entity/typed.jsonl")
        )
        assert len(array) == len(lines) == 14 < len(own)
        for records in zip(array, lines, own, strict=False):
            one, two, three = (
                example_from_json(record, "x", types=frozenset(GENERAL_TYPES)) for record in records
            )
            assert one == three
            assert (two.labels, two.mention) == (one.labels, one.mention)


class TestMistakes:
    @pytest.mark.parametrize(
        "record, parts",
        [
            (
                {"sentence": "a", "labels": []},
                ("has only the keys ['sentence', 'labels']", "text, span, labels"),
            ),
            ({}, ("has only the keys []",)),
            ({**ARRAY, **OWN}, ("has both 'sent' and 'text'",)),
            ({**OWN, **ULTRA_FINE}, ("has both 'mention_span' and 'text'",)),
            ({"sent": "a", "end": 1, "labels": []}, ("'start' is missing",)),
            ({"text": "a", "labels": []}, ("'span' is missing",)),
            ({"mention_span": "a", "right_context_token": []}, ("'left_context_token' is missing",)),
            ({**ARRAY, "sent": 3}, ("'sent' is 3; expected a string",)),
            ({**ARRAY, "start": "9"}, ("'start' is '9'; expected a whole number",)),
            ({**ARRAY, "start": True}, ("'start' is True",)),
            ({**ARRAY, "end": 19}, ("start 9 and end 19", "18 characters")),
            ({**ARRAY, "start": -1}, ("start -1",)),
            ({**ARRAY, "start": 16, "end": 9}, ("start 16 and end 9",)),
            ({**ARRAY, "start": 9, "end": 9}, ("start 9 and end 9",)),
            ({**ARRAY, "sent": ""}, ("'sent' is blank; expected a text that holds the mention",)),
            ({**OWN, "span": [9, 19]}, ("'span' has start 9 and end 19",)),
            ({**OWN, "span": [9]}, ("'span' is [9]",)),
            ({**OWN, "span": "9-16"}, ("'span' is '9-16'",)),
            ({**OWN, "span": {"start": 9}}, ("'end' is missing",)),
            ({**OWN, "labels": "place"}, ("'labels' is 'place'; expected a list",)),
            ({**OWN, "labels": ["place", 3]}, ("labels[1] is 3; expected a string",)),
            ({**OWN, "labels": ["place", ""]}, ("labels[1] is empty",)),
            ({**ULTRA_FINE, "mention_span": ""}, ("'mention_span' is empty",)),
            ({**ULTRA_FINE, "mention_span": ["Vexford"]}, ("'mention_span' is ['Vexford']",)),
            ({**ULTRA_FINE, "left_context_token": "Zoë left"}, ("'left_context_token' is 'Zoë left'",)),
            ({**ULTRA_FINE, "y_str": [None]}, ("y_str[0] is None",)),
        ],
    )
    def test_one_sentence_with_the_record(self, record: Dict[str, Any], parts: Any) -> None:
        with pytest.raises(ConfigurationError) as raised:
            example_from_json(record, "dev.json, record 3")
        message = raised.value.message
        assert message.startswith("dev.json, record 3") and "\n" not in message and len(message) < 300
        for part in parts:
            assert part in message
