"""Predicted entities of a text, as the writers of formats take them."""

from dataclasses import dataclass, replace
from typing import Any, Dict, List, NamedTuple, Tuple

from luke_allennlp.common.records import Span
from luke_allennlp.tasks.ner.examples import Document, SentenceExample


class PredictedEntity(NamedTuple):
    """`start` and `end` count characters of the text; `words` those of the sentence, the end exclusive."""

    start: int
    end: int
    label: str
    score: float
    sentence: int
    words: Span


@dataclass
class Prediction:
    """
    # Parameters

    text : `str`
    words : `List[List[Tuple[str, Span]]]`
        Of each sentence, the words and their characters in the text.
    entities : `List[PredictedEntity]`
    """

    text: str
    words: List[List[Tuple[str, Span]]]
    entities: List[PredictedEntity]

    @classmethod
    def of_document(cls, document: Document, output: Dict[str, Any]) -> "Prediction":
        """Of the predictor's output for a record, and the document that its reader makes of it."""
        words: List[List[Tuple[str, Span]]] = []
        start = 0
        for sentence in document.sentences:
            offsets = sentence.offsets
            if document.text is None or not offsets:
                offsets = []
                for word in sentence.words:
                    offsets.append((start, start + len(word)))
                    start += len(word) + 1
            words.append(list(zip(sentence.words, offsets, strict=True)))
        entities = [
            PredictedEntity(
                start=found["start"],
                end=found["end"],
                label=found["label"],
                score=found["score"],
                sentence=found["sentence"],
                words=(found["words"][0], found["words"][1]),
            )
            for found in output["entities"]
        ]
        return cls(output["text"], words, entities)

    @classmethod
    def of_sentence(cls, example: SentenceExample, output: Dict[str, Any]) -> "Prediction":
        """Of the predictor's output for one sentence of a file."""
        document, _, sentence = example
        if document.text is not None and sentence.offsets:
            first = sentence.offsets[0][0]
            offsets = [(start - first, end - first) for start, end in sentence.offsets]
            part = Document(document.id, [replace(sentence, offsets=offsets)], output["text"])
        else:
            part = Document(document.id, [sentence])
        entities = [{**found, "sentence": 0} for found in output["entities"]]
        return cls.of_document(part, {**output, "entities": entities})
