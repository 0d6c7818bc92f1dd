"""Sentences of spaCy's documents."""

import itertools
from bisect import bisect_right
from typing import List, Optional

from spacy.pipeline import Sentencizer
from spacy.tokens import Doc, Span


def sentences_of(doc: Doc) -> List[Span]:
    """
    The sentences that the pipeline has set, else those by the rules of spaCy's `sentencizer`, which are not
    written to the document.
    """
    if not len(doc):
        return []
    if doc.has_annotation("SENT_START"):
        return list(doc.sents)
    (guesses,) = Sentencizer().predict([doc])
    starts = [index for index, is_start in enumerate(guesses) if is_start]
    return [doc[start:end] for start, end in itertools.pairwise([*starts, len(doc)])]


def number_of(sentences: List[Span], span: Span) -> int:
    """The number of the sentence in which a span starts."""
    return bisect_right([sentence.start for sentence in sentences], span.start) - 1


def spans_of(doc: Doc, spans_key: Optional[str]) -> List[Span]:
    """The entities of a document: those of a span group, else `Doc.ents`."""
    if spans_key is None:
        return list(doc.ents)
    return list(doc.spans[spans_key]) if spans_key in doc.spans else []
