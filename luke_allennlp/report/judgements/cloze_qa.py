"""Cloze QA: the best candidate as an answer."""

from typing import Any, Dict, Sequence

from overrides import overrides

from luke_allennlp.report.judged import Judged, Mark
from luke_allennlp.report.judgements.answers import AnswerJudge
from luke_allennlp.tasks.cloze_qa.examples import ClozeExample


class TaskJudge(AnswerJudge):
    """Of "luke_cloze_qa"."""

    entities_name = "candidates"

    @overrides(check_signature=False)
    def judge(self, example: ClozeExample, items: Sequence[Any], output: Dict[str, Any]) -> Judged:
        answer = output["answer"]
        place = None if answer["start"] is None else Mark(answer["start"], answer["end"], "answer")
        return self.judged(
            where=example.where,
            text=example.passage.text,
            question=example.query,
            gold=example.answers or (),
            gold_marks=tuple(Mark(start, end, "gold") for start, end in sorted(example.answer_spans)),
            answer=answer["text"],
            answer_mark=place,
            probability=answer["score"],
            entities=len(example.passage.candidates),
        )
