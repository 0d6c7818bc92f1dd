"""Tokens of a passage and its answers, and which window answers for which token."""

import re
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from luke_allennlp.data.word_tokenizer import Encoded
from luke_allennlp.tasks.reading_comprehension.examples import Answer, Passage

_SEPARATOR = re.compile("[ \t\r\n\u202f]")
_SEPARATORS = re.compile("[ \t\r\n\u202f]+")

Range = Tuple[int, int]


class PassageTokens:
    """The tokens of a passage from `WordTokenizer.encode_spaced`, shared by all its questions."""

    def __init__(self, passage: Passage, encoded: Encoded) -> None:
        self.passage = passage
        # Shape: (tokens,)
        self.ids = np.array(encoded.ids, dtype=np.int32)
        # Characters of the passage, end exclusive. Shape: (tokens, 2)
        self.offsets = np.array(encoded.offsets, dtype=np.int32).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        """Used by AllenNLP to compare metadata."""
        return (
            isinstance(other, PassageTokens)
            and self.passage == other.passage
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.offsets, other.offsets)
        )

    def to_json(self) -> str:
        """What AllenNLP writes for it among the predictions of an evaluation."""
        return self.passage.context

    def find(self, answer: Answer) -> Optional[Range]:
        """
        First and last token of an answer, inclusive, as the original system chooses them: those of all words
        that it overlaps, narrowed to the first run (that starts first, then that ends last) whose text is the
        answer's, if there is one. `None` if the words have no tokens.
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
        # The text as the tokens spell it, one space before each word, and the place of each token in it.
        text, places, behind = "", [], int(self.offsets[first, 0])
        for start, end in self.offsets[first : last + 1].tolist():
            if start > behind and _SEPARATOR.search(self.passage.context, behind, start):
                text += " "
            # Tokens that split the bytes of a character share its offsets.
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
    """The part of a passage in one input, as indices of its tokens, ends exclusive."""

    start: int
    end: int
    # The tokens for which it is the best window: answers that start elsewhere are left to other windows.
    best_start: int
    best_end: int


def with_best_ranges(windows: Sequence[Range]) -> List[QuestionWindow]:
    """
    Adds to each of `sliding_windows` the tokens for which it has the most context: the largest `min(tokens
    before, tokens after) + 0.01 * (tokens of the window)`, the first window among equal ones.
    """
    if len(windows) == 1:
        return [QuestionWindow(*windows[0], *windows[0])]
    # Shape: (windows, 1)
    starts, ends = np.array(windows).T[:, :, None]
    # Shape: (tokens,)
    positions = np.arange(windows[-1][1])
    # Times 100, so that equal scores are exactly equal.
    scores = 100 * np.minimum(positions - starts, ends - 1 - positions) + (ends - starts)
    scores = np.where((starts <= positions) & (positions < ends), scores, -1)
    # The scores of two windows cross once, so each window is best for one contiguous range.
    best = scores.argmax(axis=0)
    firsts = np.searchsorted(best, np.arange(len(windows) + 1)).tolist()
    return [
        QuestionWindow(*window, *bounds)
        for window, bounds in zip(windows, zip(firsts[:-1], firsts[1:], strict=True), strict=True)
    ]


def detokenized(text: str) -> str:
    """A part of a passage with single spaces between its words, the original system's form of an answer."""
    words = [word.strip() for word in _SEPARATORS.split(text)]
    return " ".join(word for word in words if word)
