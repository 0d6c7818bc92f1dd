"""From a sentence in its document to model inputs: windows of context, and chunks of candidate spans."""

from dataclasses import dataclass
from typing import Iterator, List, Sequence, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError


class DocumentTokens:
    """
    The sub-word tokens of a document, and which belong to which word.

    # Parameters

    words : `Sequence[Sequence[int]]`
        The token ids of each word of the document.
    """

    def __init__(self, words: Sequence[Sequence[int]]) -> None:
        # Shape: (tokens,)
        self.ids = np.array([token_id for word in words for token_id in word], dtype=np.int32)
        # Where each word starts, and where the last one ends. Shape: (words + 1,)
        self.bounds = np.concatenate([[0], np.cumsum([len(word) for word in words], dtype=np.int64)])


class CandidateSpans(np.ndarray):
    """
    The candidates of a chunk in metadata: an array, because tuples would take most of the memory of a corpus,
    but one that compares as a whole, as AllenNLP expects of metadata. Made by `array.view(CandidateSpans)`.
    """

    def __eq__(self, other: object) -> bool:
        return np.array_equal(np.asarray(self), np.asarray(other))

    def __ne__(self, other: object) -> bool:
        return not self == other


@dataclass
class Chunk:
    """
    What the model sees at once: a window of text, and candidate spans in it.

    # Parameters

    token_ids : `np.ndarray`
        Start token, context, the sentence (or a piece of it), context, end token. Shape: (tokens,).
    spans : `np.ndarray`
        First and last token of each candidate in `token_ids`, inclusive. Shape: (candidates, 2).
    candidates : `np.ndarray`
        First word of each candidate in the sentence, and the word after its last. Shape: (candidates, 2).
    """

    token_ids: np.ndarray
    spans: np.ndarray
    candidates: np.ndarray


@dataclass
class Chunker:
    """
    Makes the chunks of sentences as the original system does (for sentences that fit the window).

    # Parameters

    start_id, end_id : `int`
        The ids of the tokens around the text.
    max_length : `int`, optional (default = `512`)
        The maximum number of tokens of a window, including start and end token.
    use_document : `bool`, optional (default = `True`)
        Whether the rest of the document is the context.
    max_span_length : `int`, optional (default = `16`)
        The maximum number of tokens of a candidate.
    max_entities : `int`, optional (default = `128`)
        The maximum number of candidates of a chunk.

    # Raises

    `ConfigurationError`
        A limit is below 1, or a candidate of the maximum length would not fit the window.
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
        # Without start and end token.
        self.budget = self.max_length - 2
        if self.budget < self.max_span_length:
            raise ConfigurationError(
                f"max_length is {self.max_length}, which leaves {self.budget} tokens beside the start and "
                f"end token; expected room for max_span_length, {self.max_span_length}."
            )

    def chunks(self, document: DocumentTokens, start: int, end: int) -> List[Chunk]:
        """
        # Parameters

        document : `DocumentTokens`
        start, end : `int`
            The sentence: its first word in the document, and the word after its last.

        # Returns

        `List[Chunk]`
            At least one, even if all words are too long to be candidates. Every span of words with at most
            `max_span_length` tokens is a candidate of exactly one chunk.
        """
        bounds = document.bounds[start : end + 1]
        left_edge, right_edge = (0, len(document.ids)) if self.use_document else (bounds[0], bounds[-1])
        chunks: List[Chunk] = []
        pieces = list(self._pieces(bounds))
        for piece_start, piece_end, new_from in pieces:
            first, last = bounds[piece_start], min(bounds[piece_end], bounds[piece_start] + self.budget)
            left, right = context_window(first - left_edge, last - first, right_edge - last, self.budget)
            text = document.ids[first - left : last + right]
            token_ids = np.concatenate([[self.start_id], text, [self.end_id]]).astype(np.int32)
            candidates = self._candidates(bounds, piece_start, piece_end, new_from)
            ends = np.stack([bounds[candidates[:, 0]], bounds[candidates[:, 1]] - 1], axis=1)
            spans = ends - (first - left) + 1
            if not len(candidates) and len(pieces) > 1:
                continue
            number = max(-(-len(candidates) // self.max_entities), 1)
            size = max(-(-len(candidates) // number), 1)
            for at in range(0, max(len(candidates), 1), size):
                chunks.append(Chunk(token_ids, spans[at : at + size], candidates[at : at + size]))
        if not chunks:
            # A sentence of several windows without a single candidate still counts in the evaluation.
            chunks.append(Chunk(token_ids, spans, candidates))
        return chunks

    def _pieces(self, bounds: np.ndarray) -> Iterator[Tuple[int, int, int]]:
        """
        The pieces of the sentence that fit a window each, one if it is short enough. They overlap so that
        each candidate fits one of them.

        # Returns

        `Iterator[Tuple[int, int, int]]`
            The first word of each piece, the word after its last, and the word after which its candidates
            end: those that end before it belong to earlier pieces.
        """
        num_words = len(bounds) - 1
        start = new_from = 0
        while True:
            end = int(np.searchsorted(bounds, bounds[start] + self.budget, side="right")) - 1
            end = min(max(end, start + 1), num_words)  # a word longer than the window is cut
            yield start, end, new_from
            if end == num_words:
                return
            new_from = end
            # The first word whose candidates can reach beyond this piece.
            earliest = int(np.searchsorted(bounds, bounds[end + 1] - self.max_span_length, side="left"))
            start = max(min(earliest, end), start + 1)

    def _candidates(self, bounds: np.ndarray, start: int, end: int, new_from: int) -> np.ndarray:
        # Shape: (words, words)
        lengths = bounds[None, start + 1 : end + 1] - bounds[start:end, None]
        allowed = (lengths > 0) & (lengths <= self.max_span_length)
        allowed[:, : max(new_from - start, 0)] = False
        # Shape: (candidates, 2)
        return (np.argwhere(allowed) + (start, start + 1)).astype(np.int32)


def context_window(left: int, length: int, right: int, budget: int) -> Tuple[int, int]:
    """
    How many tokens of context a piece of text gets on each side, by the original system's rule: on the
    shorter side all there are, but at most half of the free budget; on the other side the rest.

    # Parameters

    left, right : `int`
        The number of tokens before and after the piece.
    length : `int`
        The number of tokens of the piece.
    budget : `int`
        The maximum number of tokens in all.

    # Returns

    `Tuple[int, int]`
        The number of tokens on the left and on the right.
    """
    free = max(budget - length, 0)
    half = free // 2
    if left < right:
        from_left = min(left, half)
        return from_left, min(right, free - from_left)
    from_right = min(right, half)
    return min(left, free - from_right), from_right
