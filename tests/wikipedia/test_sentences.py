import sys
import types

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.wikipedia.sentences import IcuSentenceSplitter, RuleBasedSentenceSplitter


def split(text, language="en"):
    return [text[start:end] for start, end in RuleBasedSentenceSplitter(language).spans(text)]


# Sentences are divided by "|"; what is not divided must stay together.
@pytest.mark.parametrize(
    "language, text",
    [
        ("en", "The quay is old. |It was built in 1704. |Who built it? |Nobody knows! |"),
        ("en", "Dr. J. R. Marlow and Mrs. Drusk of St. Ysolde met at 3.15 p.m. on Jan. 5. |They left."),
        ("en", "The U.S. Navy and Ph.D. students use e.g. Version 2.0.1 of it. |See www.example.org for it."),
        ("en", "No. 5 was sold. |He said no. |Five more were not."),
        ("en", "He asked “Why?” and left. |“Because.” |She laughed. |'So what?' |Nothing..."),
        ("en", "It goes on ... and on… |But then it ended. |Wait... |What?! |Really?"),
        ("en", "The quay (it is old. Very old.) is large. |[Sic. It was.] |It closed (in 1990). |Then."),
        ("en", "1. Ash is a tree. |2. Birch is another one."),
        ("en", "First line\n|It is 3.5 m high.Nobody knows why. iPhone.com is a site."),
        (
            "de",
            "Am 3. Oktober 1990 kam z. B. Ludwig XIV. Band zwei. |Er war am 12. Mai. |Im Jahr 1990. |So.",
        ),
        ("fr", "M. Dupont habite ici. |Où est-il ? |« Là-bas ! » |Il est parti."),
        ("ru", "Он родился в 1900 г. в порту им. Марлова. |Там было 5 тыс. домов! |Да? |Нет."),
        ("el", "Τι είναι αυτό; |Ένα λιμάνι. |Ναι!"),
        ("hy", "Սա առաջինն է։ |Սա երկրորդն է։"),
        ("ar", "هذا ميناء قديم. |هل هو كبير؟ |نعم، قال د. أحمد ذلك!"),
        ("fa", "این بندر است. |آیا بزرگ است؟ |بله."),
        ("he", "זה נמל. |האם הוא גדול? |כן!"),
        ("hi", "यह बंदरगाह है। |वह शहर है॥ |क्या यह बड़ा है? |डॉ. राम आए।"),
        ("ja", "これは港です。|古いですか？|「はい。」と彼は言った。|（そうです。）次！"),
        ("zh", "这是港口。|它很旧吗？|他说：“是的。”然后走了。|好！|「对。」"),
        ("ko", "이것은 항구이다. |오래되었는가? |그렇다."),
        ("my", "ဒါက ဆိပ်ကမ်း။ |ဟုတ်တယ်။"),
        *(("en", text) for text in ("", "  ", " A harbour.  ", ".")),
    ],
)
def test_rules(language, text):
    expected = [sentence for sentence in text.split("|") if sentence]
    assert split("".join(expected), language) == expected


PIECES = [" ", "  ", "\n", "\u00a0", "\u2029", "e\u0301"]
PIECES += '. .. ! ? … 。 ！ । ؟ ։ ; ( ) （ ） 「 」 “ ” « » " [ ] A b Dr U.S 12 XIV 日本 مرحبا 😀'.split()
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=30).map("".join)


@given(text=TEXTS, language=st.sampled_from(["en", "de", "el", "ja"]))
@settings(max_examples=300, deadline=None)
def test_spans_partition_the_text(text, language):
    spans = RuleBasedSentenceSplitter(language).spans(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(start < end for start, end in spans)
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    # No sentence but the first begins with space, and none but the first is of space alone.
    assert not any(text[start].isspace() for start, _ in spans[1:])


def test_long_texts_are_split_in_linear_time():
    for piece in ("(", "((a. B", " \n", ". ", "「。", "a" * 50, "。」"):
        assert RuleBasedSentenceSplitter().spans(piece * 20_000)


def test_icu_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "icu", None)
    with pytest.raises(ConfigurationError, match='needs PyICU.*pip install PyICU.*or take "rule_based"'):
        IcuSentenceSplitter()


def test_icu_offsets_are_characters(monkeypatch):
    """ICU counts units of UTF-16; so does this stand-in, which finds sentences after every full stop."""

    class Iterator:
        @staticmethod
        def createSentenceInstance(locale):
            return Iterator()

        def setText(self, text):
            units = text.encode("utf-16-le")
            self.bounds = [i // 2 + 1 for i in range(0, len(units), 2) if units[i : i + 2] == b".\0"]

        def __iter__(self):
            return iter(self.bounds)

    icu = types.SimpleNamespace(BreakIterator=Iterator, Locale=str, VERSION="2.11", ICU_VERSION="70.1")
    monkeypatch.setitem(sys.modules, "icu", icu)
    splitter = IcuSentenceSplitter("en")
    assert splitter.versions == {"PyICU": "2.11", "ICU": "70.1"}
    for text in ("One.Two.", "😀.é😀😀.x.", "日本.", "."):
        sentences = [text[start:end] for start, end in splitter.spans(text)]
        assert sentences == [part + "." for part in text.split(".")[:-1]]
