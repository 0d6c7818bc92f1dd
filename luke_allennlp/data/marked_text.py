"""Text tokenized piece by piece, with marker tokens between the pieces."""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from luke_allennlp.data.word_tokenizer import WordTokenizer


class MarkedText:
    """
    Tokens and markers, in order, and the characters of each. The tokenizer has the markers among its
    `marker_tokens`.
    """

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._tokenizer = tokenizer
        self.ids: List[int] = []
        self.offsets: List[Tuple[int, int]] = []
        """Characters of each token, end exclusive; a marker's are empty, where it stands."""

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, text: str, start: int, end: int, add_prefix_space: bool = True) -> None:
        """
        Adds the piece `text[start:end]` without whitespace at its ends. `add_prefix_space` says whether its
        first token follows a space.
        """
        encoded = self._tokenizer.encode(text[start:end], add_prefix_space)
        self.ids.extend(encoded.ids)
        self.offsets.extend((start + first, start + last) for first, last in encoded.offsets)

    def add_marker(self, token: str, at: int) -> None:
        """Adds a marker before the character `at`."""
        self.ids.append(self._tokenizer.token_id(token))
        self.offsets.append((at, at))


class MarkedSpan(NamedTuple):
    """A span of a text and the marker placed at both of its ends."""

    start: int
    end: int
    marker: str


def mark_spans(
    tokenizer: WordTokenizer,
    text: str,
    spans: Sequence[MarkedSpan],
    add_piece: Optional[Callable[[MarkedText, int, int], None]] = None,
) -> Tuple[MarkedText, List[Tuple[int, int]]]:
    """
    Puts markers around spans and tokenizes the text between them.

    The markers are always well nested. Of two spans that start together the longer is the outer one; equal
    ones nest in their order. Where two cross, the later one is closed and reopened at the end of the earlier:
    `[A] x [B] y [B] [A] [B] z [B]`. Where one ends as another starts, the first closes before the second
    opens. The markers of an empty span are adjacent, outside any span that ends or starts there.

    # Parameters

    spans : `Sequence[MarkedSpan]`
        Characters, end exclusive; spans may be empty.
    add_piece : `Callable[[MarkedText, int, int], None]`, optional (default = `None`)
        Adds the piece of the text between two characters; by default as if it followed a space.

    # Returns

    `Tuple[MarkedText, List[Tuple[int, int]]]`
        The tokens, and the positions of each span's first and last marker.
    """
    marked = MarkedText(tokenizer)
    first: Dict[int, int] = {}
    last: Dict[int, int] = {}
    opened: List[int] = []

    def add(start: int, end: int) -> None:
        if add_piece is None:
            marked.add(text, start, end)
        else:
            add_piece(marked, start, end)

    def open_(index: int, at: int) -> None:
        first.setdefault(index, len(marked))
        marked.add_marker(spans[index].marker, at)
        opened.append(index)

    def close(at: int) -> int:
        index = opened.pop()
        last[index] = len(marked)
        marked.add_marker(spans[index].marker, at)
        return index

    before = 0
    for at in sorted({position for span in spans for position in span[:2]}):
        add(before, at)
        before = at
        reopened: List[int] = []
        while any(spans[index].end == at for index in opened):
            index = close(at)
            if spans[index].end > at:
                reopened.append(index)
        for index in reversed(reopened):
            open_(index, at)
        starting = [index for index, span in enumerate(spans) if span.start == at]
        for index in sorted(starting, key=lambda index: (spans[index].end > at, -spans[index].end)):
            open_(index, at)
            if spans[index].end == at:
                close(at)
    add(before, len(text))
    return marked, [(first[index], last[index]) for index in range(len(spans))]
