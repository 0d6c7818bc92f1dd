"""Documents, sentences and entities as every form of NER data gives them and the NER reader takes them."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

NIL = "NIL"
"""The label of a candidate that is no entity."""


class LabeledSpan(NamedTuple):
    """
    An entity of a sentence.

    # Parameters

    start : `int`
        Index of its first word in the sentence.
    end : `int`
        Index after its last word.
    label : `str`
        Its type.
    """

    start: int
    end: int
    label: str


@dataclass
class Sentence:
    """
    A sentence of words, with its gold entities if they are known.

    # Parameters

    words : `List[str]`
    spans : `List[LabeledSpan]`
        Gold entities in the order of the file; they may be nested.
    offsets : `List[Tuple[int, int]]`, optional (default = `None`)
        Where each word starts and ends (exclusive) in the text of the document, in characters.
    where : `str`, optional (default = `None`)
        Its place in the file: `"line 7"`, counted from 1.
    unaligned : `List[Tuple[int, int, str]]`, optional (default = `[]`)
        Gold entities, as character offsets and label, whose ends are no ends of words or which leave the
        sentence. No model that labels words can find them: evaluation counts them as misses.
    """

    words: List[str]
    spans: List[LabeledSpan]
    offsets: Optional[List[Tuple[int, int]]] = None
    where: Optional[str] = None
    unaligned: List[Tuple[int, int, str]] = field(default_factory=list)


@dataclass
class Document:
    """
    Sentences which are context of each other.

    # Parameters

    id : `str`
    sentences : `List[Sentence]`
    text : `str`, optional (default = `None`)
        The text that the offsets of the words count in.
    where : `str`, optional (default = `""`)
        What to call it in an error: `"data.jsonl, line 7"`.
    unlabeled : `str`, optional (default = `None`)
        Why its entities are not known, such as "found only the keys 'id', 'text'". `None` if they are known,
        even if there are none.
    """

    id: str
    sentences: List[Sentence]
    text: Optional[str] = None
    where: str = ""
    unlabeled: Optional[str] = None


@dataclass
class CorpusCounts:
    """
    How much there is in some documents; `str()` of it is made for a log.

    # Parameters

    documents : `int`
    sentences : `int`
    words : `int`
    entities : `Dict[str, int]`
        Gold entities of each label in alphabetical order, unaligned ones included.
    unaligned : `int`
        How many of the entities are unaligned.
    """

    documents: int
    sentences: int
    words: int
    entities: Dict[str, int]
    unaligned: int

    def __str__(self) -> str:
        text = (
            f"{self.documents:,} documents, {self.sentences:,} sentences, {self.words:,} words, "
            f"{sum(self.entities.values()):,} entities"
        )
        if self.entities:
            text += " (" + ", ".join(f"{label} {number:,}" for label, number in self.entities.items()) + ")"
        if self.unaligned:
            text += f", {self.unaligned:,} of them not aligned with words"
        return text


def count_documents(documents: Iterable[Document]) -> CorpusCounts:
    """
    # Returns

    `CorpusCounts`
        The numbers of documents, sentences, words, and entities by label.
    """
    number = sentences = words = unaligned = 0
    entities: Counter[str] = Counter()
    for document in documents:
        number += 1
        for sentence in document.sentences:
            sentences += 1
            words += len(sentence.words)
            unaligned += len(sentence.unaligned)
            entities.update(span.label for span in sentence.spans)
            entities.update(label for _, _, label in sentence.unaligned)
    return CorpusCounts(number, sentences, words, dict(sorted(entities.items())), unaligned)
