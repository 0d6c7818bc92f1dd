"""Relation classification: the predictor."""

from typing import Any, Dict, List, Sequence

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.common.records import Span
from luke_allennlp.tasks.base.mention_reader import MarkedInput
from luke_allennlp.tasks.base.predictor import TaskPredictor
from luke_allennlp.tasks.relation_classification.examples import RelationExample
from luke_allennlp.tasks.relation_classification.model import RelationModel
from luke_allennlp.tasks.relation_classification.reader import RelationReader


@Predictor.register("luke_relation_classification")
class RelationPredictor(TaskPredictor):
    """
    Registered as a `Predictor` with name "luke_relation_classification".

    Takes `{"text": "...", "head": [start, end], "tail": [start, end]}` (characters, end exclusive) or records
    of TACRED, and returns

    - `text`: the input's, or its tokens joined by spaces;
    - `head`, `tail`: `text`, `start` and `end` of each;
    - `label`, its `probability`, and the `probabilities` of all labels, most probable first.

    With `--use-dataset-reader` it takes the reader's files.

    # Parameters

    batch_size, max_tokens : `int`, optional (default = `None`)
        As of `TaskPredictor`.
    """

    task = "luke_relation_classification"
    model_type = RelationModel
    reader_type = RelationReader

    def predict(self, text: str, head: Sequence[int], tail: Sequence[int]) -> JsonDict:
        """Predicts `{"text": text, "head": head, "tail": tail}`."""
        return self.predict_json({"text": text, "head": list(head), "tail": list(tail)})

    @overrides(check_signature=False)
    def output(
        self, example: RelationExample, items: List[MarkedInput], outputs: List[Dict[str, Any]]
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
