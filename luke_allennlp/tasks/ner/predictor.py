"""Named entity recognition on raw text."""

from typing import Any, Dict, Iterator, List, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict, lazy_groups_of, sanitize
from allennlp.data import DatasetReader, Instance
from allennlp.models import Model
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.tasks.base.input_names import InputNames
from luke_allennlp.tasks.ner.decoding import non_overlapping
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.model import NerModel
from luke_allennlp.tasks.ner.reader import NerReader, SentenceChunk

Offsets = List[Tuple[int, int]]


@Predictor.register("luke_ner")
class NerPredictor(InputNames, Predictor):
    """
    Registered as a `Predictor` with name "luke_ner".

    Takes `{"text": "..."}`, `{"tokens": [...]}` (a sentence) or `{"sentences": [[...], ...]}` (a document),
    and gives

    - `text`: the input's, or its tokens joined by spaces, its sentences by line ends;
    - `entities`, in the order of the text: `text`, `label`, `score` (probability), `start` and `end`
      (characters of `text`, end exclusive), `sentence` (its number) and `words` (first word in the sentence,
      and the word after the last).

    With `--use-dataset-reader` it takes the reader's files, and gives one such object a sentence, with
    `document` and `sentence`.

    # Parameters

    model : `NerModel`
    dataset_reader : `NerReader`
    batch_size : `int`, optional (default = `8`)
        Windows that go through the model at once, whatever the number of inputs.

    # Raises

    `ConfigurationError`
        The archive is of another task, or an input is in none of the forms.
    """

    def __init__(self, model: Model, dataset_reader: DatasetReader, batch_size: int = 8) -> None:
        if not isinstance(model, NerModel) or not isinstance(dataset_reader, NerReader):
            raise ConfigurationError(
                f"The archive holds a {type(model).__name__} with a {type(dataset_reader).__name__}; the "
                "predictor 'luke_ner' needs a model and a reader of type 'luke_ner'."
            )
        if batch_size < 1:
            raise ConfigurationError(f"batch_size is {batch_size}; expected at least 1.")
        super().__init__(model, _SentenceReader(dataset_reader))
        model.eval()
        self._reader = dataset_reader
        self._flat = model.flat
        self._batch_size = batch_size

    def predict(self, text: str) -> JsonDict:
        """
        # Parameters

        text : `str`

        # Returns

        `JsonDict`
            As for `{"text": text}`.
        """
        return self.predict_json({"text": text})

    @overrides
    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return self.predict_batch_json([inputs])[0]

    @overrides
    def predict_batch_json(self, inputs: List[JsonDict]) -> List[JsonDict]:
        documents = []
        for record, where in zip(inputs, self.names_of(inputs), strict=True):
            documents.extend(self._reader.examples_from_json(record, where))
        texts = [_with_text(document) for document in documents]
        sentences = [sentence for document in documents for sentence in self._reader.chunk_document(document)]
        predicted = self._predict_sentences(sentences)
        outputs = []
        for document, (text, offsets) in zip(documents, texts, strict=True):
            entities: List[Dict[str, Any]] = []
            for index in range(len(document.sentences)):
                entities.extend(_entities(next(predicted), text, offsets[index], index))
            outputs.append({"text": text, "entities": entities})
        return sanitize(outputs)

    @overrides
    def predict_instance(self, instance: Instance) -> JsonDict:
        return self.predict_batch_instance([instance])[0]

    @overrides
    def predict_batch_instance(self, instances: List[Instance]) -> List[JsonDict]:
        """
        # Parameters

        instances : `List[Instance]`
            Sentences, as this predictor's reader gives them.

        # Returns

        `List[JsonDict]`
            One a sentence.
        """
        sentences = [_chunks_of(instance) for instance in instances]
        outputs = []
        for chunks, predicted in zip(sentences, self._predict_sentences(sentences), strict=True):
            text, offsets = _sentence_text(chunks[0])
            outputs.append(
                {
                    "document": chunks[0].document.id,
                    "sentence": chunks[0].sentence_index,
                    "text": text,
                    "entities": _entities(predicted, text, offsets, chunks[0].sentence_index),
                }
            )
        return sanitize(outputs)

    def _predict_sentences(self, sentences: List[List[SentenceChunk]]) -> Iterator[List[Dict[str, Any]]]:
        """The decoded entities of each sentence, its chunks put together."""
        chunks = [chunk for sentence in sentences for chunk in sentence]
        # Windows of like length go together, so that little is padding.
        order = sorted(range(len(chunks)), key=lambda index: len(chunks[index].chunk.word_ids))
        found: List[List[Dict[str, Any]]] = [[] for _ in chunks]
        for group in lazy_groups_of(order, self._batch_size):
            outputs = self._model.forward_on_instances(
                [self._reader.text_to_instance(chunks[index]) for index in group]
            )
            for index, output in zip(group, outputs, strict=True):
                found[index] = list(output["predictions"])
        at = 0
        for sentence in sentences:
            candidates = [entity for predictions in found[at : at + len(sentence)] for entity in predictions]
            at += len(sentence)
            yield self._decode(candidates)

    def _decode(self, candidates: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
        spans = [(entity["start"], entity["end"]) for entity in candidates]
        if self._flat:
            return [
                candidates[index]
                for index in non_overlapping(spans, [entity["logit"] for entity in candidates])
            ]
        return sorted(candidates, key=lambda entity: (entity["start"], -entity["end"]))


class _SentenceInstance(Instance):
    """The instance of a sentence's first chunk, which has all its chunks with it."""

    def __init__(self, instance: Instance, chunks: List[SentenceChunk]) -> None:
        super().__init__(instance.fields)
        self.chunks = chunks


class _SentenceReader(DatasetReader):
    """
    Gives one instance a sentence instead of one a chunk, so that `allennlp predict --use-dataset-reader`
    writes one line a sentence and no sentence is torn apart by the batches.
    """

    def __init__(self, reader: NerReader) -> None:
        # Here an instance is a sentence.
        super().__init__(max_instances=reader.max_items)
        self._reader = reader

    @overrides
    def _read(self, file_path: Any) -> Iterator[Instance]:
        for index, document in enumerate(self._reader.read_documents(str(file_path))):
            for chunks in self._reader.chunk_document(document, index):
                yield _SentenceInstance(self._reader.text_to_instance(chunks[0]), chunks)

    @overrides(check_signature=False)
    def text_to_instance(self, chunk: SentenceChunk, labeled: bool = False) -> Instance:
        return self._reader.text_to_instance(chunk, labeled)


def _chunks_of(instance: Instance) -> List[SentenceChunk]:
    if not isinstance(instance, _SentenceInstance):
        raise ConfigurationError(
            "The predictor 'luke_ner' takes instances of its own reader, one a sentence; "
            "read them with `allennlp predict --use-dataset-reader`, or hand JSON to predict_json."
        )
    return instance.chunks


def _with_text(document: Document) -> Tuple[str, List[Offsets]]:
    """The text of a document and, for each of its sentences, where its words are in it."""
    if document.text is not None:
        return document.text, [sentence.offsets or [] for sentence in document.sentences]
    text = ""
    all_offsets: List[Offsets] = []
    for sentence in document.sentences:
        text += "\n" if all_offsets else ""
        offsets: Offsets = []
        for word in sentence.words:
            text += " " if offsets else ""
            offsets.append((len(text), len(text) + len(word)))
            text += word
        all_offsets.append(offsets)
    return text, all_offsets


def _sentence_text(chunk: SentenceChunk) -> Tuple[str, Offsets]:
    """The text of one sentence, and where its words are in it."""
    sentence = chunk.sentence
    if chunk.document.text is None or not sentence.offsets:
        text, (offsets,) = _with_text(Document(chunk.document.id, [sentence]))
        return text, offsets
    first, last = sentence.offsets[0][0], sentence.offsets[-1][1]
    return chunk.document.text[first:last], [(start - first, end - first) for start, end in sentence.offsets]


def _entities(
    predicted: List[Dict[str, Any]], text: str, offsets: Offsets, sentence_index: int
) -> List[Dict[str, Any]]:
    entities = []
    for entity in predicted:
        start, end = offsets[entity["start"]][0], offsets[entity["end"] - 1][1]
        entities.append(
            {
                "text": text[start:end],
                "label": entity["label"],
                "score": entity["score"],
                "start": start,
                "end": end,
                "sentence": sentence_index,
                "words": [entity["start"], entity["end"]],
            }
        )
    return entities
