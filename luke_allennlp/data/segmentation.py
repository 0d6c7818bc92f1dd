"""Sentences and words of running text, as character offsets."""

import re
from typing import TYPE_CHECKING, List, Optional, Tuple

from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.data.text_lines import without_lone_surrogates

if TYPE_CHECKING:
    from spacy.language import Language

_NO_SPACE = re.compile(r"\S+")
_LONG_PUNCTUATION = re.compile(r"[^\w\s]{100,}")


class TextSegmenter(Registrable):
    """
    Divides a text into sentences and words. Every character that is not white space belongs to exactly one
    word, and no word holds white space.
    """

    default_implementation = "spacy_rules"

    def segment(self, text: str) -> List[List[Tuple[int, int]]]:
        """
        # Parameters

        text : `str`

        # Returns

        `List[List[Tuple[int, int]]]`
            For each sentence, where each of its words starts and ends (exclusive) in the text. No sentence is
            empty.
        """
        raise NotImplementedError


@TextSegmenter.register("spacy_rules")
class SpacyRulesSegmenter(TextSegmenter):
    """
    Registered as a `TextSegmenter` with name "spacy_rules".

    The tokenizer of a language and the sentence rules of spaCy; no trained model, nothing to download.

    # Parameters

    language : `str`, optional (default = `"en"`)
        The language, as spaCy abbreviates it; `xx` is for any.
    split_lines : `bool`, optional (default = `True`)
        Whether a sentence ends with its line. If not, it ends at a blank line at the latest, as suits text
        with lines broken to a width.
    """

    def __init__(self, language: str = "en", split_lines: bool = True) -> None:
        self._language = language
        self._split_lines = split_lines
        self._pipeline: "Optional[Language]" = None

    @overrides
    def segment(self, text: str) -> List[List[Tuple[int, int]]]:
        if self._pipeline is None:
            self._pipeline = _load_pipeline(self._language)
        # spaCy stops at half a surrogate pair, which JSON can hold, and takes brackets off one by one, in
        # time that grows with the square of their number. The stand-ins take the same room.
        safe_text = without_lone_surrogates(text)
        safe_text = _LONG_PUNCTUATION.sub(lambda match: "." * len(match.group()), safe_text)
        document = self._pipeline(safe_text)
        sentences: List[List[Tuple[int, int]]] = []
        breaks = 1 if self._split_lines else 2
        previous_end, is_new = 0, True
        for token in document:
            # The first token of a sentence may be white space, which is no word.
            is_new = is_new or bool(token.is_sent_start)
            # Some languages' rules keep white space inside a token.
            for match in _NO_SPACE.finditer(text, token.idx, token.idx + len(token)):
                start, end = match.span()
                if is_new or _line_breaks(text[previous_end:start]) >= breaks:
                    sentences.append([])
                sentences[-1].append((start, end))
                previous_end, is_new = end, False
        return sentences


@TextSegmenter.register("whitespace")
class WhitespaceSegmenter(TextSegmenter):
    """
    Registered as a `TextSegmenter` with name "whitespace".

    For text that is divided already: words between white space, a sentence on each line.
    """

    @overrides
    def segment(self, text: str) -> List[List[Tuple[int, int]]]:
        sentences: List[List[Tuple[int, int]]] = []
        previous_end = 0
        for match in _NO_SPACE.finditer(text):
            if not sentences or _line_breaks(text[previous_end : match.start()]):
                sentences.append([])
            sentences[-1].append(match.span())
            previous_end = match.end()
        return sentences


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
