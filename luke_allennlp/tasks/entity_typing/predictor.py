"""Entity typing: the predictor."""

from typing import Any, Dict, List, Sequence

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.tasks.base.mention_reader import MarkedInput
from luke_allennlp.tasks.base.predictor import TaskPredictor
from luke_allennlp.tasks.entity_typing.examples import TypingExample
from luke_allennlp.tasks.entity_typing.model import EntityTypingModel
from luke_allennlp.tasks.entity_typing.reader import EntityTypingReader


@Predictor.register("luke_entity_typing")
class EntityTypingPredictor(TaskPredictor):
    """
    Registered as a `Predictor` with name "luke_entity_typing".

    Takes `{"text": "...", "span": [start, end]}` (characters, end exclusive) or a record of Open Entity or
    Ultra-Fine, and returns

    - `text`: the input's, or its tokens joined by spaces;
    - `span`: the mention's characters in `text`, end exclusive;
    - `mention`: its text;
    - `labels`: its predicted types, each with `label` and `probability`, most probable first;
    - `probabilities`: of all types.

    With `--use-dataset-reader` it takes the reader's files and returns one such object per mention.

    # Parameters

    batch_size, max_tokens : `int`, optional (default = `None`)
        As of `TaskPredictor`.
    """

    task = "luke_entity_typing"
    model_type = EntityTypingModel
    reader_type = EntityTypingReader

    def predict(self, text: str, span: Sequence[int]) -> JsonDict:
        """Predicts `{"text": text, "span": span}`."""
        return self.predict_json({"text": text, "span": list(span)})

    @overrides(check_signature=False)
    def output(
        self, example: TypingExample, items: List[MarkedInput], outputs: List[Dict[str, Any]]
    ) -> JsonDict:
        (output,) = outputs
        probabilities = output["probabilities"]
        return {
            "text": example.text,
            "span": list(example.span),
            "mention": example.mention,
            "labels": [{"label": label, "probability": probabilities[label]} for label in output["labels"]],
            "probabilities": probabilities,
        }
