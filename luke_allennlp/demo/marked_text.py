"""What is typed on the page, and what of it is coloured."""

import re
from typing import Iterable, List, NamedTuple, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Span
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.cloze_qa.examples import occurrences

_MARK = re.compile(r"\[\[(.*?)\]\]", re.S)

Segments = List[Tuple[str, Optional[str]]]
"""Pieces of a text, each with its label or `None`, as gradio's `HighlightedText` takes them."""


class MarkedText(NamedTuple):
    """A text without its marks, and where they were: `[[Valdoria]]` marks a mention."""

    text: str
    marked: List[Span]

    @staticmethod
    def parse(text: str) -> "MarkedText":
        pieces, marked, at, end = [], [], 0, 0
        for match in _MARK.finditer(text):
            pieces += [text[end : match.start()], match[1]]
            at += match.start() - end
            marked.append((at, at + len(match[1])))
            at, end = at + len(match[1]), match.end()
        return MarkedText("".join([*pieces, text[end:]]), marked)

    def find(self, words: str, what: str) -> Span:
        """
        Where some words are: marked, or their only occurrence. Without words, the only mark. Raises a
        `ConfigurationError` that calls the mention by `what`.
        """
        words = words.strip()
        if not words:
            if len(self.marked) == 1 and self.text[slice(*self.marked[0])].strip():
                return self.marked[0]
            raise ConfigurationError(f"{what} is missing; enter its words as they are in the text.")
        found = [span for span in self.marked if self.text[slice(*span)].strip() == words]
        found = found or occurrences(self.text, words)
        if not found:
            raise ConfigurationError(
                f"{what}: the text does not contain {shown(words)}; enter it as it is in the text."
            )
        if len(found) > 1:
            raise ConfigurationError(
                f"{what}: {shown(words)} is {len(found)} times in the text; write [[ and ]] around the one "
                "meant."
            )
        return found[0]


def segments(text: str, spans: Iterable[Tuple[int, int, str]]) -> Segments:
    """
    The text in pieces with the labels of the spans (characters, end exclusive). Of those that overlap, the
    first of the list is shown.
    """
    shown_spans: List[Tuple[int, int, str]] = []
    for start, end, label in spans:
        if all(end <= other[0] or other[1] <= start for other in shown_spans):
            shown_spans.append((start, end, label))
    pieces: Segments = []
    at = 0
    for start, end, label in sorted(shown_spans):
        pieces += [(text[at:start], None), (text[start:end], label)]
        at = end
    return [(piece, label) for piece, label in [*pieces, (text[at:], None)] if piece]
