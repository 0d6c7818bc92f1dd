"""Relation classification of raw text."""

from typing import Any, Dict, List, Sequence

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.common.records import Span
from luke_allennlp.tasks.base.predictor import TaskPredictor
from luke_allennlp.tasks.relation_classification.examples import RelationExample
from luke_allennlp.tasks.relation_classification.model import RelationModel
from luke_allennlp.tasks.relation_classification.reader import RelationInput, RelationReader


@Predictor.register("luke_relation_classification")
class RelationPredictor(TaskPredictor):
    """
    Registered as a `Predictor` with name "luke_relation_classification".

    Takes `{"text": "...", "head": [start, end], "tail": [start, end]}` (characters, the end exclusive) or
    records of TACRED, and gives

    - `text`: the input's, or its tokens joined by spaces;
    - `head`, `tail`: `text`, `start` and `end` of each;
    - `label`, its `probability`, and the `probabilities` of all labels, the most likely first.

    With `--use-dataset-reader` it takes the reader's files.

    # Parameters

    model : `RelationModel`
    dataset_reader : `RelationReader`
    batch_size : `int`, optional (default = `8`)
        Texts that go through the model at once, whatever the number of inputs.

    # Raises

    `ConfigurationError`
        The archive is of another task, or an input is in neither form.
    """

    task = "luke_relation_classification"
    model_type = RelationModel
    reader_type = RelationReader

    def predict(self, text: str, head: Sequence[int], tail: Sequence[int]) -> JsonDict:
        """
        # Parameters

        text : `str`
        head, tail : `Sequence[int]`
            First character of each, and the one after its last.

        # Returns

        `JsonDict`
            As for `{"text": text, "head": head, "tail": tail}`.
        """
        return self.predict_json({"text": text, "head": list(head), "tail": list(tail)})

    @overrides(check_signature=False)
    def output(
        self, example: RelationExample, items: List[RelationInput], outputs: List[Dict[str, Any]]
    ) -> JsonDict:
        (found,) = outputs
        return {
            "text": example.text,
            "head": _entity(example.text, example.head),
            "tail": _entity(example.text, example.tail),
            "label": found["label"],
            "probability": found["probability"],
            "probabilities": found["probabilities"],
        }


def _entity(text: str, span: Span) -> JsonDict:
    start, end = span
    return {"text": text[start:end], "start": start, "end": end}
