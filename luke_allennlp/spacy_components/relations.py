"""`luke_relations`: relations between entities."""

import itertools
from typing import Any, Dict, Iterator, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError
from spacy.tokens import Doc, Span

from luke_allennlp.common.options import check_choice
from luke_allennlp.spacy_components.component import LukeComponent
from luke_allennlp.spacy_components.extensions import RELATIONS, stored
from luke_allennlp.spacy_components.sentences import number_of, sentences_of, spans_of

_ORDERS = ("both", "text")

Pair = Tuple[Span, Span]


class LukeRelations(LukeComponent):
    """
    Added to a pipeline by `nlp.add_pipe("luke_relations", config={"model": ...})`.

    Classifies pairs of a sentence's entities, and sets `Doc._.luke_relations`: a list of `SpanRelation` with
    `head`, `tail`, `label` and `score`. The label for no relation is left out.

    # Parameters

    model, name, device, max_tokens
        As of `LukeComponent`.
    spans_key : `str`, optional (default = `None`)
        The span group whose spans are paired instead of those of `Doc.ents`.
    order : `str`, optional (default = `"both"`)
        The model is asked for each pair with either one as head ("both"), as suits TACRED, or with the first
        in the text as head ("text"), as suits labels that say the direction themselves, those of SemEval and
        KBP37.
    max_distance : `int`, optional (default = `None`)
        The most tokens between the two of a pair; by default any number.
    threshold : `float`, optional (default = `0.0`)
        Relations with a lower score are left out.
    """

    task = "relation_classification"

    def __init__(
        self,
        model: str,
        *,
        name: str = "luke_relations",
        spans_key: Optional[str] = None,
        order: str = "both",
        max_distance: Optional[int] = None,
        threshold: float = 0.0,
        device: Optional[str] = None,
        max_tokens: Optional[int] = None,
    ) -> None:
        check_choice(_ORDERS, order=order)
        if max_distance is not None and max_distance < 0:
            raise ConfigurationError(f"max_distance is {max_distance}; expected 0 or more.")
        super().__init__(model, name=name, device=device, max_tokens=max_tokens)
        self.spans_key = spans_key
        self.order = order
        self.max_distance = max_distance
        self.threshold = threshold

    def options(self) -> Dict[str, Any]:
        names = ("spans_key", "order", "max_distance", "threshold")
        return {**super().options(), **{name: getattr(self, name) for name in names}}

    def predict(self, docs: List[Doc]) -> List[List[List[Any]]]:
        records: List[Dict[str, Any]] = []
        pairs: List[List[Pair]] = []
        for doc in docs:
            pairs.append([])
            for text, head, tail in self._pairs(doc):
                at = text.start_char
                spans = {
                    name: [span.start_char - at, span.end_char - at]
                    for name, span in (("head", head), ("tail", tail))
                }
                records.append({"text": text.text, **spans})
                pairs[-1].append((head, tail))
        if not records:
            return [[] for _ in docs]
        found = iter(self.pipeline(records, progress=False))
        negative = getattr(self.pipeline.predictor._model, "negative_label", None)
        results = []
        for doc_pairs in pairs:
            relations = [(head, tail, next(found)) for head, tail in doc_pairs]
            results.append(
                [
                    [stored(head), stored(tail), relation.label, relation.score]
                    for head, tail, relation in relations
                    if relation.label != negative and relation.score >= self.threshold
                ]
            )
        return results

    def _pairs(self, doc: Doc) -> Iterator[Tuple[Span, Span, Span]]:
        """The text around each pair, its head and its tail."""
        sentences = sentences_of(doc)
        entities = sorted(spans_of(doc, self.spans_key), key=lambda span: (span.start, span.end))
        for number, group in itertools.groupby(entities, key=lambda span: number_of(sentences, span)):
            sentence = sentences[number]
            for first, second in itertools.combinations(group, 2):
                if self.max_distance is not None and second.start - first.end > self.max_distance:
                    continue
                text = doc[sentence.start : max(sentence.end, first.end, second.end)]
                yield text, first, second
                if self.order == "both":
                    yield text, second, first

    def set_annotations(self, doc: Doc, found: List[List[Any]]) -> None:
        doc.user_data[RELATIONS] = found
