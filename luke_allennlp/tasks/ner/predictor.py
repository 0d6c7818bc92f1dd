"""Named entity recognition on raw text."""

from typing import Any, Dict, List

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.tasks.base.predictor import TaskPredictor
from luke_allennlp.tasks.ner.examples import SentenceChunk, SentenceExample
from luke_allennlp.tasks.ner.metric import non_overlapping
from luke_allennlp.tasks.ner.model import NerModel
from luke_allennlp.tasks.ner.reader import NerReader


@Predictor.register("luke_ner")
class NerPredictor(TaskPredictor):
    """
    Registered as a `Predictor` with name "luke_ner".

    Takes `{"text": "..."}`, `{"tokens": [...]}` (a sentence) or `{"sentences": [[...], ...]}` (a document),
    and returns

    - `text`: that of the input, or its tokens joined by spaces and its sentences by line ends;
    - `entities`, in the order of the text: `text`, `label`, `score` (probability), `start` and `end`
      (characters of `text`, end exclusive), `sentence` (its number) and `words` (first word in the sentence,
      and the word after the last).

    With `--use-dataset-reader` it takes the reader's files, and returns one such object a sentence, with
    `document` and `sentence`.

    # Parameters

    model : `NerModel`
    dataset_reader : `NerReader`
    batch_size, max_tokens : `int`, optional (default = `None`)
        As of `TaskPredictor`.

    # Raises

    `ConfigurationError`
        The archive belongs to another task, or an input has no known format.
    """

    task = "luke_ner"
    model_type = NerModel
    reader_type = NerReader

    def predict(self, text: str) -> JsonDict:
        """The output for `{"text": text}`."""
        return self.predict_json({"text": text})

    @overrides(check_signature=False)
    def output(
        self, example: SentenceExample, items: List[SentenceChunk], outputs: List[Dict[str, Any]]
    ) -> JsonDict:
        document, index, sentence = example
        if document.text is not None and sentence.offsets:
            first, last = sentence.offsets[0][0], sentence.offsets[-1][1]
            text = document.text[first:last]
            offsets = [(start - first, end - first) for start, end in sentence.offsets]
        else:
            text, offsets = " ".join(sentence.words), []
            start = 0
            for word in sentence.words:
                offsets.append((start, start + len(word)))
                start += len(word) + 1
        candidates = [entity for output in outputs for entity in output["predictions"]]
        entities = []
        for entity in self._decode(candidates):
            words = [entity["start"], entity["end"]]
            start, end = offsets[words[0]][0], offsets[words[1] - 1][1]
            result = {"text": text[start:end], "label": entity["label"], "score": entity["score"]}
            entities.append({**result, "start": start, "end": end, "sentence": index, "words": words})
        return {"document": document.id, "sentence": index, "text": text, "entities": entities}

    def _decode(self, candidates: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
        model: NerModel = self._model  # type: ignore[assignment]
        if not model.flat:
            return sorted(candidates, key=lambda entity: (entity["start"], -entity["end"]))
        spans = [(entity["start"], entity["end"]) for entity in candidates]
        chosen = non_overlapping(spans, [entity["logit"] for entity in candidates])
        return [candidates[index] for index in chosen]

    @overrides(check_signature=False)
    def record_output(
        self, record: JsonDict, examples: List[SentenceExample], outputs: List[JsonDict]
    ) -> JsonDict:
        """The entities of all sentences, with characters of the document's text."""
        reader: NerReader = self._reader  # type: ignore[assignment]
        document = examples[0].document if examples else reader.document_from_json(record, "")
        text = "\n".join(output["text"] for output in outputs) if document.text is None else document.text
        entities = []
        start = 0
        for example, output in zip(examples, outputs, strict=True):
            if document.text is not None and example.sentence.offsets:
                start = example.sentence.offsets[0][0]
            for entity in output["entities"]:
                entities.append({**entity, "start": entity["start"] + start, "end": entity["end"] + start})
            start += len(output["text"]) + 1
        return {"text": text, "entities": entities}
