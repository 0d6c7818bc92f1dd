"""Names of entities in a text that is divided into tokens."""

import re
from bisect import bisect_left, bisect_right
from typing import Dict, Iterator, List, Optional, Tuple

from overrides import overrides

from luke_allennlp.data.punctuation import is_punctuation
from luke_allennlp.linking.entity_linker import ArticleLinker, LinkedEntity, Offsets, Window

# Where the original system divides a passage into words.
_WORD_SEPARATOR = re.compile("[ \t\r\n\u202f]")
# The first character that is not white space, with the letters and digits that follow it.
_FIRST_WORD = re.compile(r"\s*(\S[^\W_]*)")


class NameLinker(ArticleLinker):
    """
    Finds names in texts: from left to right, the longest that begins at a word and ends before the next word
    or at the window's end. Case is ignored.

    # Parameters

    rows : `Dict[str, Optional[int]]`
        The names in lower case, without space at their ends, and the rows of their entities; `None` for
        entities without one, whose names use up their words too.
    max_mention_length : `int`
        The most tokens of a mention.
    """

    def __init__(self, rows: Dict[str, Optional[int]], max_mention_length: int) -> None:
        by_first_word: Dict[str, Dict[str, Optional[int]]] = {}
        for name, row in rows.items():
            by_first_word.setdefault(_first_word(name), {})[name] = row
        # With the length of the longest.
        self._names = {word: (names, max(map(len, names))) for word, names in by_first_word.items()}
        self._max_mention_length = max_mention_length
        # All windows of a text and all questions about a passage come one after the other.
        self._texts: Dict[str, _Text] = {}

    @overrides
    def link(
        self, text: str, offsets: Offsets, window: Optional[Window] = None, part: str = "context"
    ) -> List[LinkedEntity]:
        known = self._texts.get(part)
        if known is None or known.offsets is not offsets or known.text != text:
            known = self._texts[part] = _Text(text, offsets, part == "question")
        window = window or (0, len(offsets))
        if window not in known.found:
            known.found[window] = list(self._link(known, *window))
        return list(known.found[window])

    def _link(self, text: "_Text", window_start: int, window_end: int) -> Iterator[LinkedEntity]:
        first_word_start = bisect_left(text.word_starts, window_start)
        end_word_start = bisect_left(text.word_starts, window_end)
        free = window_start
        for number in range(first_word_start, end_word_start):
            start = text.word_starts[number]
            names, longest = self._names.get(text.first_word(number, window_end), ({}, 0))
            if start < free or not names:
                continue
            limit = min(start + self._max_mention_length, window_end)
            ends = text.word_starts[number + 1 : bisect_right(text.word_starts, limit, hi=end_word_start)]
            if limit == window_end and not text.is_cut[window_end - 1]:
                ends.append(window_end)  # even inside a word
            for end in reversed(ends):
                mention = text.joined(start, end)
                if len(mention) > longest:  # lower case is never shorter
                    continue
                mention = mention.lower()
                if mention in names:
                    row, free = names[mention], end
                    if row is not None:
                        yield LinkedEntity(row, start - window_start, end - 1 - window_start)
                    break


class _Text:
    """
    A text as its tokens spell it when they are put together again, and where its words begin: a token
    that has a space before it or begins with punctuation begins a word.
    """

    def __init__(self, text: str, offsets: Offsets, in_one_piece: bool) -> None:
        self.text = text
        self.offsets = offsets
        self.word_starts: List[int] = []
        self.found: Dict[Window, List[LinkedEntity]] = {}
        self._begins: List[int] = []
        self._ends: List[int] = []
        # Whether a token ends with a part of a character.
        self.is_cut: List[bool] = []
        pieces: List[str] = []
        length = 0
        previous_end = 0
        for index, (start, end) in enumerate(offsets):
            between = text[previous_end:start]
            if index == 0 or not in_one_piece and _WORD_SEPARATOR.search(between):
                between = " "
            # A character's bytes may be divided among tokens: what has but a part of it shows none. (A
            # space alone, before a character of several bytes, has the offsets that its first byte has.)
            next_start = offsets[index + 1][0] if index + 1 < len(offsets) else end
            is_cut = next_start < end
            if is_cut and next_start == start and text[start].isascii():
                # One byte cannot be divided: the token is the space before it.
                end, is_cut = start, False
            is_rest = start < previous_end
            piece = between + text[max(start, previous_end) : end]
            is_part = is_cut and next_start == start
            if not is_rest and (piece[:1] == " " or not is_part and is_punctuation(piece[0])):
                self.word_starts.append(index)
            self._begins.append(length)
            length += len(piece)
            self._ends.append(length)
            self.is_cut.append(is_cut)
            pieces.append(piece)
            previous_end = max(previous_end, end)
        self._joined = "".join(pieces)
        # With the end of the characters that decide.
        self._first_words: List[Tuple[str, int]] = []
        for index in self.word_starts:
            match = _FIRST_WORD.match(self._joined, self._begins[index])
            word, end = (_first_word(match.group(1)), match.end()) if match else ("", 0)
            self._first_words.append((word, end))

    def first_word(self, number: int, window_end: int) -> str:
        """The first word from the word start with this number on, as it is in a window."""
        word, end = self._first_words[number]
        limit = self._ends[window_end - 1]
        if end <= limit:
            return word
        return _first_word(self._joined[self._begins[self.word_starts[number]] : limit])

    def joined(self, start: int, end: int) -> str:
        """Several tokens put together."""
        return self._joined[self._begins[start] : self._ends[end - 1]].strip()


def _first_word(text: str) -> str:
    """
    The first letters or digits in lower case: equal for texts that are equal in lower case. (The last sigma
    of a word has a form of its own, which depends on what follows.)
    """
    match = _FIRST_WORD.match(text.lower().replace("ς", "σ"))
    return match.group(1) if match else ""
