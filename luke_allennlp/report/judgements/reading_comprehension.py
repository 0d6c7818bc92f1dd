"""Extractive QA: a span of the passage as an answer."""

from typing import Any, Dict, Sequence

from allennlp.models import Model
from overrides import overrides

from luke_allennlp.report.judged import Judged, Mark
from luke_allennlp.report.judgements.answers import AnswerJudge
from luke_allennlp.tasks.reading_comprehension.examples import Question

_QUESTION_WORDS = "what who whom whose when where which why how".split()


class TaskJudge(AnswerJudge):
    """Of "luke_reading_comprehension"."""

    entities_name = "entities of question and passage"

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._allow_no_answer = bool(getattr(model, "allow_no_answer", False))

    @overrides(check_signature=False)
    def judge(self, example: Question, items: Sequence[Any], output: Dict[str, Any]) -> Judged:
        answer, context = output["answer"], example.passage.context
        place = None if answer["start"] is None else Mark(answer["start"], answer["end"], "answer")
        words = [word.strip(".,?!\"'") for word in example.text.lower().split()]
        return self.judged(
            where=example.name,
            text=context,
            question=example.text,
            gold=tuple(gold.text for gold in example.answers or []),
            gold_marks=tuple(
                Mark(gold.start, min(gold.end, len(context)), "gold") for gold in example.answers or []
            ),
            answer=answer["text"],
            answer_mark=place,
            probability=answer["probability"],
            entities=len({(entity.first, entity.row) for item in items for entity in item.entities}),
            may_be_none=self._allow_no_answer,
            group=next((word for word in words if word in _QUESTION_WORDS), "other"),
        )
