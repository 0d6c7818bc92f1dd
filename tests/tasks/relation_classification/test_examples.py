"""Records of TACRED's and of this project's form."""

from typing import Any, Dict

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.tasks.relation_classification.examples import RelationExample, example_from_record

TOKENS = ["Zoë", "Müllinger", ",", "👩\u200d🚀", "of", "Ísafold", "."]
PLACES = {"subj_start": 0, "subj_end": 1, "obj_start": 5, "obj_end": 5}
RELATION = "per:cities_of_residence"
TACRED: Dict[str, Any] = {"id": "61b3", "token": TOKENS, **PLACES, "obj_type": "CITY", "relation": RELATION}
OWN: Dict[str, Any] = {"text": "Marlow met Zoë .", "head": [11, 14], "tail": [0, 6], "label": "per:spouse"}


def texts(example: RelationExample) -> Dict[str, str]:
    return {name: example.text[slice(*getattr(example, name))] for name in ("head", "tail")}


def test_tacred() -> None:
    example = example_from_record(TACRED, "train.json, record 3", 2)
    assert example.text == "Zoë Müllinger , 👩\u200d🚀 of Ísafold ."
    assert texts(example) == {"head": "Zoë Müllinger", "tail": "Ísafold"}
    assert (example.where, example.index) == ("train.json, record 3", 2)
    assert example.label == "per:cities_of_residence"


def test_own_form() -> None:
    example = example_from_record(OWN, "line 1")
    assert texts(example) == {"head": "Zoë", "tail": "Marlow"}
    assert example.label == "per:spouse"
    objects = {**OWN, "head": {"start": 11, "end": 14, "text": "Zoë"}, "tail": {"start": 0, "end": 6}}
    assert example_from_record(objects, "line 1") == example


def without(record: Dict[str, Any], key: str) -> Dict[str, Any]:
    return {name: value for name, value in record.items() if name != key}


@pytest.mark.parametrize(("record", "key"), [(TACRED, "relation"), (OWN, "label")])
def test_without_a_relation(record: Dict[str, Any], key: str) -> None:
    assert example_from_record(without(record, key), "here").label is None
    assert example_from_record({**record, key: None}, "here").label is None


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({**TACRED, "token": None}, "'token' is None; expected a list"),
        ({**TACRED, "token": []}, "'token' is blank; expected a text that holds head and tail"),
        ({**TACRED, "subj_end": 7}, "'subj_start' is 0 and 'subj_end' is 7, no part of 7 tokens.*end < 7"),
        ({**TACRED, "obj_start": 6}, "'obj_start' is 6 and 'obj_end' is 5, no part of 7 tokens"),
        ({**TACRED, "relation": " "}, "'relation' is empty"),
        ({**OWN, "text": ""}, "'text' is blank; expected a text that holds head and tail"),
        ({**OWN, "text": "a"}, "'head' has start 11 and end 14, no part of 1 characters"),
        ({**OWN, "tail": [6, 0]}, "'tail' has start 6 and end 0"),
        ({**OWN, "tail": "Marlow"}, r"'tail' is 'Marlow'; expected \[start, end\]"),
        ({**OWN, "label": ["per:spouse"]}, "'label' is .*; expected a string"),
        (without(TACRED, "obj_end"), "'obj_end' is missing; found only"),
        (without(OWN, "tail"), "'tail' is missing; found only"),
        ({"sentence": "Zoë"}, "has neither 'token' .*nor 'text'; found only 'sentence'"),
        ({}, "found only an empty object"),
    ],
)
def test_what_is_wrong_is_named(record: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^here: .*{message}"):
        example_from_record(record, "here")
