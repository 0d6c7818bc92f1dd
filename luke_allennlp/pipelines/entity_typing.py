"""Entity typing from Python."""

from typing import Any, Dict, List

from luke_allennlp.pipelines.pipeline import Pipeline
from luke_allennlp.pipelines.results import EntityType


class EntityTypingPipeline(Pipeline[List[EntityType]]):
    """
    Takes `{"text": "...", "span": [start, end]}` (characters, end exclusive) or a record of Open Entity or
    Ultra-Fine, and returns the predicted types of the mention, most probable first.
    """

    task = "entity_typing"
    _expected = "a dictionary with 'text' and 'span'"

    def _result(self, record: Dict[str, Any], output: Dict[str, Any]) -> List[EntityType]:
        return [EntityType(found["label"], found["probability"]) for found in output["labels"]]
