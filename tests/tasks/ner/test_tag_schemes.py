import random
from typing import List

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from luke_allennlp.tasks.ner.examples import LabeledSpan
from luke_allennlp.tasks.ner.scheme_recognition import TaggedSentence, recognise_scheme
from luke_allennlp.tasks.ner.tag_schemes import (
    TAG_SCHEMES,
    check_scheme,
    find_faults,
    spans_to_tags,
    split_tag,
    tag_problem,
    tags_to_spans,
)


def recognise(*sentences: str) -> str:
    """Lines are counted as in a file with a blank line after each sentence."""
    line, numbered = 0, []
    for sentence in sentences:
        tags = sentence.split()
        numbered.append(TaggedSentence(tags, lambda i, line=line: f"line {line + i + 1}"))
        line += len(tags) + 1
    return recognise_scheme(numbered, "some.conll")


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
        ],
    )
    def test_recognises(self, sentences, scheme):
        assert recognise(*sentences) == scheme

    def test_type_change_within_an_entity_does_not_hide_iob2(self):
        assert recognise("B-PER I-LOC O", "B-LOC") == "IOB2"
        assert [fault.position for fault in find_faults(["B-PER", "I-LOC", "O"], "IOB2")] == [1]

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
            ("I-A I-A B-A I-B O", "IOB1", [(0, 2, "A"), (2, 3, "A"), (3, 4, "B")]),
            ("B-A I-A B-A O B-B", "IOB2", [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]),
            ("B-A I-A E-A S-A S-A", "BIOES", [(0, 3, "A"), (3, 4, "A"), (4, 5, "A")]),
            ("B-A M-A E-A W-A", "BIOES", [(0, 3, "A"), (3, 4, "A")]),
            ("B-A I-A L-A U-A U-A", "BILOU", [(0, 3, "A"), (3, 4, "A"), (4, 5, "A")]),
            ("I-A I-A O I-A I-B", "IO", [(0, 2, "A"), (3, 4, "A"), (4, 5, "B")]),
            ("A A O creative-work", "IO", [(0, 2, "A"), (3, 4, "creative-work")]),
            ("B-A B-A E-A O", "IO", [(0, 3, "A")]),
            ("O I-A I-A", "IOB2", [(1, 3, "A")]),
            ("B-A O E-B B-B", "BIOES", [(0, 1, "A"), (2, 3, "B"), (3, 4, "B")]),
            ("", "IOB2", []),
        ],
    )
    def test_reads(self, tags, scheme, spans):
        assert tags_to_spans(tags.split(), scheme) == [LabeledSpan(*span) for span in spans]

    @pytest.mark.parametrize("scheme, prefixes", [("IOB1", "BI"), ("IOB2", "BIES"), ("BIOES", "BIES")])
    def test_equals_seqeval_on_random_tags(self, scheme, prefixes):
        generator = random.Random(13)
        choices = ["O", "O"] + [f"{prefix}-{label}" for prefix in prefixes for label in ("A", "B-C", "D")]
        found = 0
        for _ in range(2000):
            tags = generator.choices(choices, k=generator.randint(0, 15))
            assert tags_to_spans(tags, scheme) == seqeval_spans(tags)
            found += len(seqeval_spans(tags))
        assert found > 5000

    def test_faults(self):
        tags = ["I-A", "O", "B-A", "I-B", "E-B", "O"]
        assert [fault.position for fault in find_faults(tags, "IOB2")] == [0, 3, 4]
        assert [fault.position for fault in find_faults(tags, "IOB1")] == [2, 4]
        assert [fault.position for fault in find_faults(tags, "BIOES")] == [0, 0, 3]
        assert [fault.position for fault in find_faults(["O", "B-A"], "BILOU")] == [1]
        assert list(find_faults([], "BIOES")) == []


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


class TestWriting:
    @pytest.mark.parametrize("scheme", [scheme for scheme in TAG_SCHEMES if scheme != "IO"])
    @given(sentence=sentences())
    def test_round_trip(self, scheme, sentence):
        length, spans = sentence
        tags = spans_to_tags(reversed(spans), length, scheme)
        assert len(tags) == length
        assert tags_to_spans(tags, scheme) == spans
        assert list(find_faults(tags, scheme)) == []
        # seqeval knows no L and U in its default mode.
        assert scheme == "BILOU" or seqeval_spans(tags) == spans

    @given(sentence=sentences())
    def test_round_trip_of_io_joins_adjacent_entities_of_a_type(self, sentence):
        length, spans = sentence
        joined: List[LabeledSpan] = []
        for span in spans:
            if joined and joined[-1].end == span.start and joined[-1].label == span.label:
                span = LabeledSpan(joined.pop().start, span.end, span.label)
            joined.append(span)
        tags = spans_to_tags(spans, length, "IO")
        assert tags_to_spans(tags, "IO") == joined
        assert list(find_faults(tags, "IO")) == []

    @given(examples=st.lists(sentences(), min_size=1), scheme=st.sampled_from(TAG_SCHEMES))
    def test_what_is_written_is_recognised_or_reads_the_same(self, examples, scheme):
        tags = [spans_to_tags(spans, length, scheme) for length, spans in examples]
        found = recognise(*map(" ".join, tags))
        assert found in (scheme, "IO", "IOB2")
        assert [tags_to_spans(t, found) for t in tags] == [tags_to_spans(t, scheme) for t in tags]

    @pytest.mark.parametrize(
        "spans", [[(0, 2, "A"), (1, 3, "A")], [(2, 2, "A")], [(3, 5, "A")], [(-1, 2, "A")]]
    )
    def test_refuses_what_tags_cannot_say(self, spans):
        with pytest.raises(ValueError):
            spans_to_tags([LabeledSpan(*span) for span in spans], 4, "IOB2")


@pytest.mark.parametrize(
    "name, scheme", [("iob1", "IOB1"), ("BIO", "IOB2"), ("iobes", "BIOES"), ("BIOUL", "BILOU"), ("IO", "IO")]
)
def test_scheme_names(name, scheme):
    assert check_scheme(name) == scheme


def test_unknown_scheme():
    assert check_scheme("auto", allow_auto=True) == "auto"
    with pytest.raises(ConfigurationError, match="tag_scheme 'auto'.*IOB1, IOB2"):
        check_scheme("auto")
    with pytest.raises(ConfigurationError, match="tag_scheme 'iob3'.*auto"):
        check_scheme("iob3", allow_auto=True)


def test_tags():
    assert split_tag("B-creative-work") == ("B", "creative-work")
    assert split_tag("creative-work") == ("", "creative-work")
    assert tag_problem("") and tag_problem("B-") and not tag_problem("O") and not tag_problem("B-A")
