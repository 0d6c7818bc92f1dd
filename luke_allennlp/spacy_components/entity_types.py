"""`luke_types`: types of entities."""

from typing import Any, Dict, List, Optional

from spacy.tokens import Doc

from luke_allennlp.spacy_components.component import LukeComponent
from luke_allennlp.spacy_components.extensions import TYPES
from luke_allennlp.spacy_components.sentences import number_of, sentences_of, spans_of


class LukeTypes(LukeComponent):
    """
    Added to a pipeline by `nlp.add_pipe("luke_types", config={"model": ...})`.

    Types the entities of a document, each in its sentence, and sets `Span._.luke_types`: the types with their
    probabilities, most probable first. It stays `None` for spans that are no entity.

    # Parameters

    model, name, device, max_tokens
        As of `LukeComponent`.
    spans_key : `str`, optional (default = `None`)
        The span group whose spans are typed instead of `Doc.ents`.
    threshold : `float`, optional (default = `0.5`)
        The least probability of a type.
    """

    task = "entity_typing"

    def __init__(
        self,
        model: str,
        *,
        name: str = "luke_types",
        spans_key: Optional[str] = None,
        threshold: float = 0.5,
        device: Optional[str] = None,
        max_tokens: Optional[int] = None,
    ) -> None:
        super().__init__(model, name=name, device=device, max_tokens=max_tokens)
        self.spans_key = spans_key
        self.threshold = threshold

    def options(self) -> Dict[str, Any]:
        return {**super().options(), "spans_key": self.spans_key, "threshold": self.threshold}

    def predict(self, docs: List[Doc]) -> List[List[Dict[str, float]]]:
        records: List[Dict[str, Any]] = []
        counts = []
        for doc in docs:
            sentences, entities = sentences_of(doc), spans_of(doc, self.spans_key)
            counts.append(len(entities))
            for entity in entities:
                sentence = sentences[number_of(sentences, entity)]
                # An entity may go on beyond its sentence.
                text = doc[sentence.start : max(sentence.end, entity.end)]
                span = [entity.start_char - text.start_char, entity.end_char - text.start_char]
                records.append({"text": text.text, "span": span})
        # The pipeline's results have only the types above the model's own threshold.
        outputs = iter(self.pipeline.predictor.predict_batch_json(records) if records else [])
        return [[self._types(next(outputs)["probabilities"]) for _ in range(count)] for count in counts]

    def _types(self, probabilities: Dict[str, float]) -> Dict[str, float]:
        chosen = [(label, score) for label, score in probabilities.items() if score >= self.threshold]
        return dict(sorted(chosen, key=lambda item: -item[1]))

    def set_annotations(self, doc: Doc, found: List[Dict[str, float]]) -> None:
        for entity, types in zip(spans_of(doc, self.spans_key), found, strict=True):
            entity._.set(TYPES, types)
