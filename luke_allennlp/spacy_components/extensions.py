"""
The attributes that documents and spans get. Behind them is what `Doc.to_bytes` and `DocBin` can store, so
that they survive saving and other processes.
"""

from typing import Any, List, NamedTuple

from spacy.tokens import Doc, Span

ENTITIES = "luke_entities"
RELATIONS = "luke_relations"
SCORE = "luke_score"
TYPES = "luke_types"


class SpanRelation(NamedTuple):
    """A relation between two entities of a document, and its probability."""

    head: Span
    tail: Span
    label: str
    score: float


def register_extensions() -> None:
    """Adds the attributes that are not there yet."""
    if not Doc.has_extension(ENTITIES):
        Doc.set_extension(ENTITIES, getter=_entities)
    if not Doc.has_extension(RELATIONS):
        Doc.set_extension(RELATIONS, getter=_relations)
    for name in (SCORE, TYPES):
        if not Span.has_extension(name):
            Span.set_extension(name, default=None)


def _entities(doc: Doc) -> List[Span]:
    return [_span(doc, row) for row in doc.user_data.get(ENTITIES, [])]


def _relations(doc: Doc) -> List[SpanRelation]:
    return [
        SpanRelation(_span(doc, head), _span(doc, tail), label, score)
        for head, tail, label, score in doc.user_data.get(RELATIONS, [])
    ]


def stored(span: Span) -> List[Any]:
    """A span as the document's `user_data` holds it."""
    return [span.start, span.end, span.label_]


def _span(doc: Doc, row: List[Any]) -> Span:
    start, end, label = row
    return Span(doc, start, end, label=label)
