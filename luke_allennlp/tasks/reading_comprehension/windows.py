"""From a passage and an answer in it to sub-words, windows of them, and who answers for which sub-word."""

import re
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from luke_allennlp.data.word_tokenizer import Encoded
from luke_allennlp.tasks.reading_comprehension.examples import Answer, Passage

_SEPARATOR = re.compile("[ \t\r\n\u202f]")
_SEPARATORS = re.compile("[ \t\r\n\u202f]+")

Range = Tuple[int, int]


class PassageSubwords:
    """
    The sub-words of a passage, shared by all its questions.

    # Parameters

    passage : `Passage`
    encoded : `Encoded`
        By `WordTokenizer.encode_spaced`.
    """

    def __init__(self, passage: Passage, encoded: Encoded) -> None:
        self.passage = passage
        # Shape: (sub-words,)
        self.ids = np.array(encoded.ids, dtype=np.int32)
        # Characters of the passage, the end exclusive. Shape: (sub-words, 2)
        self.offsets = np.array(encoded.offsets, dtype=np.int32).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        """AllenNLP compares metadata."""
        return (
            isinstance(other, PassageSubwords)
            and self.passage == other.passage
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.offsets, other.offsets)
        )

    def find(self, answer: Answer) -> Optional[Range]:
        """
        The sub-words of an answer, as the original system chooses them: those of all words that it touches,
        and of these the first run (that begins first, then that ends last) whose text is the answer's, if
        there is one.

        # Parameters

        answer : `Answer`

        # Returns

        `Optional[Tuple[int, int]]`
            First sub-word and last, inclusive; `None` if the words have no sub-words.
        """
        context = self.passage.context
        target = answer.text.strip()
        start = answer.start + len(answer.text) - len(answer.text.lstrip())
        end = start + len(target)
        while start > 0 and not _SEPARATOR.match(context, start - 1):
            start -= 1
        while end < len(context) and not _SEPARATOR.match(context, end):
            end += 1
        first, last = np.searchsorted(self.offsets[:, 0], (start, end)).tolist()
        if first >= last:
            return None
        return self._refine(first, last - 1, target)

    def _refine(self, first: int, last: int, target: str) -> Range:
        # The text as the sub-words spell it, one space before each word, and where each of them is in it.
        text, places, behind = "", [], int(self.offsets[first, 0])
        for start, end in self.offsets[first : last + 1].tolist():
            if start > behind and _SEPARATOR.search(self.passage.context, behind, start):
                text += " "
            # Sub-words may share a character whose bytes they split.
            place = len(text) - max(behind - start, 0)
            text += self.passage.context[max(start, behind) : end]
            places.append((place, len(text)))
            behind = max(behind, end)
        for i, (start, _) in enumerate(places):
            if not text[start:].lstrip().startswith(target):
                continue
            for j in range(len(places) - 1, i - 1, -1):
                if text[start : places[j][1]].strip() == target:
                    return first + i, first + j
        return first, last


class QuestionWindow(NamedTuple):
    """
    A part of the passage's sub-words that goes into one input.

    # Parameters

    start, end : `int`
        First sub-word of the window and the one after its last.
    best_start, best_end : `int`
        Those for which it is the best window: an answer that begins elsewhere is left to other windows.
    """

    start: int
    end: int
    best_start: int
    best_end: int


def with_best_ranges(windows: Sequence[Range]) -> List[QuestionWindow]:
    """
    Says for which sub-words each window is the one with most context: the largest `min(sub-words before it,
    sub-words behind it) + 0.01 * (sub-words of the window)`, the first window among equals.

    # Parameters

    windows : `Sequence[Tuple[int, int]]`
        As `sliding_windows` gives them.

    # Returns

    `List[QuestionWindow]`
    """
    if len(windows) == 1:
        return [QuestionWindow(*windows[0], *windows[0])]
    # Shape: (windows, 1)
    starts, ends = np.array(windows).T[:, :, None]
    # Shape: (sub-words,)
    positions = np.arange(windows[-1][1])
    # A hundredfold, so that equal scores are equal.
    scores = 100 * np.minimum(positions - starts, ends - 1 - positions) + (ends - starts)
    scores = np.where((starts <= positions) & (positions < ends), scores, -1)
    # The scores of two windows cross once, so that each window is best for neighbours only.
    best = scores.argmax(axis=0)
    firsts = np.searchsorted(best, np.arange(len(windows) + 1)).tolist()
    return [
        QuestionWindow(*window, *bounds)
        for window, bounds in zip(windows, zip(firsts[:-1], firsts[1:], strict=True), strict=True)
    ]


def detokenized(text: str) -> str:
    """
    What the original system gives as an answer: not the passage's characters but its words, each behind one
    space.

    # Parameters

    text : `str`
        A part of a passage.

    # Returns

    `str`
    """
    words = [word.strip() for word in _SEPARATORS.split(text)]
    return " ".join(word for word in words if word)
