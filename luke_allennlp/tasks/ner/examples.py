"""Documents, sentences and entities: what every format of NER data is read into."""

from dataclasses import dataclass, field
from typing import List, NamedTuple, Optional, Tuple

NIL = "NIL"
"""The label of candidates that are no entities."""


class LabeledSpan(NamedTuple):
    """
    An entity of a sentence.

    # Parameters

    start : `int`
        Its first word in the sentence.
    end : `int`
        The word after its last.
    label : `str`
    """

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
        Gold entities, as character offsets and label, that do not start and end with words or that leave the
        sentence. They cannot be predicted, and evaluation counts them as missed.
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
    """
    A sentence and the document that is its context.

    # Parameters

    document : `Document`
    number : `int`
        The number of the sentence in the document.
    sentence : `Sentence`
    """

    document: Document
    number: int
    sentence: Sentence
