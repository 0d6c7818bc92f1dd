"""What records are read as, and what is said about those that are wrong."""

from typing import Any, Dict

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.linking.entity_linker import EntityMention
from luke_allennlp.tasks.reading_comprehension.examples import Answer, Passage, questions_from_json

CONTEXT = "Zoë 🎉 left Ísafold."


def ours(**changes: Any) -> Dict[str, Any]:
    return {"question": "Who left?", "context": CONTEXT, **changes}


def squad(**changes: Any) -> Dict[str, Any]:
    answer = {"text": "Zoë", "answer_start": 0}
    question = {"id": "q1", "question": "Who left?", "answers": [answer], **changes}
    return {"data": [{"title": "A_b", "paragraphs": [{"context": CONTEXT, "qas": [question]}]}]}


def test_squad() -> None:
    (question,) = questions_from_json(squad(), "dev.json")
    assert question.passage == Passage(CONTEXT, "A_b")
    assert (question.id, question.text, question.entities) == ("q1", "Who left?", None)
    assert question.answers == [Answer("Zoë", 0, 3)] and question.wrong_answers == []
    assert question.where == "dev.json, data[0], paragraphs[0], qas[0]"


@pytest.mark.parametrize(
    "changes, answers",
    [
        ({"answers": []}, None),
        ({"answers": None}, None),
        ({"answers": [], "is_impossible": None}, None),
        ({"is_impossible": False}, None),
        ({"answers": [], "is_impossible": True}, []),
        ({"is_impossible": True}, []),
        ({"answers": [[0, 3]], "is_impossible": False}, [Answer("Zoë", 0, 3)]),
        ({"answers": [[0, 3]]}, [Answer("Zoë", 0, 3)]),
    ],
)
def test_what_is_known(changes: Dict[str, Any], answers: Any) -> None:
    (question,) = questions_from_json(ours(**changes), "a")
    assert question.answers == answers
    in_a_paragraph = {"context": CONTEXT, "qas": [{"id": "q", "question": "Who left?", **changes}]}
    (question,) = questions_from_json(in_a_paragraph, "a")
    assert question.answers == answers


def test_ours() -> None:
    (question,) = questions_from_json(
        ours(
            id=7,
            title="T",
            answers=[[0, 3], {"text": "Ísafold", "answer_start": 11}],
            entities=[
                {"span": [11, 18], "title": "Ísafold"},
                {"part": "question", "span": {"start": 0, "end": 3}, "title": "Who"},
            ],
        ),
        "a",
    )
    assert question.id == "7" and question.passage == Passage(CONTEXT, "T")
    assert question.answers == [Answer("Zoë", 0, 3), Answer("Ísafold", 11, 18)]
    assert question.entities == [
        EntityMention("context", 11, 18, "Ísafold"),
        EntityMention("question", 0, 3, "Who"),
    ]
    (bare,) = questions_from_json(ours(), "a")
    assert (bare.id, bare.answers, bare.passage.title) == (None, None, None)


def test_answer_that_is_not_there() -> None:
    (question,) = questions_from_json(squad(answers=[{"text": "Zoe", "answer_start": 0}]), "a")
    assert question.wrong_answers == question.answers == [Answer("Zoe", 0, 3)]


@pytest.mark.parametrize(
    "record, message",
    [
        ({"text": "a"}, r"dev.json: has only the keys \['text'\]; expected 'data'"),
        ({"question": "a"}, "dev.json: 'context' is missing"),
        (ours(context=" \n"), "dev.json: 'context' is blank"),
        ({"data": [1]}, r"dev.json, data\[0\]: found 1; expected a JSON object"),
        ({"paragraphs": [{"context": "a"}]}, r"dev.json, paragraphs\[0\]: 'qas' is missing"),
        ({"context": "a", "qas": [{"question": "b"}]}, r"dev.json, qas\[0\]: 'id' is missing"),
        (squad(answers="Zoë"), r"qas\[0\]: 'answers' is 'Zoë'; expected a list"),
        (squad(answers=["Zoë"]), r"qas\[0\], answers\[0\]: found 'Zoë'; expected"),
        (squad(answers=[{"text": " ", "answer_start": 3}]), r"answers\[0\]: 'text' is blank"),
        (squad(answers=[{"text": "Zoë", "answer_start": -1}]), "start -1 and end 1, no part of 19 char"),
        (squad(answers=[{"text": "old.", "answer_start": 19}]), "start 19 and end 20, no part of 19 char"),
        (
            squad(answers=[], is_impossible=False),
            r"qas\[0\]: 'is_impossible' is false, but 'answers' is empty; expected an answer",
        ),
        (squad(is_impossible="true"), r"qas\[0\]: 'is_impossible' is 'true'; expected true or false"),
        (squad(is_impossible=True), r"qas\[0\]: 'is_impossible' is true, but there are 1 answers"),
        (ours(answers=[[3, 3]]), r"answers\[0\]: 'answer' has start 3 and end 3"),
        (ours(entities=[{"span": [0, 3]}]), r"entities\[0\]: 'title' is missing"),
        (ours(entities=[{"span": [0, 30], "title": "a"}]), "start 0 and end 30, no part of 19 characters"),
        (ours(entities=[{"part": "title", "span": [0, 1], "title": "a"}]), "'part' is 'title'; expected"),
    ],
)
def test_what_is_wrong(record: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        list(questions_from_json(record, "dev.json"))
