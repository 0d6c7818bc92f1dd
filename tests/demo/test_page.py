"""What the pages make of their inputs, without a browser."""

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.demo.page import build_page, task_page

TEXT = "Marie Curie was born in Warsaw. In Paris she met Pierre Curie."


def joined(pieces):
    return "".join(piece for piece, _ in pieces)


def labelled(pieces):
    return [(piece, label) for piece, label in pieces if label is not None]


def test_ner(pipelines):
    pieces, table = task_page(pipelines("ner")).predict(TEXT)
    entities = pipelines("ner")(TEXT)
    assert joined(pieces) == TEXT
    assert labelled(pieces) == [(entity.text, entity.label) for entity in entities] != []
    for e in entities:
        assert f"<td>{e.text}</td><td>{e.label}</td><td>{e.score:.3f}</td><td>{e.start}-{e.end}</td>" in table


def test_entity_typing(pipelines):
    pieces, bars = task_page(pipelines("entity_typing")).predict("Marie met [[Marie]].", "Marie")
    assert pieces == [("Marie met ", None), ("Marie", "mention"), (".", None)]
    predicted = pipelines("entity_typing")({"text": "Marie met Marie.", "span": [10, 15]})
    assert len(bars) == 3 and {label for label in bars if "✓" in label} == {f"{t.label} ✓" for t in predicted}


def test_relation_classification(pipelines):
    pieces, bars = task_page(pipelines("relation_classification")).predict(TEXT, "Paris", "Marie Curie")
    assert labelled(pieces) == [("Marie Curie", "tail"), ("Paris", "head")] and joined(pieces) == TEXT
    assert sum(bars.values()) == pytest.approx(1, abs=1e-4) and set(bars) >= {"no_relation", "per:title"}


def test_cloze_qa(pipelines):
    names = "Marie Curie\n\nWarsaw\nParis"
    pieces, bars = task_page(pipelines("cloze_qa")).predict(TEXT, "She liked @placeholder.", names)
    assert set(bars) == {"Marie Curie", "Warsaw", "Paris"} and joined(pieces) == TEXT
    assert [label for _, label in labelled(pieces)].count("answer") == 1
    assert max(bars, key=bars.get) == next(text for text, label in pieces if label == "answer")


def test_reading_comprehension(pipelines):
    pieces, bars = task_page(pipelines("reading_comprehension")).predict(TEXT, "Where was she born?")
    answer = pipelines("reading_comprehension")({"context": TEXT, "question": "Where was she born?"})
    assert labelled(pieces) == [(answer.text, "answer")] and joined(pieces) == TEXT
    assert bars[answer.text] == pytest.approx(answer.score, abs=1e-6)


def test_every_character_survives(pipelines):
    text = "Zoë 👩‍👩‍👧 saw \u200bİstanbul\n\n<b>&amp; in ｆｕｌｌ width"
    pieces, table = task_page(pipelines("ner")).predict(text)
    assert joined(pieces) == text and "<b>" not in table


class TestAnswers:
    """What the button calls."""

    @pytest.fixture
    def answer(self, pipelines):
        def call(task, *values, max_length=200):
            page = build_page(pipelines(task), "model", max_length)
            (function,) = page.fns.values()
            return function.fn(*values)

        return call

    @pytest.mark.parametrize(
        "task, values, message",
        [
            ("ner", ("",), "Text: the field is empty; enter some text."),
            ("ner", (None,), "Text: the field is empty"),
            ("ner", ("a" * 201,), "These are 201 characters, and this page takes at most 200"),
            ("entity_typing", (TEXT, "Rome"), "Mention: the text does not contain 'Rome'"),
            ("entity_typing", (TEXT, ""), "Mention is missing"),
            ("relation_classification", (TEXT, "Curie", "Paris"), "Head: 'Curie' is 2 times in the text"),
            ("relation_classification", (TEXT, "Warsaw", "Rome"), "Tail: the text does not contain"),
            ("cloze_qa", (TEXT, "She left.", "Paris"), "The query 'She left.' has '@placeholder' 0 times"),
            ("cloze_qa", (TEXT, "@placeholder left.", "Rome"), "which the passage does not contain"),
            ("cloze_qa", (TEXT, "@placeholder left.", " "), "Entities: the field is empty"),
            ("reading_comprehension", (TEXT, " "), "Question: the field is empty"),
        ],
    )
    def test_errors_are_sentences(self, answer, task, values, message):
        from html import unescape

        text, *outputs = answer(task, *values)
        text = unescape(text)
        assert message in text and text[0].isupper() and "input 1" not in text
        assert outputs == [None] * len(outputs) and outputs

    def test_of_the_model_too(self, answer, pipelines, monkeypatch, caplog):
        assert answer("ner", TEXT)[0] == ""
        page = build_page(pipelines("ner"), "model", 200)
        monkeypatch.setattr(type(pipelines("ner")), "__call__", lambda self, text: 1 / 0)
        (function,) = page.fns.values()
        assert "ZeroDivisionError" in function.fn(TEXT)[0]
        assert "Traceback" in caplog.text


def test_a_task_without_a_page():
    class Other:
        task = "translation"

    with pytest.raises(ConfigurationError, match="translation"):
        task_page(Other())
