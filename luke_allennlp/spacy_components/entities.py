"""`luke_ner`: named entities."""

import logging
from typing import Any, Dict, Iterable, List, NamedTuple, Optional

import numpy as np
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from luke_allennlp.spacy_components.component import LukeComponent
from luke_allennlp.spacy_components.extensions import ENTITIES, SCORE, stored
from luke_allennlp.spacy_components.sentences import sentences_of

logger = logging.getLogger(__name__)


class Found(NamedTuple):
    """An entity in tokens of the document, end exclusive."""

    start: int
    end: int
    label: str
    score: float


class LukeEntities(LukeComponent):
    """
    Added to a pipeline by `nlp.add_pipe("luke_ner", config={"model": ...})`.

    Finds named entities in the document's own tokens, so that every entity starts and ends with a token.
    White space is left out. Sentences are those that an earlier component has set, such as "sentencizer",
    else those by the sentencizer's rules; a document's sentences are context of each other if they were in
    training.

    Sets `Doc.ents` or a span group, the score of each as `Span._.luke_score`, and `Doc._.luke_entities`: all
    that the model found, in the order of the text.

    # Parameters

    model, name, device, max_tokens
        As of `LukeComponent`.
    spans_key : `str`, optional (default = `None`)
        The span group that is set instead of `Doc.ents`, for models that find overlapping entities
        (`flat: false`). Its `attrs["scores"]` are the scores, as of spaCy's "spancat".
    overwrite_ents : `bool`, optional (default = `False`)
        Which entity stays where one of an earlier component overlaps with one of this: the earlier one, or if
        true this one, as of spaCy's "entity_ruler".
    threshold : `float`, optional (default = `0.0`)
        Entities with a lower score are left out.
    """

    task = "ner"

    def __init__(
        self,
        model: str,
        *,
        name: str = "luke_ner",
        spans_key: Optional[str] = None,
        overwrite_ents: bool = False,
        threshold: float = 0.0,
        device: Optional[str] = None,
        max_tokens: Optional[int] = None,
    ) -> None:
        super().__init__(model, name=name, device=device, max_tokens=max_tokens)
        self.spans_key = spans_key
        self.overwrite_ents = overwrite_ents
        self.threshold = threshold
        self._has_warned = False

    def options(self) -> Dict[str, Any]:
        names = ("spans_key", "overwrite_ents", "threshold")
        return {**super().options(), **{name: getattr(self, name) for name in names}}

    def predict(self, docs: List[Doc]) -> List[List[Found]]:
        tokens: List[List[List[int]]] = []  # the words of each sentence of each document
        for doc in docs:
            sentences = ([t.i for t in sentence if t.text.strip()] for sentence in sentences_of(doc))
            tokens.append([sentence for sentence in sentences if sentence])
        filled = [index for index, sentences in enumerate(tokens) if sentences]
        records = [
            {"sentences": [[docs[index][i].text for i in words] for words in tokens[index]]}
            for index in filled
        ]
        results: List[List[Found]] = [[] for _ in docs]
        for index, entities in zip(filled, self.pipeline(records, progress=False), strict=True):
            for entity in entities:
                words = tokens[index][entity.sentence]
                first, end = entity.words
                if entity.score >= self.threshold:
                    found = Found(words[first], words[end - 1] + 1, entity.label, entity.score)
                    results[index].append(found)
        return results

    def set_annotations(self, doc: Doc, found: List[Found]) -> None:
        spans = [Span(doc, entity.start, entity.end, label=entity.label) for entity in found]
        for span, entity in zip(spans, found, strict=True):
            span._.set(SCORE, entity.score)
        doc.user_data[ENTITIES] = [stored(span) for span in spans]
        if self.spans_key is not None:
            scores = np.array([entity.score for entity in found], dtype=np.float32)
            group = SpanGroup(doc, name=self.spans_key, spans=spans, attrs={"scores": scores})
            doc.spans[self.spans_key] = group
            return
        # Where entities overlap, the most certain one stays.
        order = sorted(range(len(found)), key=lambda index: (-found[index].score, found[index].start))
        flat = _non_overlapping([spans[index] for index in order])
        if len(flat) < len(spans) and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s: of %d entities of a document, %d overlap with a more certain one, and Doc.ents has no "
                "place for them; set `spans_key` for a span group (all are in Doc._.luke_entities).",
                self.name,
                len(spans),
                len(spans) - len(flat),
            )
        earlier = list(doc.ents)
        doc.ents = _non_overlapping([*flat, *earlier] if self.overwrite_ents else [*earlier, *flat])

    def score(self, examples: Iterable[Example], **options: Any) -> Dict[str, Any]:
        """Precision, recall and F1, as spaCy's "ner" or "spancat" report them."""
        if self.spans_key is None:
            return dict(get_ner_prf(examples))
        key = self.spans_key
        return dict(
            Scorer.score_spans(
                examples,
                f"spans_{key}",
                getter=lambda doc, _: doc.spans[key] if key in doc.spans else [],
                has_annotation=lambda doc: key in doc.spans,
                allow_overlap=True,
            )
        )


def _non_overlapping(spans: List[Span]) -> List[Span]:
    """Those that share no token with an earlier one of the list."""
    taken: set[int] = set()
    kept = []
    for span in spans:
        tokens = range(span.start, span.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            kept.append(span)
    return kept
