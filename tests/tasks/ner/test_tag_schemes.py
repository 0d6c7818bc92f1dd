"""Tag schemes: which one a file has, and the entities that tags stand for."""

import logging
import random
from typing import Dict, Iterable, List, Sequence

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from luke_allennlp.tasks.ner.examples import LabeledSpan
from luke_allennlp.tasks.ner.tag_schemes import (
    TAG_SCHEMES,
    TaggedSentence,
    check_scheme,
    find_faults,
    resolve_scheme,
    tags_to_spans,
)

FIRST_MIDDLE_LAST_SINGLE = {"IOB1": "IIII", "IOB2": "BIIB", "BIOES": "BIES", "BILOU": "BILU", "IO": "IIII"}


def spans_to_tags(spans: Iterable[LabeledSpan], length: int, scheme: str) -> List[str]:
    tags = ["O"] * length
    first, middle, last, single = FIRST_MIDDLE_LAST_SINGLE[scheme]
    previous = LabeledSpan(0, 0, "")
    for span in sorted(spans):
        inside = span.end - span.start - 2
        prefixes = single if inside < 0 else first + middle * inside + last
        tags[span.start : span.end] = [f"{prefix}-{span.label}" for prefix in prefixes]
        if scheme == "IOB1" and previous[1:] == (span.start, span.label):
            tags[span.start] = f"B-{span.label}"
        previous = span
    return tags


def placed(sentences: Iterable[Sequence[str]]) -> List[TaggedSentence]:
    """Lines are counted as in a file with a blank line after each sentence."""
    line, result = 0, []
    for tags in sentences:
        result.append(TaggedSentence(tags, line + 1))
        line += len(tags) + 1
    return result


def recognise(*sentences: str) -> str:
    return resolve_scheme(placed(sentence.split() for sentence in sentences), "auto", "some.conll")


def faults(tags: Sequence[str], scheme: str) -> List[int]:
    """The positions of the tags that break the rules of a scheme."""
    return [position for position, _ in find_faults(tags, scheme)]


def seqeval_spans(tags: List[str]) -> List[LabeledSpan]:
    return [LabeledSpan(start, last + 1, label) for label, start, last in get_entities(tags)]


class TestRecognition:
    @pytest.mark.parametrize(
        "sentences, scheme",
        [
            (["O I-PER I-PER B-PER O I-LOC"], "IOB1"),
            (["I-PER I-LOC", "I-LOC B-LOC"], "IOB1"),
            (["O B-PER I-PER B-PER O B-LOC"], "IOB2"),
            (["B-PER", "B-PER"], "IOB2"),
            (["B-creative-work I-creative-work O"], "IOB2"),
            (["O B-PER I-PER E-PER S-LOC O"], "BIOES"),
            (["S-LOC S-LOC O"], "BIOES"),
            (["B-PER M-PER E-PER S-LOC"], "BIOES"),
            (["B-PER M-PER E-PER W-LOC"], "BIOES"),
            (["O B-PER I-PER L-PER U-LOC O"], "BILOU"),
            (["B-PER L-PER"], "BILOU"),
            (["O I-PER I-PER I-LOC O I-LOC"], "IO"),
            (["O PER PER LOC O creative-work"], "IO"),
            (["O O", "O"], "IOB2"),
            (["B-PER I-LOC O", "B-LOC"], "IOB2"),
        ],
    )
    def test_recognises(self, sentences, scheme):
        assert recognise(*sentences) == scheme

    @pytest.mark.parametrize(
        "sentences, lines, words",
        [
            # Lines 1 to 4, blank, 6: an entity that starts with I-, and a B- that follows nothing.
            (["O O I-PER O", "B-PER"], (3, 6), ("'I-PER'", "IOB1", "'B-PER'", "IOB2")),
            (["B-LOC O", "I-PER B-PER"], (1, 4), ("'B-LOC'", "IOB2", "'I-PER'", "IOB1")),
            (["B-PER E-PER", "O B-PER L-PER"], (2, 6), ("'E-PER'", "BIOES", "'L-PER'", "BILOU")),
            (["B-PER L-PER", "O B-PER O"], (2, 5), ("'L-PER'", "BILOU", "'B-PER' as the last")),
            (["S-PER O", "O B-PER"], (1, 5), ("'S-PER'", "BIOES", "'B-PER' as the last")),
            (["S-PER", "I-PER E-PER"], (1, 3), ("'S-PER'", "'I-PER' after no entity")),
            (["PER O", "B-LOC"], (1, 4), ("'PER'", "without a prefix", "'B-LOC'", "with a prefix")),
            (["I-PER o"], (1, 2), ("'I-PER'", "'o'")),
        ],
    )
    def test_contradictions_are_named_by_line(self, sentences, lines, words):
        with pytest.raises(ConfigurationError) as error:
            recognise(*sentences)
        message = str(error.value)
        assert "some.conll" in message and "`tag_scheme`" in message
        for line in lines:
            assert f"line {line} has" in message
        for word in words:
            assert word in message

    @pytest.mark.parametrize("sentence, tag", [("O X-PER", "X-PER"), ("O b-PER", "b-PER"), ("O B", "B")])
    def test_unknown_tags_are_named_by_line(self, sentence, tag):
        with pytest.raises(ConfigurationError, match=rf"some\.conll, line 2: the tag '{tag}'.*tag_scheme"):
            recognise(sentence)


class TestReading:
    @pytest.mark.parametrize(
        "tags, scheme, spans",
        [
            ("B-A M-A E-A W-A", "BIOES", [(0, 3, "A"), (3, 4, "A")]),
            ("B-A I-A L-A U-A U-A", "BILOU", [(0, 3, "A"), (3, 4, "A"), (4, 5, "A")]),
            ("I-A I-A O I-A I-B", "IO", [(0, 2, "A"), (3, 4, "A"), (4, 5, "B")]),
            ("A A O creative-work", "IO", [(0, 2, "A"), (3, 4, "creative-work")]),
            ("B-A B-A E-A O", "IO", [(0, 3, "A")]),
        ],
    )
    def test_reads(self, tags, scheme, spans):
        assert tags_to_spans(tags.split(), scheme) == [LabeledSpan(*span) for span in spans]

    @pytest.mark.parametrize("scheme, prefixes", [("IOB1", "BI"), ("IOB2", "BIES"), ("BIOES", "BIES")])
    def test_equals_seqeval_on_random_tags(self, scheme, prefixes):
        generator = random.Random(13)
        choices = ["O", "O"] + [f"{prefix}-{label}" for prefix in prefixes for label in ("A", "B-C", "D")]
        found = 0
        for _ in range(500):
            tags = generator.choices(choices, k=generator.randint(0, 15))
            assert tags_to_spans(tags, scheme) == seqeval_spans(tags)
            found += len(seqeval_spans(tags))
        assert found > 1000


@st.composite
def sentences(draw):
    """The length of a sentence, and entities in it that do not overlap."""
    pieces = draw(
        st.lists(
            st.tuples(st.integers(1, 4), st.sampled_from(["", "PER", "LOC", "creative-work"])), max_size=8
        )
    )
    spans, position = [], 0
    for length, label in pieces:
        if label:
            spans.append(LabeledSpan(position, position + length, label))
        position += length
    return position, spans


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
@given(sentence=sentences())
def test_round_trip(scheme, sentence):
    length, spans = sentence
    tags = spans_to_tags(reversed(spans), length, scheme)
    expected: List[LabeledSpan] = []
    for span in spans:
        # IO joins adjacent entities of a type.
        last = expected[-1] if expected and scheme == "IO" else LabeledSpan(0, 0, "")
        if (last.end, last.label) == (span.start, span.label):
            span = LabeledSpan(expected.pop().start, span.end, span.label)
        expected.append(span)
    assert tags_to_spans(tags, scheme) == expected
    assert faults(tags, scheme) == []
    found = recognise(" ".join(tags))
    assert found in (scheme, "IO", "IOB2")
    assert tags_to_spans(tags, found) == expected


def test_scheme_names():
    names = {"iob1": "IOB1", "BIO": "IOB2", "iobes": "BIOES", "BIOUL": "BILOU", "IO": "IO", "auto": "auto"}
    assert {name: check_scheme(name) for name in names} == names


# What is put in place of a tag, in two sentences that are made for it.
FAULTS: Dict[str, List[List[str]]] = {
    "IOB1": [["O", "B-MISC", "O"], ["O", "B-MISC", "I-MISC"]],
    "IOB2": [["O", "I-PER", "O"], ["O", "I-LOC", "I-LOC"]],
    "BIOES": [["O", "B-PER", "O"], ["I-LOC", "E-LOC", "O"]],
    "BILOU": [["O", "U-PER", "L-PER"], ["B-LOC", "I-LOC", "O"]],
    "IO": [["O", "B-PER", "O"], ["O", "I-LOC", "LOC"]],
}


def corpus(scheme: str, entities: int, types: str = "PER LOC MISC") -> List[List[str]]:
    """Sentences with entities of one to four words, some of one type side by side."""
    generator = random.Random(5)
    sentences = []
    for number in range(entities // 2):
        spans, at = [], 1
        for _ in range(2):
            length = generator.choice([1, 1, 2, 3, 4])
            spans.append(LabeledSpan(at, at + length, generator.choice(types.split())))
            at += length + (number % 20 != 0)
        tags = spans_to_tags(spans, at + 1, scheme)
        sentences.append([tag[2:] if scheme == "IO" and tag != "O" else tag for tag in tags])
    return sentences


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
def test_few_faults_do_not_hide_a_scheme(scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    sentences = corpus(scheme, 3000)
    sentences[100:100] = FAULTS[scheme]
    with caplog.at_level(logging.INFO):
        assert resolve_scheme(placed(sentences), "auto", "some.conll") == scheme
    assert f"recognised as {scheme}" in caplog.text
    lines = [found.place(i) for found in placed(sentences)[100:102] for i in range(len(found.tags))]
    [warning] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert f"tags break the rules of {scheme} and are read as conlleval reads them" in warning
    assert any(f"{line} has " in warning for line in lines)


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
def test_many_faults_do(scheme: str) -> None:
    sentences = corpus(scheme, 3000)
    sentences[100:100] = FAULTS[scheme] * 4
    with pytest.raises(ConfigurationError, match="some.conll: the tags contradict each other: line .*line "):
        resolve_scheme(placed(sentences), "auto", "some.conll")


def test_a_corpus_as_the_official_one() -> None:
    """23,254 entities open with I- after O, and two with B-."""
    sentences = [["I-MISC", "I-MISC", "O"], ["I-PER", "B-PER", "O"]] + [["O", "I-LOC"]] * 23252
    sentences[9000:9000] = [["O", "B-MISC", "O"], ["B-MISC", "I-MISC"]]
    assert resolve_scheme(placed(sentences), "auto", "eng.train") == "IOB1"


@pytest.mark.parametrize(("others", "wins"), [(9, False), (10, True)])
def test_nine_times_as_many_faults_are_not_ten(others: int, wins: bool) -> None:
    # Each sentence has one tag that is a fault in IOB2 alone; a change of type is none.
    sentences = [["O", "I-PER", "B-PER", *["I-LOC", "I-PER"] * 500]] * others
    sentences.append(["O", "B-PER", "O"])  # a fault in IOB1
    if wins:
        assert resolve_scheme(placed(sentences), "auto", "some.conll") == "IOB1"
    else:
        with pytest.raises(ConfigurationError, match="contradict"):
            resolve_scheme(placed(sentences), "auto", "some.conll")


@pytest.mark.parametrize("stray", ["o", "PRE"])
def test_a_misprint_becomes_no_type(stray: str) -> None:
    sentences = corpus("IOB2", 3000)
    sentences[100][0] = stray
    with pytest.raises(ConfigurationError, match=f"contradict.*'{stray}'"):
        resolve_scheme(placed(sentences), "auto", "some.conll")
    sentences[100][0] = "PER"  # a type whose prefix was forgotten
    assert resolve_scheme(placed(sentences), "auto", "some.conll") == "IOB2"
