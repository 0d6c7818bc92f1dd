"""From pages to sequences of tokens with the entities that are linked to in them."""

import re
from collections import Counter
from functools import lru_cache
from typing import Dict, Iterator, List, NamedTuple, Protocol, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.entity_vocabulary import MASK, PAD, UNK, EntityVocabulary, is_special
from luke_allennlp.pretraining.dataset import TokenSequence
from luke_allennlp.wikipedia.pages import Page, Paragraph
from luke_allennlp.wikipedia.sentences import SentenceSplitter

# Namespaces of files and categories, as in every wiki.
_NOT_TEXT = (6, 14)
_CACHED_TITLES = 1_000_000
_SPECIAL_TOKENS = 2  # the start and the end of a sequence
_LONGEST = 1 << 16
# Words beyond this length hardly come again: those of scripts that have no spaces are whole sentences.
_LONGEST_CACHED = 40
_CACHED_WORDS = 500_000
_BRACKET = re.compile(r"(?<=[<\[])")

# What is counted.
COUNTS = (
    *("redirects", "files_and_categories", "pages", "pages_with_sequences", "pages_held_out"),
    *("paragraphs", "paragraphs_after_abstract", "sentences", "sentences_too_short", "sentences_too_long"),
    *("words_in_long_sentences", "links", "links_not_in_vocabulary", "links_across_sentences"),
    *("links_without_words", "links_in_short_sentences", "links_in_long_sentences"),
    *("links_beyond_max_entities", "links_shortened", "links_kept", "links_kept_as_unk"),
    *("sequences", "words", "sequences_without_entities_dropped", "words_without_entities_dropped"),
)

# An entity, and its first and last token, inclusive.
Mention = Tuple[int, int, int]


class SequenceOptions(NamedTuple):
    """
    How sequences are made: the most tokens of a sequence, with the start and the end token; the most entities
    of a sequence (those beyond are dropped); the most tokens of a mention (those beyond are not part of it);
    the fewest tokens of a sentence (shorter ones are dropped); whether sequences without entities are kept;
    whether links to what is not in the entity vocabulary are `[UNK]` entities, as the published LUKE was
    trained; whether to take only what comes before a page's first heading.
    """

    max_length: int = 512
    max_entities: int = 128
    max_mention_length: int = 30
    min_sentence_length: int = 5
    include_sentences_without_entities: bool = False
    include_unk_entities: bool = False
    abstract_only: bool = False

    def check(self) -> None:
        """Raises a `ConfigurationError` if a number is out of range."""
        for name in ("max_entities", "max_mention_length", "min_sentence_length"):
            value = getattr(self, name)
            if value < 1:
                raise ConfigurationError(f"--{name.replace('_', '-')} is {value}; expected 1 or more.")
        least = self.min_sentence_length + _SPECIAL_TOKENS
        if not least <= self.max_length <= _LONGEST:
            raise ConfigurationError(
                f"--max-length is {self.max_length}; expected {least} (the shortest sentence and two special "
                f"tokens) to {_LONGEST}."
            )


class RunningTextEncoder:
    """
    Tokenises pieces of text as the tokenizer does, but several times as fast: each word (between white space)
    is tokenised once. The tokens of RoBERTa, XLM-R and BERT never reach across white space.

    What looks like a special token, as `<mask>` in an article about language models, is text like any other.
    """

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self.tokenizer = tokenizer
        self._specials = {tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id, tokenizer.mask_id}
        self._after_space: Dict[str, List[int]] = {}
        self._joined: Dict[str, List[int]] = {}

    def extend(self, ids: List[int], text: str, start: int, end: int) -> None:
        """
        Appends the tokens of a piece of a paragraph, from character `start` to `end`. The first one
        follows a space if the piece begins with or follows white space, or begins the paragraph.
        """
        words = text[start:end].split()
        if not words:
            return
        known = self._after_space
        if start != 0 and not text[start].isspace() and not text[start - 1].isspace():
            joined = self._joined.get(words[0])
            ids += self._encode(words[0], False) if joined is None else joined
            del words[0]
        for word in words:
            found = known.get(word)
            ids += self._encode(word, True) if found is None else found

    def _encode(self, word: str, follows_space: bool) -> List[int]:
        ids = self.tokenizer.encode(word, follows_space).ids
        if not self._specials.isdisjoint(ids):
            parts = _BRACKET.split(word)
            ids = []
            for part in parts:
                ids += self.tokenizer.encode(part, follows_space and part is parts[0]).ids
        cache = self._after_space if follows_space else self._joined
        if len(word) <= _LONGEST_CACHED:
            if len(cache) >= _CACHED_WORDS:
                cache.clear()
            cache[word] = ids
        return ids


class TitleResolver(Protocol):
    """Follows redirects."""

    def resolve(self, title: str) -> str: ...


class SequenceBuilder:
    """Makes sequences of pages: the sentences of a page, packed. It counts what it keeps and drops."""

    def __init__(
        self,
        encoder: RunningTextEncoder,
        vocabulary: EntityVocabulary,
        language: str,
        redirects: TitleResolver,
        splitter: SentenceSplitter,
        options: SequenceOptions,
    ) -> None:
        check_special_entities(vocabulary)
        self._encoder, self._splitter, self._options = encoder, splitter, options
        self._vocabulary, self._language, self._redirects = vocabulary, language, redirects
        self._most_tokens = options.max_length - _SPECIAL_TOKENS
        self._unknown = vocabulary[UNK] if options.include_unk_entities else -1
        self._cached_entity = lru_cache(_CACHED_TITLES)(self._entity)
        self.counts: "Counter[str]" = Counter(dict.fromkeys(COUNTS, 0))

    def sequences(self, page: Page) -> Iterator[TokenSequence]:
        """The sequences of a page; none of a redirect, a file or a category."""
        if page.redirect is not None or page.namespace in _NOT_TEXT:
            self.counts["redirects" if page.redirect is not None else "files_and_categories"] += 1
            return
        self.counts["pages"] += 1
        page_id = self._lookup(page.title)
        tokens: List[int] = []
        mentions: List[Mention] = []
        for paragraph in page.paragraphs:
            if self._options.abstract_only and paragraph.section >= 0:
                self.counts["paragraphs_after_abstract"] += 1
                continue
            self.counts["paragraphs"] += 1
            for sentence, its_mentions in self._sentences(paragraph):
                if len(tokens) + len(sentence) > self._most_tokens:
                    yield from self._finish(page_id, tokens, mentions)
                    tokens, mentions = [], []
                shift = len(tokens)
                mentions += [(entity, start + shift, end + shift) for entity, start, end in its_mentions]
                tokens += sentence
        if tokens:
            yield from self._finish(page_id, tokens, mentions)

    def _sentences(self, paragraph: Paragraph) -> Iterator[Tuple[List[int], List[Mention]]]:
        """Tokens and mentions of those sentences that are neither too short nor too long."""
        text, counts = paragraph.text, self.counts
        links = [(self._cached_entity(link.target), link.start, link.end) for link in paragraph.links]
        links = [link for link in links if link[0] >= 0]
        counts["links"] += len(paragraph.links)
        counts["links_not_in_vocabulary"] += len(paragraph.links) - len(links)
        number = 0
        for start, end in self._splitter.spans(text):
            counts["sentences"] += 1
            tokens: List[int] = []
            mentions: List[Mention] = []
            position = start
            while number < len(links) and links[number][1] < end:
                entity, link_start, link_end = links[number]
                number += 1
                # One that began in the sentence before is dropped as well.
                if link_start < start or link_end > end:
                    counts["links_across_sentences"] += 1
                    continue
                self._encoder.extend(tokens, text, position, link_start)
                first = len(tokens)
                self._encoder.extend(tokens, text, link_start, link_end)
                position = link_end
                if first == len(tokens):
                    counts["links_without_words"] += 1
                    continue
                mentions.append((entity, first, len(tokens) - 1))
            self._encoder.extend(tokens, text, position, end)
            if len(tokens) < self._options.min_sentence_length:
                counts["sentences_too_short"] += 1
                counts["links_in_short_sentences"] += len(mentions)
            elif len(tokens) > self._most_tokens:
                counts["sentences_too_long"] += 1
                counts["words_in_long_sentences"] += len(tokens)
                counts["links_in_long_sentences"] += len(mentions)
            else:
                yield tokens, mentions
        counts["links_without_words"] += len(links) - number  # empty ones at the very end

    def _finish(self, page_id: int, tokens: List[int], mentions: List[Mention]) -> Iterator[TokenSequence]:
        options, counts = self._options, self.counts
        if not mentions and not options.include_sentences_without_entities:
            counts["sequences_without_entities_dropped"] += 1
            counts["words_without_entities_dropped"] += len(tokens)
            return
        kept = mentions[: options.max_entities]
        counts["links_beyond_max_entities"] += len(mentions) - len(kept)
        longest = options.max_mention_length - 1
        # Shape: (entities, 3)
        columns = np.array(kept, dtype=np.int64).reshape(-1, 3)
        ends = np.minimum(columns[:, 2], columns[:, 1] + longest)
        counts["links_shortened"] += int((ends < columns[:, 2]).sum())
        unknown = int((columns[:, 0] == self._unknown).sum())
        counts["links_kept"] += len(kept) - unknown
        counts["links_kept_as_unk"] += unknown
        counts["sequences"] += 1
        counts["words"] += len(tokens)
        yield TokenSequence(
            page_id,
            np.array(tokens, dtype=np.uint32),
            columns[:, 0].astype(np.uint32),
            columns[:, 1].astype(np.uint16),
            ends.astype(np.uint16),
        )

    def _entity(self, target: str) -> int:
        """The id of what a link leads to; -1 if the link is dropped."""
        found = self._lookup(self._redirects.resolve(target))
        return self._unknown if found < 0 else found

    def _lookup(self, title: str) -> int:
        # No page has the name of a special entity.
        found = None if is_special(title) else self._vocabulary.get(title, self._language)
        return -1 if found is None else found


def check_special_entities(vocabulary: EntityVocabulary) -> None:
    """Raises a `ConfigurationError` if the vocabulary lacks one that pretraining needs."""
    missing = [name for name in (PAD, UNK, MASK) if name not in vocabulary.specials]
    if missing:
        raise ConfigurationError(
            f"{vocabulary.source}: has no {' and no '.join(missing)}; expected a vocabulary of "
            "`allennlp wikipedia-entity-vocab` or of a checkpoint of LUKE."
        )
