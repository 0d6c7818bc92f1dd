"""Schemes by the weight of evidence: published files have faults."""

import logging
import random
from typing import Dict, List

import pytest
from allennlp.common.checks import ConfigurationError
from seqeval.metrics.sequence_labeling import get_entities

from luke_allennlp.tasks.ner.examples import LabeledSpan
from luke_allennlp.tasks.ner.scheme_recognition import TaggedSentence, recognise_scheme, resolve_scheme
from luke_allennlp.tasks.ner.tag_schemes import TAG_SCHEMES, spans_to_tags, tags_to_spans

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


def placed(sentences: List[List[str]]) -> List[TaggedSentence]:
    line, result = 0, []
    for tags in sentences:
        result.append(TaggedSentence(tags, lambda i, line=line: f"line {line + i + 1}"))
        line += len(tags) + 1
    return result


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
def test_few_faults_do_not_hide_a_scheme(scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    sentences = corpus(scheme, 3000)
    sentences[100:100] = FAULTS[scheme]
    with caplog.at_level(logging.INFO):
        assert resolve_scheme(placed(sentences), "auto", "some.conll") == scheme
    assert f"recognised as {scheme}" in caplog.text
    lines = [place(i) for tags, place in placed(sentences)[100:102] for i in range(len(tags))]
    [warning] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert f"tags break the rules of {scheme} and are read as conlleval reads them" in warning
    assert any(f"{line} has " in warning for line in lines)
    # conlleval's reading, as seqeval has it.
    if scheme in ("IOB1", "IOB2", "BIOES"):
        for tags in FAULTS[scheme]:
            expected = [(label, start, last + 1) for label, start, last in get_entities(tags)]
            assert [(s.label, s.start, s.end) for s in tags_to_spans(tags, scheme)] == expected


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
def test_many_faults_do(scheme: str) -> None:
    sentences = corpus(scheme, 3000)
    sentences[100:100] = FAULTS[scheme] * 4
    with pytest.raises(ConfigurationError, match="some.conll: the tags contradict each other: line .*line "):
        recognise_scheme(placed(sentences), "some.conll")


def test_a_corpus_as_the_official_one(caplog: pytest.LogCaptureFixture) -> None:
    """23,254 entities open with I- after O, and two with B-."""
    sentences = [["I-MISC", "I-MISC", "O"], ["I-PER", "B-PER", "O"]] + [["O", "I-LOC"]] * 23252
    sentences[9000:9000] = [["O", "B-MISC", "O"], ["B-MISC", "I-MISC"]]
    assert resolve_scheme(placed(sentences), "auto", "eng.train") == "IOB1"
    assert "eng.train: 2 tags break the rules of IOB1" in caplog.text
    assert tags_to_spans(["O", "B-MISC", "O"], "IOB1") == [(1, 2, "MISC")]


@pytest.mark.parametrize(("others", "wins"), [(9, False), (10, True)])
def test_nine_times_as_many_faults_are_not_ten(others: int, wins: bool) -> None:
    # Each sentence has one tag that is a fault in IOB2 alone; a change of type is none.
    sentences = [["O", "I-PER", "B-PER", *["I-LOC", "I-PER"] * 500]] * others
    sentences.append(["O", "B-PER", "O"])  # a fault in IOB1
    if wins:
        assert recognise_scheme(placed(sentences), "some.conll") == "IOB1"
    else:
        with pytest.raises(ConfigurationError, match="contradict"):
            recognise_scheme(placed(sentences), "some.conll")


@pytest.mark.parametrize("stray", ["o", "PRE"])
def test_a_misprint_becomes_no_type(stray: str) -> None:
    sentences = corpus("IOB2", 3000)
    sentences[100][0] = stray
    with pytest.raises(ConfigurationError, match=f"contradict.*'{stray}'"):
        recognise_scheme(placed(sentences), "some.conll")
    sentences[100][0] = "PER"  # a type whose prefix was forgotten
    assert recognise_scheme(placed(sentences), "some.conll") == "IOB2"
