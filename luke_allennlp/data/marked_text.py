"""A text that is tokenised piece by piece, with marker tokens between the pieces."""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from luke_allennlp.data.word_tokenizer import WordTokenizer


class MarkedText:
    """
    Sub-words and markers, in order, and the characters that each stands for.

    # Parameters

    tokenizer : `WordTokenizer`
        With the markers among its `marker_tokens`.
    """

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._tokenizer = tokenizer
        self.ids: List[int] = []
        self.offsets: List[Tuple[int, int]] = []
        """Characters of each sub-word, end exclusive; those of a marker are empty, at where it stands."""

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, text: str, start: int, end: int, add_prefix_space: bool = True) -> None:
        """
        Adds a piece of a text; space at its ends gives nothing.

        # Parameters

        text : `str`
        start, end : `int`
            Of the piece.
        add_prefix_space : `bool`, optional (default = `True`)
            Whether its first sub-word is one that follows a space.
        """
        encoded = self._tokenizer.encode(text[start:end], add_prefix_space)
        self.ids.extend(encoded.ids)
        self.offsets.extend((start + first, start + last) for first, last in encoded.offsets)

    def add_marker(self, token: str, at: int) -> None:
        """
        # Parameters

        token : `str`
        at : `int`
            The character before which it stands.
        """
        self.ids.append(self._tokenizer.token_id(token))
        self.offsets.append((at, at))


class MarkedSpan(NamedTuple):
    """A span of a text and the marker that goes to both of its ends."""

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
    Puts markers around spans and tokenises what lies between them.

    The markers are well nested whatever the spans are. Of two that begin together the longer is the outer
    one; equal ones nest in their order. Where two cross, the later one is closed and opened again at the end
    of the earlier: `[A] x [B] y [B] [A] [B] z [B]`. Where one ends as another begins, the first closes before
    the second opens. The markers of an empty span stand next to each other, outside of any span that ends or
    begins there.

    # Parameters

    tokenizer : `WordTokenizer`
    text : `str`
    spans : `Sequence[MarkedSpan]`
        Characters, the end exclusive; start and end may be the same.
    add_piece : `Callable[[MarkedText, int, int], None]`, optional (default = `None`)
        Adds the piece of the text between two characters; by default as if it followed a space.

    # Returns

    `Tuple[MarkedText, List[Tuple[int, int]]]`
        The sub-words, and of each span the positions of its first and its last marker.
    """
    marked = MarkedText(tokenizer)

    def add(start: int, end: int) -> None:
        if add_piece is None:
            marked.add(text, start, end)
        else:
            add_piece(marked, start, end)

    first: Dict[int, int] = {}
    last: Dict[int, int] = {}
    opened: List[int] = []

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
