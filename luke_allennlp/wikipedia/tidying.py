"""Removes what templates, references and the like leave behind."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from itertools import accumulate
from typing import Iterator, List, Match, Sequence, Tuple

from luke_allennlp.wikipedia.pages import PageLink

# Stands for what vanished, and for what vanishes here; no page has it (`prepare`).
_GONE = "\x7f"
_SPACE = " " + _GONE
# Stands for what stays, whatever is around it.
_OPAQUE = "x"
_CLOSING = {"(": ")", "[": "]", "（": "）", "［": "］", "【": "】", "〔": "〕"}
_BRACKET = re.compile(f"[{re.escape(''.join([*_CLOSING, *_CLOSING.values()]))}]")
_APART = rf"(?![^\s{_GONE}])"
# The most tightly binding ones come last. Slashes and hyphens count only where they do not join words.
_SEPARATOR = re.compile(
    rf"([;؛；|·•])|([,،，、])|([:：–—・]|-{_APART}|(?<![^\s{_GONE}])-|/{_APART}|(?<={_GONE})/)"
)
_PRONUNCIATION = re.compile(rf"(?<![\w/])/[^/\s{_GONE}][^/,;{_GONE}]*/")
_BLANK = re.compile(rf"[\s{_GONE}\"'“”„«»‘’「」『』]*")
_POINT = rf"(?:[,.;:]{_APART}|[،؛。，、；：])"
_STRAY = re.compile(
    # Spaces after others,
    rf"(?<=\s){_GONE}+(\s[\s{_GONE}]*)"
    # spaces and separators before punctuation,
    rf"|([\s,;:،؛，、；：]\s*{_GONE}[\s{_GONE}]*)(?={_POINT})"
    # and punctuation that nothing comes before.
    rf"|\A(\s*{_GONE}[\s{_GONE}]*(?:(?:{_POINT}|[–—-]{_APART})[\s{_GONE}]*)+)"
)
_MAYBE_STRAY = re.compile(rf"{_POINT}|[–—-]")
# Brackets with more characters in them are left alone: pages can have many, in each other.
_LONGEST = 1000


def tidy(text: str, links: List[PageLink], removed: Sequence[int]) -> Tuple[str, List[PageLink]]:
    """
    Removes from a paragraph what makes no sense without what was removed already, at the ascending positions
    `removed`: brackets with nothing left in them, separators with nothing on one side, spaces before
    punctuation. `(; born 1970)` becomes `(born 1970)`. Brackets from which nothing was removed stay, and so
    does the text of each link. Returns the text, and the links with their new positions.
    """
    if not removed or not _is_untidy(text, removed):
        return text, links
    marked = text[: removed[0]]
    for start, end in zip(removed, [*removed[1:], len(text)], strict=True):
        marked += _GONE + text[start:end]
    # Of constant length: what goes becomes `_GONE`.
    shape = list(marked)
    spans = []
    for link in links:
        start, end = link.start + bisect_right(removed, link.start), link.end + bisect_left(removed, link.end)
        shape[start:end] = _OPAQUE * (end - start)
        spans.append((start, end))
    for start, end in _bracket_pairs("".join(shape)):
        if end - start <= _LONGEST:
            _tidy_brackets(shape, start, end)
    _erase_stray(shape, 0, len(shape))
    kept = [
        "" if _GONE in (character, mark) else character for character, mark in zip(marked, shape, strict=True)
    ]
    places = [0, *accumulate(map(len, kept))]
    moved = [
        link._replace(start=places[start], end=places[end])
        for link, (start, end) in zip(links, spans, strict=True)
    ]
    return "".join(kept), moved


def _is_untidy(text: str, removed: Sequence[int]) -> bool:
    """Whether there may be something to do. In most texts there is not."""
    for place in removed:
        if (place == 0 or text[place - 1] == " ") and _MAYBE_STRAY.match(text, place):
            return True
    if _BRACKET.search(text, 0, removed[-1]) is None or _BRACKET.search(text, removed[0]) is None:
        return False
    return any(
        bisect_right(removed, start) < bisect_right(removed, end) for start, end in _bracket_pairs(text)
    )


def _bracket_pairs(text: str) -> Iterator[Tuple[int, int]]:
    """The places of brackets that belong together, inner ones first."""
    opened: List[Tuple[str, int]] = []
    expected: "Counter[str]" = Counter()
    for match in _BRACKET.finditer(text):
        bracket = match[0]
        if bracket in _CLOSING:
            opened.append((_CLOSING[bracket], match.start()))
            expected[_CLOSING[bracket]] += 1
        # Others, as that of "1)", close nothing; and what is open inside of these, nothing closes.
        elif expected[bracket]:
            closing = ""
            while closing != bracket:
                closing, start = opened.pop()
                expected[closing] -= 1
            yield start, match.start()


def _tidy_brackets(shape: List[str], start: int, end: int) -> None:
    inside = start + 1
    content = "".join(shape[inside:end])
    if _GONE in content:
        _erase_orphans(shape, inside, end)
        _erase_stray(shape, inside, end)
        content = "".join(shape[inside:end])
        first = len(content) - len(content.lstrip(_SPACE))
        last = len(content.rstrip(_SPACE))
        for begin, stop in ((0, first), (last, len(content))):
            if _GONE in content[begin:stop]:
                _erase(shape, inside + begin, inside + stop)
        if _BLANK.fullmatch(_SEPARATOR.sub("", content)):
            _erase(shape, start, end + 1)
    # For the brackets around them, these are a word.
    shape[start : end + 1] = [_GONE if mark == _GONE else _OPAQUE for mark in shape[start : end + 1]]


def _erase_orphans(shape: List[str], start: int, end: int) -> None:
    """What is blank between two separators since something was removed, and one of the two."""
    before: List[Tuple[int, Match[str]]] = []  # where what is before it begins, and a separator
    begin = 0
    content = _PRONUNCIATION.sub(lambda match: _OPAQUE * len(match[0]), "".join(shape[start:end]))
    for after in [*_SEPARATOR.finditer(content), None]:
        stop = end - start if after is None else after.start()
        while True:
            item = "".join(shape[start + begin : start + stop])
            beside = [separator for separator in (before[-1][1] if before else None, after) if separator]
            if not beside or _GONE not in item or not _BLANK.fullmatch(item):
                if after is not None:
                    before.append((begin, after))
                    begin = after.end()
                break
            tightest = max(beside, key=lambda separator: (separator.lastindex, separator.start()))
            _erase(shape, start + begin, start + stop)
            _erase(shape, start + tightest.start(), start + tightest.end())
            if tightest is after:
                break
            begin, _ = before.pop()


def _erase_stray(shape: List[str], start: int, end: int) -> None:
    for match in _STRAY.finditer("".join(shape[start:end])):
        begin, stop = match.span(match.lastindex or 0)
        _erase(shape, start + begin, start + stop)


def _erase(shape: List[str], start: int, end: int) -> None:
    shape[start:end] = _GONE * (end - start)
