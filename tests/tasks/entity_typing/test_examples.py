"""Records of the three forms, and what is wrong with others."""

from typing import Any, Dict

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.tasks.entity_typing.examples import GENERAL_TYPES, TypingExample, example_from_json

ARRAY: Dict[str, Any] = {"sent": "Zoë left Vexford .", "start": 9, "end": 16, "labels": ["place", "location"]}
ULTRA_FINE: Dict[str, Any] = {
    "left_context_token": ["Zoë", "left"],
    "mention_span": "Vexford",
    "right_context_token": ["."],
    "y_str": ["town", "place", "location"],
}
OWN: Dict[str, Any] = {"text": "Zoë left Vexford .", "span": [9, 16], "labels": ["place", "location"]}


@pytest.mark.parametrize(
    "record", [ARRAY, ULTRA_FINE, OWN, {**OWN, "span": {"start": 9, "end": 16}}, {**OWN, "id": 3}]
)
def test_all_forms_say_the_same(record: Dict[str, Any]) -> None:
    example = example_from_json(record, "x.json, record 8", 7, frozenset(GENERAL_TYPES))
    expected = TypingExample("x.json, record 8", 7, "Zoë left Vexford .", (9, 16), ["place", "location"])
    assert example == expected and example.mention == "Vexford"


def test_types_are_those_of_ultra_fine_alone() -> None:
    assert example_from_json(ULTRA_FINE, "x").labels == ["town", "place", "location"]
    assert example_from_json(ULTRA_FINE, "x", types={"town"}).labels == ["town"]
    assert example_from_json(ULTRA_FINE, "x", types={"person"}).labels == []
    for record in (OWN, ARRAY):
        assert example_from_json(record, "x", types={"person"}).labels == ["place", "location"]


@pytest.mark.parametrize("record, key", [(ARRAY, "labels"), (ULTRA_FINE, "y_str"), (OWN, "labels")])
def test_no_labels_and_none_at_all(record: Dict[str, Any], key: str) -> None:
    without = {name: value for name, value in record.items() if name != key}
    assert example_from_json(without, "x").labels is None
    assert example_from_json({**record, key: None}, "x").labels is None
    assert example_from_json({**record, key: []}, "x", types={"town"}).labels == []
    assert example_from_json({**record, key: ["b", "a", "b"]}, "x").labels == ["b", "a"]


@pytest.mark.parametrize(
    "record, message",
    [
        ({"sentence": "a", "labels": []}, r"has only the keys \['sentence', 'labels'\].*text, span, labels"),
        ({**OWN, **ULTRA_FINE}, "has both 'mention_span' and 'text'"),
        ({"sent": "a", "end": 1, "labels": []}, "'start' is missing"),
        ({"text": "a", "labels": []}, "'span' is missing"),
        ({"mention_span": "a", "right_context_token": []}, "'left_context_token' is missing"),
        ({**ARRAY, "start": "9"}, "'start' is '9'; expected a whole number"),
        ({**ARRAY, "end": 19}, "start 9 and end 19.*18 characters"),
        ({**ARRAY, "sent": ""}, "'sent' is blank; expected a text that holds the mention"),
        ({**OWN, "span": [9, 19]}, "'span' has start 9 and end 19"),
        ({**OWN, "span": "9-16"}, "'span' is '9-16'"),
        ({**OWN, "labels": ["place", ""]}, r"labels\[1\] is empty"),
        ({**ULTRA_FINE, "mention_span": ""}, "'mention_span' is empty"),
        ({**ULTRA_FINE, "left_context_token": "Zoë left"}, "'left_context_token' is 'Zoë left'"),
        ({**ULTRA_FINE, "y_str": [None]}, r"y_str\[0\] is None"),
    ],
)
def test_mistakes(record: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^dev.json, record 3.*{message}"):
        example_from_json(record, "dev.json, record 3")
