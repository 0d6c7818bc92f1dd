import time

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.data.segmentation import (
    INVISIBLE_SEPARATORS,
    SpacyRulesSegmenter,
    TextSegmenter,
    WhitespaceSegmenter,
    strip_span,
)

SEGMENTERS = {
    "en": SpacyRulesSegmenter(),
    "en, paragraphs": SpacyRulesSegmenter(split_lines=False),
    "de": SpacyRulesSegmenter("de"),
    "fr": SpacyRulesSegmenter("fr"),
    "xx": SpacyRulesSegmenter("xx"),
    "whitespace": WhitespaceSegmenter(),
}
# What rules of tokenizers are about, between any characters, among them halves of surrogate pairs.
TEXTS = st.lists(
    st.one_of(
        st.text(alphabet=st.characters(), max_size=8),
        st.sampled_from([*INVISIBLE_SEPARATORS, *'\t\n\u00a0\u2028\u00ad\u200c\u200d\ufe0f🏽\x1c()"-😀']),
        st.sampled_from("'s U.S. can't e.g. ... http://a.b/c?d 👩‍👩‍👧 e\u0301 $5 l'été".split()),
        st.sampled_from([" ", "\r\n", "\n\n", ". ", "! ", "Mr. "]),
        st.characters(categories=["Cs"]),
    ),
    max_size=20,
).map("".join)


def separates(character: str) -> bool:
    return character.isspace() or character in INVISIBLE_SEPARATORS


def divided(text: str, segmenter: TextSegmenter = SEGMENTERS["en"]):
    return [[text[start:end] for start, end in sentence] for sentence in segmenter.segment(text)]


@pytest.mark.parametrize("name", SEGMENTERS)
@given(text=TEXTS)
def test_words_cover_all_but_separators(name, text):
    sentences = SEGMENTERS[name].segment(text)
    position = 0
    for sentence in sentences:
        assert sentence
        for start, end in sentence:
            assert position <= start < end <= len(text)
            assert all(map(separates, text[position:start]))
            assert not any(map(separates, text[start:end]))
            position = end
    assert all(map(separates, text[position:]))


def test_words_and_sentences():
    words = "Mr. O'Neil ca n't leave Oslo .", "He 'll stay !", "Why ?"
    expected = [sentence.split() for sentence in words]
    assert divided("Mr. O'Neil can't leave Oslo. He'll stay!  Why?") == expected


def test_lines_end_sentences():
    text = "A title\nfirst line\nsecond line\r\n\r\nnext\u2029last"
    assert [len(sentence) for sentence in divided(text)] == [2, 2, 2, 1, 1]
    paragraphs = SpacyRulesSegmenter(split_lines=False)
    expected = [words.split() for words in ("A title", "first line second line", "next")]
    assert divided("A title\n \nfirst line\nsecond line\r\n\r\nnext", paragraphs) == expected


def test_whitespace():
    expected = [["can't", "stop.", "Go", "!"], ["next"]]
    assert divided("can't  stop.\u00a0Go !\n\n next", SEGMENTERS["whitespace"]) == expected


def test_invisible_separators():
    text = "Ana met\u200bTavin (\ufeffEdda\u2060). \u200bShe\u200b\u200bcan't.\ufeffWhy?"
    words = "Ana met Tavin ( Edda ) .", "She ca n't .", "Why ?"
    assert divided(text) == [sentence.split() for sentence in words]
    assert divided(text, SEGMENTERS["whitespace"]) == ["Ana met Tavin ( Edda ). She can't. Why?".split()]


JOINED = (
    "co\u00adoperating 👩\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 👩🏽\u200d🚀 ❤\ufe0f "
    "क\u094d\u200dष ന\u0d4d\u200d می\u200cخواهم"
).split(" ")


@pytest.mark.parametrize("word", JOINED)
def test_joiners_do_not_separate(word):
    for segmenter in SEGMENTERS.values():
        assert divided(f"a {word} b {word}", segmenter) == [["a", word, "b", word]]
    assert divided(f"({word}) '\u00ad{word}\u00ad'") == [["(", word, ")", "'", f"\u00ad{word}\u00ad", "'"]]


def test_stripped_span():
    text = " \u200bEdda\u2060Rask\ufeff\n\u00ad \u200b"
    assert strip_span(text, 0, 13) == (2, 11)
    assert text[2:11] == "Edda\u2060Rask"
    assert strip_span(text, 4, 8) == (4, 8)
    assert strip_span(text, 11, 16) == (13, 14)
    assert strip_span(text, 14, 16) == (16, 16)


def test_long_punctuation_takes_no_quadratic_time():
    started = time.monotonic()
    assert divided("Ana (" + "()" * 10_000 + " left") == [["Ana", "(" + "()" * 10_000, "left"]]
    assert time.monotonic() - started < 10


def test_unknown_language():
    with pytest.raises(ConfigurationError, match="language 'zz'.*`whitespace`"):
        SpacyRulesSegmenter("zz").segment("a")


def test_from_params():
    assert isinstance(TextSegmenter.from_params(Params({})), SpacyRulesSegmenter)
    assert isinstance(TextSegmenter.from_params(Params({"type": "whitespace"})), WhitespaceSegmenter)
    params = {"type": "spacy_rules", "language": "de", "split_lines": False}
    german = TextSegmenter.from_params(Params(params))
    words = "Das ist z.B. so .", "Und so ."
    assert divided("Das ist z.B. so.\nUnd so.", german) == [sentence.split() for sentence in words]
