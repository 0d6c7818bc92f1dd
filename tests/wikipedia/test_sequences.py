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
from luke_allennlp.wikipedia.sentences import RuleBasedSentenceSplitter
from luke_allennlp.wikipedia.sequences import RunningTextEncoder, SequenceBuilder, SequenceOptions
from tests.wikipedia.made_pages import page, resolve

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
# Each with transformers' own, of which one adds a space before the text.
TOKENIZERS = {
    name: (
        RunningTextEncoder(WordTokenizer(str(FIXTURES / name))),
        [kind.from_pretrained(str(FIXTURES / name), **options) for options in variants],
    )
    for name, kind, variants in (
        ("tiny-roberta", RobertaTokenizerFast, [{"add_prefix_space": prefix} for prefix in (False, True)]),
        ("tiny-luke", RobertaTokenizerFast, [{"add_prefix_space": prefix} for prefix in (False, True)]),
        ("tiny-bert", BertTokenizerFast, [{}, {}]),
    )
}
SPLITTER = RuleBasedSentenceSplitter()
IDS = {"[PAD]": 0, "[UNK]": 1, "[MASK]": 2, "Harbour": 3, "Quay": 4, "日本": 5, "Ash": 6}
VOCABULARY = EntityVocabulary(IDS)
REDIRECTS = {"Port": "Harbour", "Docks": "Port", "Wharf": "Nowhere"}


class Redirects:
    def resolve(self, title):
        return resolve(REDIRECTS, title)


def builder(options=SequenceOptions(), name="tiny-roberta", vocabulary=VOCABULARY, language="en"):
    return SequenceBuilder(TOKENIZERS[name][0], vocabulary, language, Redirects(), SPLITTER, options)


def reference(made, name, options):
    """The method of the specification (E.3), step by step."""
    most = options.max_length - 2

    def piece(text, start, end):
        part = text[start:end]
        prefix = start == 0 or part[:1].isspace() or text[start - 1].isspace()
        part = re.sub(r"\s+", " ", part).rstrip(" ")
        return TOKENIZERS[name][1][prefix].encode(part, add_special_tokens=False) if part else []

    sentences = []
    for paragraph in made.paragraphs:
        if options.abstract_only and paragraph.section != -1:
            continue
        text = paragraph.text
        links = []
        for link in paragraph.links:
            title = resolve(REDIRECTS, link.target)
            if title in IDS or options.include_unk_entities:
                links.append((IDS.get(title, IDS["[UNK]"]), link.start, link.end))
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
                kept = mentions[: options.max_entities]
                ends = [min(end, start + options.max_mention_length) - 1 for _, start, end in kept]
                entities, starts = [row[0] for row in kept], [row[1] for row in kept]
                sequences.append((IDS.get(made.title, -1), words, entities, starts, ends))
            words, mentions = [], []
    return sequences


WORDS = "The harbour (old) Brackwater's U.S. Dr. sold . ! 。 日本 مرحبا 😀 , ' - “ ” 12".split()
WORDS += [" ", " ", " ", "  ", "\u00a0", "\n", "\t", "\u200b", "e\u0301"]
# No page, and no target of a link, has the name of a special entity.
TARGETS = st.sampled_from("Harbour Port Docks Wharf Quay 日本 Missing Ash".split())


@st.composite
def paragraphs(draw):
    text, links = "", []
    for _ in range(draw(st.integers(0, 12))):
        surface = "".join(draw(st.lists(st.sampled_from(WORDS), max_size=4)))
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
    built = builder(options, name)
    rows = [(row.page_id, *(list(map(int, part)) for part in row[1:])) for row in built.sequences(made)]
    assert rows == reference(made, name, options)
    # Every link has become something.
    counts = built.counts
    fates = [key for key in counts if key.startswith("links_") and key != "links_shortened"]
    assert counts["links"] == sum(counts[key] for key in fates)


def test_what_is_no_text():
    quays = [page("X", "The [[Quay]] of the old town.", namespace=number) for number in (6, 14)]
    for made in (*quays, quays[0]._replace(namespace=0, redirect="Harbour")):
        assert list(builder().sequences(made)) == []


def test_languages():
    ids = {"[PAD]": 0, "[UNK]": 1, "[MASK]": 2, "en:Quay": 3, "ja:Quay": 4, "ja:岸壁": 3}
    vocabulary = EntityVocabulary(ids, multilingual=True)
    made = page("Quay", "The [[Quay]] and the [[岸壁]] are the same thing.")
    for language, page_id, entities in (("en", 3, [3]), ("ja", 4, [4, 3])):
        (row,) = builder(vocabulary=vocabulary, language=language).sequences(made)
        assert (row.page_id, row.entity_ids.tolist()) == (page_id, entities)


def test_errors():
    with pytest.raises(ConfigurationError, match=r"has no \[UNK\] and no \[MASK\]; expected a vocabulary of"):
        builder(vocabulary=EntityVocabulary({"[PAD]": 0, "Quay": 1}))
    for options, message in (
        (SequenceOptions(max_length=6), "--max-length is 6; expected 7"),
        (SequenceOptions(max_entities=0), "--max-entities is 0; expected 1 or more"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            options.check()
