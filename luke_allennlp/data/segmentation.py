"""Sentences and words of running text, as character offsets."""

import re
from typing import TYPE_CHECKING, List, Optional, Tuple

from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.common.text_lines import without_lone_surrogates
from luke_allennlp.data.punctuation import is_punctuation

if TYPE_CHECKING:
    from spacy.language import Language

INVISIBLE_SEPARATORS = "\u200b\u2060\ufeff"
"""Zero-width space, word joiner and byte order mark, which separate words as white space does."""

_SEPARATOR = re.compile(f"[{INVISIBLE_SEPARATORS}]")
_WORD = re.compile(rf"[^\s{INVISIBLE_SEPARATORS}]+")
_LONG_PUNCTUATION = re.compile(r"[^\w\s]{100,}")
# Soft hyphen, zero-width non-joiner and joiner, which occur within words and emoji.
_JOINERS = "\u00ad\u200c\u200d"
# These, the emoji variation selector and skin tones belong to the character before.
_CONTINUATION = re.compile(f"[{_JOINERS}\ufe0f\U0001f3fb-\U0001f3ff]")


def strip_span(text: str, start: int, end: int) -> Tuple[int, int]:
    """The span of characters without white space and invisible separators at its ends; possibly empty."""
    while start < end and not _WORD.match(text, start):
        start += 1
    while start < end and not _WORD.match(text, end - 1):
        end -= 1
    return start, end


class TextSegmenter(Registrable):
    """
    Splits a text into sentences and words. Every character that is neither white space nor an invisible
    separator (`INVISIBLE_SEPARATORS`) belongs to exactly one word, and no word contains any of these.
    """

    default_implementation = "spacy_rules"

    def segment(self, text: str) -> List[List[Tuple[int, int]]]:
        """Where each word of each sentence starts and ends (exclusive) in the text. No sentence is empty."""
        raise NotImplementedError


@TextSegmenter.register("spacy_rules")
class SpacyRulesSegmenter(TextSegmenter):
    """
    Registered as a `TextSegmenter` with name "spacy_rules".

    spaCy's tokenizer of a language and its sentence rules, which need no trained model and no download.

    # Parameters

    language : `str`, optional (default = `"en"`)
        spaCy's code of the language; `xx` stands for any.
    split_lines : `bool`, optional (default = `True`)
        Whether sentences end with their line. Otherwise they end at a blank line at the latest, which suits
        text that is wrapped to a width.
    """

    def __init__(self, language: str = "en", split_lines: bool = True) -> None:
        self._language = language
        self._split_lines = split_lines
        self._pipeline: "Optional[Language]" = None

    @overrides
    def segment(self, text: str) -> List[List[Tuple[int, int]]]:
        if self._pipeline is None:
            self._pipeline = _load_pipeline(self._language)
        # spaCy fails on lone surrogates, which JSON can represent, takes the invisible separators for
        # letters, and strips brackets one by one in quadratic time. The replacements have the same length.
        safe_text = _SEPARATOR.sub(" ", without_lone_surrogates(text))
        safe_text = _LONG_PUNCTUATION.sub(lambda match: "." * len(match.group()), safe_text)
        document = self._pipeline(safe_text)
        sentences: List[List[Tuple[int, int]]] = []
        breaks = 1 if self._split_lines else 2
        previous_end, is_new = 0, True
        for token in document:
            # The first token of a sentence may be white space, which is no word.
            is_new = is_new or bool(token.is_sent_start)
            # Some languages' rules keep white space inside a token.
            for match in _WORD.finditer(text, token.idx, token.idx + len(token)):
                start, end = match.span()
                if not is_new and start == previous_end and _is_joined(text, start):
                    start, _ = sentences[-1].pop()
                elif is_new or _line_breaks(text[previous_end:start]) >= breaks:
                    sentences.append([])
                sentences[-1].append((start, end))
                previous_end, is_new = end, False
        return sentences


@TextSegmenter.register("whitespace")
class WhitespaceSegmenter(TextSegmenter):
    """
    Registered as a `TextSegmenter` with name "whitespace".

    For text that is already split: words are separated by white space, sentences by line ends.
    """

    @overrides
    def segment(self, text: str) -> List[List[Tuple[int, int]]]:
        sentences: List[List[Tuple[int, int]]] = []
        previous_end = 0
        for match in _WORD.finditer(text):
            if not sentences or _line_breaks(text[previous_end : match.start()]):
                sentences.append([])
            sentences[-1].append(match.span())
            previous_end = match.end()
        return sentences


def _is_joined(text: str, at: int) -> bool:
    """Whether spaCy's rules, which do not know joiners, split a word here."""
    before, after = text[at - 1], text[at]
    if _CONTINUATION.match(after):
        return not is_punctuation(before)
    return before in _JOINERS and not is_punctuation(after)


def _line_breaks(white_space: str) -> int:
    return len((white_space + "x").splitlines()) - 1


def _load_pipeline(language: str) -> "Language":
    import spacy

    try:
        pipeline = spacy.blank(language)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"spaCy has no rules for the language {language!r} ({str(error).splitlines()[0]}): set the "
            f"segmenter's `language` to one it has, or to xx, or use the segmenter `whitespace`."
        ) from error
    pipeline.add_pipe("sentencizer")
    # spaCy's limit is there for its models' memory; rules need none.
    pipeline.max_length = 2**62
    return pipeline
