import re
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertTokenizerFast, RobertaTokenizerFast

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.wikipedia.pages import Page, PageLink, Paragraph
from luke_allennlp.wikipedia.running_text import RunningTextEncoder
from luke_allennlp.wikipedia.sentences import RuleBasedSentenceSplitter
from luke_allennlp.wikipedia.sequences import SequenceBuilder, SequenceOptions
from tests.wikipedia.made_pages import page, paragraph

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
TOKENIZERS = {
    name: (
        RunningTextEncoder(WordTokenizer(str(FIXTURES / name))),
        {
            prefix: kind.from_pretrained(str(FIXTURES / name), **options)
            for prefix, options in variants.items()
        },
    )
    for name, kind, variants in (
        ("tiny-roberta", RobertaTokenizerFast, {p: {"add_prefix_space": p} for p in (True, False)}),
        ("tiny-luke", RobertaTokenizerFast, {p: {"add_prefix_space": p} for p in (True, False)}),
        ("tiny-bert", BertTokenizerFast, {True: {}, False: {}}),
    )
}
SPLITTER = RuleBasedSentenceSplitter()
IDS = {"[PAD]": 0, "[UNK]": 1, "[MASK]": 2, "Harbour": 3, "Quay": 4, "日本": 5, "Ash": 6}
VOCABULARY = EntityVocabulary(IDS)
REDIRECTS = {"Port": "Harbour", "Docks": "Port", "Wharf": "Nowhere"}


class Redirects:
    def resolve(self, title):
        while title in REDIRECTS:
            title = REDIRECTS[title]
        return title


def builder(options=None, name="tiny-roberta", vocabulary=VOCABULARY, language="en"):
    encoder = TOKENIZERS[name][0]
    return SequenceBuilder(encoder, vocabulary, language, Redirects(), SPLITTER, options or SequenceOptions())


def plain(rows):
    return [(row.page_id, *(list(map(int, part)) for part in row[1:])) for row in rows]


def reference(made, name, options):
    """The method of the specification (E.3), step by step."""
    most = options.max_length - 2

    def tokenize(text, prefix):
        text = re.sub(r"\s+", " ", text).rstrip(" ")
        return TOKENIZERS[name][1][prefix].encode(text, add_special_tokens=False) if text else []

    def piece(text, start, end):
        part = text[start:end]
        return tokenize(part, start == 0 or part[:1].isspace() or text[start - 1].isspace())

    sentences = []
    for paragraph_ in made.paragraphs:
        if options.abstract_only and paragraph_.section != -1:
            continue
        text = paragraph_.text
        links = []
        for link in paragraph_.links:
            title = Redirects().resolve(link.target)
            if title in IDS:
                links.append((IDS[title], link.start, link.end))
            elif options.include_unk_entities:
                links.append((IDS["[UNK]"], link.start, link.end))
        for start, end in SPLITTER.spans(text):
            words, mentions, position = [], [], start
            for entity, link_start, link_end in links:
                if not (start <= link_start < end and link_end <= end):
                    continue
                words += piece(text, position, link_start)
                linked = piece(text, link_start, link_end)
                if linked:
                    mentions.append((entity, len(words), len(words) + len(linked)))
                words += linked
                position = link_end
            words += piece(text, position, end)
            if options.min_sentence_length <= len(words) <= most:
                sentences.append((words, mentions))
    sequences, words, mentions = [], [], []
    for number, (sentence, linked) in enumerate(sentences):
        mentions += [(entity, start + len(words), end + len(words)) for entity, start, end in linked]
        words = words + sentence
        if number + 1 == len(sentences) or len(words) + len(sentences[number + 1][0]) > most:
            if mentions or options.include_sentences_without_entities:
                positions = [
                    (entity, list(range(start, end))[: options.max_mention_length])
                    for entity, start, end in mentions[: options.max_entities]
                ]
                sequences.append(
                    (
                        IDS.get(made.title, -1),
                        words,
                        [entity for entity, _ in positions],
                        [where[0] for _, where in positions],
                        [where[-1] for _, where in positions],
                    )
                )
            words, mentions = [], []
    return sequences


WORDS = st.sampled_from(
    [
        *"The harbour (old) Brackwater's U.S. Dr. sold . ! 。 日本 مرحبا 😀 , ' - “ ” 12".split(),
        *(" ", " ", " ", "  ", "\u00a0", "\n", "\t", "\u200b", "e\u0301"),
    ]
)
TARGETS = st.sampled_from(["Harbour", "Port", "Docks", "Wharf", "Quay", "日本", "Missing", "[UNK]", "Ash"])


@st.composite
def paragraphs(draw):
    text, links = "", []
    for _ in range(draw(st.integers(0, 12))):
        surface = "".join(draw(st.lists(WORDS, max_size=4)))
        if draw(st.integers(0, 2)) == 0:
            links.append(PageLink(draw(TARGETS), surface, len(text), len(text) + len(surface)))
        text += surface
    return Paragraph(text, links, draw(st.sampled_from([-1, -1, 0, 1])))


PAGES = st.builds(
    lambda title, parts: Page(1, 0, title, None, False, [], parts),
    st.sampled_from(["Harbour", "Other"]),
    st.lists(paragraphs(), max_size=5),
)
OPTIONS = st.builds(
    SequenceOptions,
    max_length=st.sampled_from([10, 14, 30, 512]),
    max_entities=st.sampled_from([1, 3, 128]),
    max_mention_length=st.sampled_from([1, 2, 30]),
    min_sentence_length=st.sampled_from([1, 3, 5]),
    include_sentences_without_entities=st.booleans(),
    include_unk_entities=st.booleans(),
    abstract_only=st.booleans(),
)


@given(made=PAGES, options=OPTIONS, name=st.sampled_from(sorted(TOKENIZERS)))
@settings(max_examples=100, deadline=None)
def test_sequences_are_those_of_the_specification(made, options, name):
    # A page's title is never one of a special entity, nor is a link's target.
    made = made._replace(
        paragraphs=[
            part._replace(links=[link for link in part.links if link.target != "[UNK]"])
            for part in made.paragraphs
        ]
    )
    built = builder(options, name)
    assert plain(built.sequences(made)) == reference(made, name, options)
    # Every link has become something.
    counts = built.counts
    fates = [key for key in counts if key.startswith("links_") and key != "links_shortened"]
    assert counts["links"] == sum(counts[key] for key in fates)
    assert counts["sentences"] >= counts["sentences_too_short"] + counts["sentences_too_long"]


def test_a_page():
    made = page(
        "Harbour",
        "The old [[Quay]] of the [[Port|harbour]] was sold to [[Nowhere]] in 1704. No. It was [[日本]]n.",
        "So.",
        "The second paragraph has [[Docks|docks]] and no [[Category:Docks]].",
    )
    built = builder(SequenceOptions(include_unk_entities=True))
    (row,) = built.sequences(made)
    decode = TOKENIZERS["tiny-roberta"][1][True].decode
    assert row.page_id == 3
    assert decode(row.word_ids.tolist()) == (
        " The old Quay of the harbour was sold to Nowhere in 1704. It was 日本n."
        " The second paragraph has docks and no Category:Docks."
    )
    mentions = [
        decode(row.word_ids[s : e + 1].tolist())
        for s, e in zip(row.entity_starts, row.entity_ends, strict=True)
    ]
    assert mentions == [" Quay", " harbour", " Nowhere", " 日本", " docks", " Category:Docks"]
    assert row.entity_ids.tolist() == [4, 3, 1, 5, 3, 1]
    assert {key: value for key, value in built.counts.items() if value} == {
        "pages": 1,
        "paragraphs": 3,
        "sentences": 5,
        "sentences_too_short": 2,
        "links": 6,
        "links_kept": 4,
        "links_kept_as_unk": 2,
        "sequences": 1,
        "words": len(row.word_ids),
    }


def test_what_is_no_text():
    for made in (
        page("File:Quay.png", "The [[Quay]] on a picture.", namespace=6),
        page("Category:Quays", "The [[Quay]] of a category.", namespace=14),
        Page(1, 0, "Port", "Harbour", False, [], []),
        page("Empty"),
        page("Without links", "There is no link in this sentence."),
    ):
        assert list(builder().sequences(made)) == []


def test_languages():
    vocabulary = EntityVocabulary(
        {"[PAD]": 0, "[UNK]": 1, "[MASK]": 2, "en:Quay": 3, "ja:Quay": 4, "ja:岸壁": 3}, multilingual=True
    )
    made = Page(
        1, 0, "Quay", None, False, [], [paragraph("The [[Quay]] and the [[岸壁]] are the same thing.")]
    )
    for language, page_id, entities in (("en", 3, [3]), ("ja", 4, [4, 3])):
        (row,) = builder(vocabulary=vocabulary, language=language).sequences(made)
        assert (row.page_id, row.entity_ids.tolist()) == (page_id, entities)


def test_errors():
    with pytest.raises(ConfigurationError, match=r"has no \[UNK\] and no \[MASK\]; expected a vocabulary of"):
        builder(vocabulary=EntityVocabulary({"[PAD]": 0, "Quay": 1}))
    for name, value, message in (
        ("max_length", 6, "--max-length is 6; expected 7"),
        ("max_length", 1 << 17, "--max-length is 131072"),
        ("max_entities", 0, "--max-entities is 0; expected 1 or more"),
        ("max_mention_length", 0, "--max-mention-length is 0"),
        ("min_sentence_length", 0, "--min-sentence-length is 0"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            SequenceOptions(**{name: value}).check()
    SequenceOptions().check()
