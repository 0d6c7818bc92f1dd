"""Marks and mentions in what is typed."""

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.demo.marked_text import MarkedText, segments


def test_marks_are_taken_out():
    text, marked = MarkedText.parse("A [[Zoë]] met [[B]].")
    assert text == "A Zoë met B." and [text[start:end] for start, end in marked] == ["Zoë", "B"]
    assert MarkedText.parse("[[ a ] b ]]") == (" a ] b ", [(0, 7)])
    assert MarkedText.parse("[[a") == ("[[a", [])


@pytest.mark.parametrize(
    "text, words, expected",
    [
        ("Zoë met Bob.", "Bob", (8, 11)),
        ("Zoë met Bob.", " Bob ", (8, 11)),
        ("Bobby met Bob.", "Bob", (10, 13)),
        ("Bob met [[Bob]].", "Bob", (8, 11)),
        ("[[Zoë]] met [[Bob]].", "Bob", (8, 11)),
        ("Zoë met [[Bob]].", "", (8, 11)),
        ("Zoë met [[Bob]].", "Zoë", (0, 3)),
    ],
)
def test_mentions(text, words, expected):
    assert MarkedText.parse(text).find(words, "Mention") == expected


@pytest.mark.parametrize(
    "text, words, message",
    [
        ("Zoë met Bob.", "", "Head is missing"),
        ("[[Zoë]] met [[Bob]].", "", "Head is missing"),
        ("Zoë [[]] met.", " ", "Head is missing"),
        ("Zoë met Bob.", "bob", "Head: the text does not contain 'bob'"),
        ("Bob met Bob.", "Bob", r"Head: 'Bob' is 2 times in the text; write \[\[ and \]\] around"),
        ("[[Bob]] met [[Bob]].", "Bob", "Head: 'Bob' is 2 times"),
    ],
)
def test_mentions_that_cannot_be_told(text, words, message):
    with pytest.raises(ConfigurationError, match=message):
        MarkedText.parse(text).find(words, "Head")


def test_segments():
    assert segments("abcdef", [(4, 5, "Y"), (1, 3, "X")]) == [
        ("a", None),
        ("bc", "X"),
        ("d", None),
        ("e", "Y"),
        ("f", None),
    ]
    assert segments("abc", [(0, 3, "outer"), (1, 2, "inner")]) == [("abc", "outer")]
    assert segments("", []) == []
