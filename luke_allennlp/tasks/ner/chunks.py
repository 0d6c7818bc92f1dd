"""From a sentence in its document to model inputs: windows of context, candidate spans, chunks of them."""

from dataclasses import dataclass
from typing import Iterator, List, NamedTuple, Sequence

import numpy as np
from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.windows import context_window


class DocumentSubwords:
    """
    The sub-words of a whole document, and which belong to which word.

    # Parameters

    words : `Sequence[Sequence[int]]`
        The sub-word ids of each word of the document, its sentences one after the other.
    """

    def __init__(self, words: Sequence[Sequence[int]]) -> None:
        # Shape: (sub-words,)
        self.ids = np.array([token_id for word in words for token_id in word], dtype=np.int32)
        # Where each word starts, and where the last one ends. Shape: (words + 1,)
        self.bounds = np.concatenate([[0], np.cumsum([len(word) for word in words], dtype=np.int64)])


class CandidateSpans(np.ndarray):
    """
    The candidates of a chunk in metadata: an array, as tuples would be most of what a corpus takes up, but
    one that is equal to another or not as a whole, which AllenNLP expects of metadata. Made by
    `array.view(CandidateSpans)`.
    """

    def __eq__(self, other: object) -> bool:
        return np.array_equal(np.asarray(self), np.asarray(other))

    def __ne__(self, other: object) -> bool:
        return not self == other


class Piece(NamedTuple):
    """
    A part of a sentence that fits one window.

    # Parameters

    start : `int`
        Its first word in the sentence.
    end : `int`
        The word after its last.
    new_from : `int`
        Its candidates end after this word: those before are candidates of the pieces before it.
    """

    start: int
    end: int
    new_from: int


@dataclass
class Chunk:
    """
    What the model sees at once: a window of text and some candidate spans in it.

    # Parameters

    word_ids : `np.ndarray`
        Start token, context, the sentence (or a piece of it), context, end token. Shape: (sub-words,).
    spans : `np.ndarray`
        First and last position of each candidate in `word_ids`, inclusive. Shape: (candidates, 2).
    candidates : `np.ndarray`
        First word of each candidate, and the word after its last, in the sentence. Shape: (candidates, 2).
    """

    word_ids: np.ndarray
    spans: np.ndarray
    candidates: np.ndarray


@dataclass
class Chunker:
    """
    Makes the chunks of sentences as the original system does (for sentences that fit the window).

    # Parameters

    start_id, end_id : `int`
        The tokens around the text.
    max_length : `int`, optional (default = `512`)
        Sub-words of a window, start and end token included.
    use_document : `bool`, optional (default = `True`)
        Whether the rest of the document is context.
    max_span_length : `int`, optional (default = `16`)
        Sub-words of a candidate at the most.
    max_entities : `int`, optional (default = `128`)
        Candidates of a chunk at the most.

    # Raises

    `ConfigurationError`
        A limit is below 1, or no candidate of full length would fit the window.
    """

    start_id: int
    end_id: int
    max_length: int = 512
    use_document: bool = True
    max_span_length: int = 16
    max_entities: int = 128

    def __post_init__(self) -> None:
        for name in ("max_span_length", "max_entities"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; expected at least 1.")
        if self.budget < self.max_span_length:
            raise ConfigurationError(
                f"max_length is {self.max_length}, which leaves {self.budget} sub-words beside the start "
                f"and end token; expected room for max_span_length, {self.max_span_length}."
            )

    @property
    def budget(self) -> int:
        """Sub-words of a window without start and end token."""
        return self.max_length - 2

    def chunks(self, document: DocumentSubwords, start: int, end: int) -> List[Chunk]:
        """
        # Parameters

        document : `DocumentSubwords`
        start, end : `int`
            The sentence: its first word in the document, and the word after its last.

        # Returns

        `List[Chunk]`
            At least one, also when no word is short enough to be a candidate. Every span of words of at most
            `max_span_length` sub-words is a candidate of just one of them.
        """
        bounds = document.bounds[start : end + 1]
        left_edge, right_edge = (0, len(document.ids)) if self.use_document else (bounds[0], bounds[-1])
        chunks: List[Chunk] = []
        pieces = list(self._pieces(bounds))
        for piece in pieces:
            first, last = bounds[piece.start], min(bounds[piece.end], bounds[piece.start] + self.budget)
            left, right = context_window(first - left_edge, last - first, right_edge - last, self.budget)
            text = document.ids[first - left : last + right]
            word_ids = np.concatenate([[self.start_id], text, [self.end_id]]).astype(np.int32)

            candidates = self._candidates(bounds, piece)
            spans = (
                np.stack([bounds[candidates[:, 0]], bounds[candidates[:, 1]] - 1], axis=1)
                - (first - left)
                + 1
            )
            if not len(candidates) and len(pieces) > 1:
                continue
            number = max(-(-len(candidates) // self.max_entities), 1)
            size = max(-(-len(candidates) // number), 1)
            for at in range(0, max(len(candidates), 1), size):
                chunks.append(Chunk(word_ids, spans[at : at + size], candidates[at : at + size]))
        if not chunks:
            # A sentence of several windows without a single candidate: it still counts in the evaluation.
            chunks.append(Chunk(word_ids, spans, candidates))
        return chunks

    def _pieces(self, bounds: np.ndarray) -> Iterator[Piece]:
        """
        The sentence whole, or if it is too long for a window in pieces that overlap so far that each
        candidate fits one.
        """
        num_words = len(bounds) - 1
        start = new_from = 0
        while True:
            end = int(np.searchsorted(bounds, bounds[start] + self.budget, side="right")) - 1
            end = min(max(end, start + 1), num_words)  # a word longer than the window is cut
            yield Piece(start, end, new_from)
            if end == num_words:
                return
            new_from = end
            # The first word from which a candidate can reach beyond this piece.
            earliest = int(np.searchsorted(bounds, bounds[end + 1] - self.max_span_length, side="left"))
            start = max(min(earliest, end), start + 1)

    def _candidates(self, bounds: np.ndarray, piece: Piece) -> np.ndarray:
        starts = bounds[piece.start : piece.end]
        ends = bounds[piece.start + 1 : piece.end + 1]
        # Shape: (words, words)
        lengths = ends[None, :] - starts[:, None]
        allowed = (lengths > 0) & (lengths <= self.max_span_length)
        allowed[:, : max(piece.new_from - piece.start, 0)] = False
        # Shape: (candidates, 2)
        return (np.argwhere(allowed) + (piece.start, piece.start + 1)).astype(np.int32)
