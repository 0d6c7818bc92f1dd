"""Documents, sentences and entities, which every format of NER data is read into, and their chunks."""

from dataclasses import dataclass, field
from typing import List, NamedTuple, Optional, Tuple

import numpy as np

NIL = "NIL"
"""The label of candidates that are no entities."""


class LabeledSpan(NamedTuple):
    """An entity of a sentence: its first word, the word after its last, and its label."""

    start: int
    end: int
    label: str


@dataclass
class Sentence:
    """
    # Parameters

    words : `List[str]`
    spans : `List[LabeledSpan]`
        The gold entities, which may be nested.
    offsets : `List[Tuple[int, int]]`, optional (default = `None`)
        Where each word starts and ends (exclusive) in the text of the document, in characters.
    where : `str`, optional (default = `None`)
        Its place in the file: `"line 7"`, counted from 1.
    unaligned : `List[Tuple[int, int, str]]`, optional (default = `[]`)
        Gold entities, as character offsets and label, that do not start and end with words of the sentence.
        They cannot be predicted, and evaluation counts them as missed.
    """

    words: List[str]
    spans: List[LabeledSpan]
    offsets: Optional[List[Tuple[int, int]]] = None
    where: Optional[str] = None
    unaligned: List[Tuple[int, int, str]] = field(default_factory=list)


@dataclass
class Document:
    """
    Sentences that are the context of each other.

    # Parameters

    id : `str`
    sentences : `List[Sentence]`
    text : `str`, optional (default = `None`)
        The text that the offsets of the words refer to.
    where : `str`, optional (default = `""`)
        Its name in errors: `"data.jsonl, line 7"`.
    unlabeled : `str`, optional (default = `None`)
        Why its entities are unknown, such as "found only the keys 'id', 'text'". `None` if they are known,
        even if there are none.
    index : `int`, optional (default = `0`)
        Its place in the file.
    """

    id: str
    sentences: List[Sentence]
    text: Optional[str] = None
    where: str = ""
    unlabeled: Optional[str] = None
    index: int = 0


class SentenceExample(NamedTuple):
    """A sentence, its number in the document, and the document, which is its context."""

    document: Document
    number: int
    sentence: Sentence


class Chunk(NamedTuple):
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


class SentenceChunk(NamedTuple):
    """A chunk, its number among those of its sentence, and the gold entities longer than any candidate."""

    example: SentenceExample
    chunk: Chunk
    number: int
    total: int
    too_long: List[LabeledSpan]


class CandidateSpans(np.ndarray):
    """
    The candidates of a chunk in metadata: an array, because tuples would take most of the memory of a corpus,
    but one that compares as a whole, as AllenNLP expects of metadata. Made by `array.view(CandidateSpans)`.
    """

    def __eq__(self, other: object) -> bool:
        return np.array_equal(np.asarray(self), np.asarray(other))

    def __ne__(self, other: object) -> bool:
        return not self == other
