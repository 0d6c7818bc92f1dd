"""The forms that cloze questions come in."""

from typing import Any, Dict, List, Tuple

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.tasks.cloze_qa.examples import occurrences, questions_of

TEXT = "Zoë left Vexford.\n@highlight\nZoë won"
SPANS = [(9, 15), (0, 2), (29, 31), (0, 2), (0, 15)]


def inclusive(start: int, end: int) -> Dict[str, Any]:
    return {"start": start, "end": end}


def article(key: str = "id", name: Any = "q-7") -> Dict[str, Any]:
    return {
        # In no order, one twice, one inside of another.
        "passage": {"text": TEXT, "entities": [inclusive(*span) for span in SPANS]},
        "qas": [
            {
                key: name,
                "query": "It was @placeholder.",
                "answers": [{**inclusive(0, 2), "text": "Zoë"}, {**inclusive(29, 31), "text": "ZOË"}],
            },
            {"query": "@placeholder is small", "answers": [{**inclusive(9, 15), "text": "Vexford"}]},
        ],
    }


class TestDatasets:
    @pytest.mark.parametrize(("key", "name"), [("id", "q-7"), ("idx", 31)])
    def test_article(self, key: str, name: Any) -> None:
        first, second = questions_of(article(key, name), "x.jsonl, line 3")
        assert first.passage is second.passage
        assert first.passage.text == TEXT
        assert first.passage.candidates == ((0, 3), (0, 16), (9, 16), (29, 32))
        assert first.passage.mention((0, 16)) == "Zoë left Vexford"
        assert (first.id, second.id) == (str(name), "1")
        assert first.query == "It was @placeholder."
        # As the data gives them: the official scorer takes them so.
        assert first.answers == ("Zoë", "ZOË") and second.answers == ("Vexford",)
        assert first.answer_spans == {(0, 3), (29, 32)} and second.answer_spans == {(9, 16)}
        assert [first.where, second.where] == [f"x.jsonl, line 3, qas[{index}]" for index in (0, 1)]

    def test_whole_file(self) -> None:
        examples = list(questions_of({"version": "1", "data": [article(), article()]}, "x.json"))
        assert [example.key for example in examples] == [0, 1, 2, 3]
        assert examples[2].where == "x.json, data[1], qas[0]"
        assert examples[0].passage == examples[2].passage

    def test_answers_that_are_unknown_or_without_text(self) -> None:
        for unknown in ({}, {"answers": None}, {"answers": []}):
            record = {**article(), "qas": [{"query": "@placeholder", **unknown}]}
            assert [example.answers for example in questions_of(record, "x")] == [None]
        record = article()
        del record["qas"][0]["answers"][1]["text"]
        assert next(questions_of(record, "x")).answers == ("Zoë", "Zoë")


class TestOwnForm:
    def record(self, **values: Any) -> Dict[str, Any]:
        return {"passage": TEXT, "query": "@placeholder won", "candidates": [[0, 3]], **values}

    def test_spans(self) -> None:
        record = self.record(candidates=[[9, 16], {"start": 0, "end": 3}, [9, 16]], answers=[[0, 3]], id=4)
        (example,) = questions_of(record, "input 1")
        assert example.passage.candidates == ((0, 3), (9, 16))
        assert (example.id, example.where, example.key) == ("4", "input 1", 0)
        assert example.answers == ("Zoë",) and example.answer_spans == {(0, 3)}

    def test_strings(self) -> None:
        (example,) = questions_of(self.record(candidates=["Zoë", "Vexford"], answers=["Zoë", "She"]), "x")
        assert example.passage.candidates == ((0, 3), (9, 16), (29, 32))
        # One that is not in the passage is an answer all the same.
        assert example.answers == ("Zoë", "She") and example.answer_spans == {(0, 3), (29, 32)}

    def test_nothing_but_what_is_needed(self) -> None:
        (example,) = questions_of(self.record(candidates=[]), "x")
        assert example.passage.candidates == () and example.answers is None and example.id == "0"

    def test_halves_of_surrogate_pairs(self) -> None:
        (example,) = questions_of(self.record(passage="a\ud83d b", candidates=["a\ud83d"]), "x")
        assert example.passage.text == "a\ufffd b" and example.passage.candidates == ((0, 2),)


OWN: Dict[str, Any] = {"passage": "a", "query": "@placeholder", "candidates": []}
EMPTY: Dict[str, Any] = {"text": "a", "entities": []}
MISTAKES: List[Tuple[Dict[str, Any], str]] = [
    ({}, "x: 'passage' is missing"),
    ({"passage": "a"}, "x: 'query' is missing|x: 'candidates' is missing"),
    ({**OWN, "query": "b"}, "x: the query 'b' has '@placeholder' 0 times"),
    ({**OWN, "query": "@placeholder@placeholder"}, "has '@placeholder' 2 times; expected it once"),
    ({**OWN, "candidates": "a"}, "x: 'candidates' is 'a'; expected a list"),
    ({**OWN, "candidates": ["b"]}, r"x: candidates\[0\] is 'b', which the"),
    ({**OWN, "candidates": [[0, 2]]}, "start 0 and end 2, no part of 1 char"),
    ({**OWN, "candidates": [7]}, r"'candidates\[0\]' is 7; expected \[start"),
    ({**OWN, "answers": "a"}, "'answers' is 'a'"),
    ({"data": 3}, "x: 'data' is 3; expected a list"),
    ({"data": [{"passage": "a"}]}, r"x, data\[0\], passage: found 'a'; expected a JSON object"),
    ({"passage": {"text": "a"}}, "x, passage: 'entities' is missing"),
    ({"passage": {"text": "a", "entities": [{"start": 0}]}}, r"entities\[0\]: 'end' is missing"),
    (
        {"passage": {"text": "a", "entities": [{"start": 0, "end": 1}]}},
        r"x, passage, entities\[0\]: has start 0 and end 1, no part of 1 characters; expected 0",
    ),
    ({"passage": EMPTY}, "x: 'qas' is missing"),
    ({"passage": EMPTY, "qas": [{}]}, r"x, qas\[0\]: 'query' is missing"),
    ({"passage": EMPTY, "qas": [{"query": "@placeholder", "id": [1]}]}, r"x, qas\[0\]: 'id' is \[1\]"),
    (
        {"passage": EMPTY, "qas": [{"query": "@placeholder", "answers": [{}]}]},
        r"x, qas\[0\], answers\[0\]: 'start' is missing",
    ),
]


@pytest.mark.parametrize(("record", "message"), MISTAKES)
def test_mistakes(record: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        list(questions_of(record, "x"))


class TestOccurrences:
    @pytest.mark.parametrize(
        ("text", "mention", "expected"),
        [
            ("Ann and Anna met Ann.", "Ann", [(0, 3), (17, 20)]),
            ("(Ann's) Ann-Marie", "Ann", [(1, 4), (8, 11)]),
            ("U.S. and U.S.A", "U.S.", [(0, 4), (9, 13)]),
            # An accent of its own goes with its letter.
            ("Zoe\u0308 and Zoe", "Zoe", [(9, 12)]),
            # No word stands alone: all there are.
            ("白河澪は白河澪", "白河澪", [(0, 3), (4, 7)]),
            ("Annas", "Ann", [(0, 3)]),
            ("Ann", "Bob", []),
            ("Ann", "", []),
            ("🎉🎉🎉", "🎉🎉", [(0, 2), (1, 3)]),
        ],
    )
    def test_examples(self, text: str, mention: str, expected: List[Tuple[int, int]]) -> None:
        assert occurrences(text, mention) == expected
