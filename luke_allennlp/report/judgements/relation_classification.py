"""Relation classification: one label a text."""

from typing import Any, Dict, Sequence

from allennlp.models import Model
from overrides import overrides

from luke_allennlp.report.judged import LABEL, RIGHT, Judged, Mark, Pair
from luke_allennlp.report.judgements.base import Judge, count_words
from luke_allennlp.tasks.relation_classification.examples import RelationExample


class TaskJudge(Judge):
    """Of "luke_relation_classification"."""

    item = "relation"
    entities_name = "words between the two mentions"
    kinds = {RIGHT: "right", LABEL: "another relation"}

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.negative = getattr(model, "negative_label", None)

    @overrides(check_signature=False)
    def judge(self, example: RelationExample, items: Sequence[Any], output: Dict[str, Any]) -> Judged:
        gold, predicted = str(example.label), output["label"]
        marks = (Mark(*example.head, "head"), Mark(*example.tail, "tail"))
        first, second = sorted(marks)
        return Judged(
            where=example.where,
            text=example.text,
            gold=marks,
            predicted=(),
            pairs=(Pair(gold, predicted, RIGHT if gold == predicted else LABEL, output["probability"]),),
            words=count_words(example.text),
            entities=count_words(example.text[first.end : max(first.end, second.start)]),
            quality=float(gold == predicted),
            gold_label=gold,
            predicted_label=f"{predicted} ({output['probability']:.0%})",
        )
