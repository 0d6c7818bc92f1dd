"""Where the sentences of a paragraph begin and end."""

import re
from bisect import bisect_right
from typing import Dict, List, Optional, Tuple

from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.wikipedia.languages import (
    ABBREVIATIONS,
    ABBREVIATIONS_BEFORE_NUMBER,
    LANGUAGES_WITH_ORDINALS,
)

Span = Tuple[int, int]

# Characters of Unicode's property Sentence_Terminal that end a sentence whether space follows or not.
_ALONE = (
    "。｡！？︒︕︖﹖﹗"  # Chinese and Japanese
    "।॥෴᱾᱿꯫"  # scripts of India and Sri Lanka
    "؟۔܀܁܂߹"  # Arabic, Urdu, Syriac, N'Ko
    "։\u037e"  # Armenian, Greek's question mark
    "።፧፨"  # Ethiopic
    "။។៕᠃᠉᭚᭛᭞᭟꧉"  # Burmese, Khmer, Mongolian, Balinese, Javanese
    "‼‽⁇⁈⁉⸮"
)
# Those that do only before space.
_BEFORE_SPACE = ".!?…．﹒"
_CLOSING = "\"'”’»›«‹“)]}」』】）］｝〉》〕〗"
_OPENING = "\"'“‘«‹»›„‚([{「『【（［｛〈《〔〖¿¡—–-"
# What stands in brackets is part of the sentence around it. Unmatched brackets and long ones are none.
_BRACKETED = re.compile(
    r"\([^()]{1,300}\)|（[^（）]{1,300}）|\[[^\[\]]{1,300}\]|「[^「」]{1,300}」|『[^『』]{1,300}』"
)
_ROMAN = re.compile("[IVXLC]+")


class SentenceSplitter(Registrable):
    """Splits paragraphs, of the language with this code, into sentences."""

    default_implementation = "rule_based"

    def __init__(self, language: str = "en") -> None:
        self.language = language

    @property
    def versions(self) -> Dict[str, str]:
        """Of other packages that its boundaries depend on."""
        return {}

    def spans(self, text: str) -> List[Span]:
        """
        Where each sentence of a paragraph begins and ends, in characters, `end` exclusive. Each begins where
        the one before ends: the white space between two belongs to the first.
        """
        raise NotImplementedError


@SentenceSplitter.register("rule_based")
class RuleBasedSentenceSplitter(SentenceSplitter):
    """
    Registered as a `SentenceSplitter` with name "rule_based".

    Splits by rules for all languages at once, without a model: after what ends sentences in the scripts of
    Unicode, but not after abbreviations, initials, ordinals and enumerations, before small letters, and
    inside of brackets. Where it cannot tell, two sentences stay together, which costs less than one that is
    torn: a link across the rupture is lost.

    # Parameters

    language : `str`, optional (default = `"en"`)
        It tells whether "3." is an ordinal.
    """

    def __init__(self, language: str = "en") -> None:
        super().__init__(language)
        language = re.split("[-_]", language)[0]
        self._has_ordinals = language in LANGUAGES_WITH_ORDINALS
        # Greek mostly writes a semicolon, and not the question mark that Unicode has for it.
        terminals = _ALONE + _BEFORE_SPACE + (";" if language in ("el", "grc", "pnt") else "")
        # French has space before the mark that ends a quotation.
        closing = f"[{re.escape(_CLOSING)}]*(?:\\s»(?=\\s|$))?"
        self._candidates = re.compile(f"([{re.escape(terminals)}]+)({closing})|[\\n\\u2029]\\s*")

    @overrides
    def spans(self, text: str) -> List[Span]:
        bounds = [0]
        brackets: Optional[List[Span]] = None
        for match in self._candidates.finditer(text):
            end = match.end()
            if end == len(text):
                break
            if match[1] is not None:
                if not self._ends_sentence(text, match, bounds[-1]):
                    continue
                if brackets is None:
                    brackets = [found.span() for found in _BRACKETED.finditer(text)]
                if _is_inside(brackets, end):
                    continue
                end = _after_space(text, end)
            if bounds[-1] < end < len(text):
                bounds.append(end)
        bounds.append(len(text))
        return list(zip(bounds, bounds[1:], strict=False)) if text else []

    def _ends_sentence(self, text: str, match: "re.Match[str]", start: int) -> bool:
        terminal, closing, end = match[1], match[2], match.end()
        before_space = text[end].isspace()
        if any(character in _ALONE for character in terminal):
            # 「はい。」と言った。 The sentence continues after the quotation.
            return before_space or not closing or text[end] in _OPENING
        if not before_space:
            return False
        following = _after_space(text, end)
        while following < len(text) and text[following] in _OPENING:
            following = _after_space(text, following + 1)
        next_character = text[following] if following < len(text) else ""
        if next_character.islower():
            return False
        if terminal not in (".", "．") or closing:
            return True
        word = _word_before(text, match.start())
        word_start = match.start() - len(word)
        word = word.lstrip(_OPENING)
        if word.isdecimal():
            is_first = not text[start:word_start].strip()
            is_ordinal = self._has_ordinals and len(word) <= 2 and next_character.isalpha()
            return not (is_first or is_ordinal)
        if self._has_ordinals and _ROMAN.fullmatch(word):
            return False
        return not _is_abbreviation(word, next_character)


@SentenceSplitter.register("icu")
class IcuSentenceSplitter(SentenceSplitter):
    """
    Registered as a `SentenceSplitter` with name "icu".

    Splits by the rules of Unicode's annex 29, as ICU has them for each language. It needs PyICU.

    # Parameters

    language : `str`, optional (default = `"en"`)
    """

    def __init__(self, language: str = "en") -> None:
        super().__init__(language)
        try:
            import icu
        except ImportError as error:
            raise ConfigurationError(
                f'The sentence splitter "icu" needs PyICU, which cannot be imported ({error}); install it '
                "with `pip install PyICU` (it needs ICU's own library, as of `apt install libicu-dev`), or "
                'take "rule_based".'
            ) from None
        self._iterator = icu.BreakIterator.createSentenceInstance(icu.Locale(language))
        self._versions = {"PyICU": icu.VERSION, "ICU": icu.ICU_VERSION}

    @property
    @overrides
    def versions(self) -> Dict[str, str]:
        return self._versions

    @overrides
    def spans(self, text: str) -> List[Span]:
        self._iterator.setText(text)
        bounds = [0, *self._iterator]
        if not text.isascii() and max(text) > "\uffff":
            # ICU counts UTF-16's units, of which some characters have two.
            characters = [0]
            for number, character in enumerate(text):
                characters += [number + 1] * (2 if character > "\uffff" else 1)
            bounds = [characters[bound] for bound in bounds]
        return list(zip(bounds, bounds[1:], strict=False))


def _is_inside(spans: List[Span], position: int) -> bool:
    number = bisect_right(spans, position - 1, key=lambda span: span[0]) - 1
    return number >= 0 and position < spans[number][1]


def _after_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _word_before(text: str, end: int) -> str:
    start = end
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    return text[start:end]


def _is_abbreviation(word: str, next_character: str) -> bool:
    if len(word) == 1 and word.isalpha():
        return True  # an initial
    lowered = word.lower()
    if lowered in ABBREVIATIONS or next_character.isdigit() and lowered in ABBREVIATIONS_BEFORE_NUMBER:
        return True
    parts = word.replace("-", "").split(".")
    # "U.S.", "z.B.", "Ph.D.", "J.-P."
    return len(parts) > 1 and all(part.isalpha() and len(part) <= 2 for part in parts)
