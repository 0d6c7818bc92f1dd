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
    The words of a sentence, and its gold entities, which may be nested. `offsets` are where each word starts
    and ends (exclusive) in the text of the document, in characters. `where` is the place in the file, such as
    `"line 7"`, counted from 1. `unaligned` are gold entities, as character offsets and label, that do not
    start and end with words of the sentence: they cannot be predicted, and evaluation counts them as missed.
    """

    words: List[str]
    spans: List[LabeledSpan]
    offsets: Optional[List[Tuple[int, int]]] = None
    where: Optional[str] = None
    unaligned: List[Tuple[int, int, str]] = field(default_factory=list)


@dataclass
class Document:
    """
    Sentences that are the context of each other, and the text that their offsets refer to. `where` is the
    name in errors, such as `"data.jsonl, line 7"`, and `index` the place in the file. `unlabeled` says why
    the entities are unknown, such as "found only the keys 'id', 'text'". It is `None` if they are known, even
    if there are none.
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
    What the model sees at once. `token_ids` are the start token, context, the sentence (or a piece of it),
    context, and the end token, of shape (tokens,). `spans` are the first and last token of each candidate,
    inclusive, and `candidates` its first word in the sentence and the word after its last, both of shape
    (candidates, 2).
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
