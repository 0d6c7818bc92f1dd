"""Predictions as spaCy's DocBin."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, List, Tuple

from luke_allennlp.common.files import written_whole
from luke_allennlp.tasks.ner.forms.prediction import Prediction

if TYPE_CHECKING:
    from spacy.tokens import Doc

SPAN_GROUP = "sc"
"""Where spaCy's own span categorizer has its spans."""


class DocBinWriter:
    """
    Writes a `.spacy` file once the context has ended without an error: a `Doc` for each text, with the words
    and sentences that the model saw, and entities in `doc.ents`. Those of a text in which they overlap are in
    `doc.spans["sc"]` instead, all of them.

    # Parameters

    path : `Path`
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._docs: Any = None

    def __enter__(self) -> "DocBinWriter":
        import spacy
        from spacy.tokens import DocBin

        self._vocab = spacy.blank("xx").vocab
        self._docs = DocBin()
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            with written_whole(self._path) as temporary:
                self._docs.to_disk(temporary)

    def add(self, prediction: Prediction) -> None:
        self._docs.add(self._doc(prediction))

    def _doc(self, prediction: Prediction) -> "Doc":
        from spacy.tokens import Doc, Span

        tokens, places = _tokens(prediction)
        doc = Doc(
            self._vocab,
            words=[word for word, _ in tokens],
            spaces=[space for _, space in tokens],
            sent_starts=[*_sentence_starts(places, len(tokens))],
        )
        spans = []
        for entity in prediction.entities:
            words = places[entity.sentence][slice(*entity.words)]
            spans.append(Span(doc, words[0], words[-1] + 1, label=entity.label))
        ends = sorted((span.start, span.end) for span in spans)
        if any(end > start for (_, end), (start, _) in zip(ends, ends[1:], strict=False)):
            doc.spans[SPAN_GROUP] = spans
        else:
            doc.set_ents(spans, default="outside")
        return doc


def _tokens(prediction: Prediction) -> Tuple[List[Tuple[str, bool]], List[List[int]]]:
    """
    Tokens, each with whether a space follows, that make up the text: the words, and what is between them. And
    of each sentence the numbers of its words' tokens.
    """
    tokens: List[Tuple[str, bool]] = []
    places: List[List[int]] = []
    position = 0

    def advance(end: int) -> None:
        gap = prediction.text[position:end]
        if gap.startswith(" ") and tokens:
            tokens[-1] = (tokens[-1][0], True)
            gap = gap[1:]
        if gap:
            tokens.append((gap, False))

    for sentence in prediction.words:
        places.append([])
        for word, (start, end) in sentence:
            advance(start)
            places[-1].append(len(tokens))
            tokens.append((prediction.text[start:end] or word, False))
            position = end
    advance(len(prediction.text))
    return tokens, places


def _sentence_starts(places: List[List[int]], number: int) -> List[bool]:
    starts = {sentence[0] for sentence in places if sentence} - {
        min(map(min, filter(None, places)), default=0)
    }
    return [index in starts or index == 0 for index in range(number)]
