"""Relation classification from Python."""

from typing import Any, Dict

from luke_allennlp.pipelines.pipeline import Pipeline
from luke_allennlp.pipelines.results import Mention, Relation


class RelationClassificationPipeline(Pipeline[Relation]):
    """
    Takes `{"text": "...", "head": [start, end], "tail": [start, end]}` (characters, end exclusive) or a
    record that the reader takes, and returns the relation of the two mentions.
    """

    task = "relation_classification"
    _expected = "a dictionary with 'text', 'head' and 'tail'"

    def _result(self, record: Dict[str, Any], output: Dict[str, Any]) -> Relation:
        return Relation(
            label=output["label"],
            score=output["probability"],
            head=Mention(**output["head"]),
            tail=Mention(**output["tail"]),
            scores=output["probabilities"],
        )
