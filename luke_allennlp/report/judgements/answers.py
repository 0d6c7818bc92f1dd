"""What the judges of question answering share."""

from typing import ClassVar, Dict, Iterable, Optional, Tuple

from overrides import overrides

from luke_allennlp.report.judged import BOUNDARY, LABEL, MISSED, RIGHT, SPURIOUS, Judged, Mark, Pair
from luke_allennlp.report.judgements.base import Judge, count_words
from luke_allennlp.report.marked_text import layers_of
from luke_allennlp.tasks.base.answer_scores import exact_match_and_f1

NO_ANSWER = "no answer"


class AnswerJudge(Judge):
    """The base class of both. Answers are compared as the official scorers do."""

    has_labels = False
    item = "answer"
    score_name = "F1 of answers"
    kinds: ClassVar[Dict[str, str]] = {
        RIGHT: "exact",
        BOUNDARY: "in part",
        LABEL: "wrong",
        MISSED: "not answered",
        SPURIOUS: "answered, though there is no answer",
    }

    @overrides
    def score(self, examples: Iterable[Judged]) -> float:
        qualities = [example.quality for example in examples]
        return sum(qualities) / len(qualities) if qualities else 0.0

    def judged(
        self,
        *,
        where: str,
        text: str,
        question: str,
        gold: Tuple[str, ...],
        gold_marks: Tuple[Mark, ...],
        answer: str,
        answer_mark: Optional[Mark],
        probability: Optional[float],
        entities: int,
        may_be_none: bool = False,
        group: str = "",
    ) -> Judged:
        """An answered question. An empty answer is none."""
        exact, quality = exact_match_and_f1(answer, gold, may_be_none) if gold or may_be_none else (0.0, 0.0)
        if exact:
            kind = RIGHT
        elif not gold:
            kind = SPURIOUS
        elif not answer:
            kind = MISSED
        else:
            kind = BOUNDARY if quality else LABEL
        known = list(dict.fromkeys(gold))
        sure = "" if probability is None else f" ({probability:.0%})"
        return Judged(
            where=where,
            text=text,
            gold=tuple(layers_of(gold_marks)[0]) if gold_marks else (),
            predicted=() if answer_mark is None else (answer_mark,),
            pairs=(Pair(known[0] if known else None, answer or None, kind, probability),),
            words=count_words(text),
            entities=entities,
            quality=quality,
            gold_label=" / ".join(known) or NO_ANSWER,
            predicted_label=(answer or NO_ANSWER) + sure,
            question=question,
            group=group,
        )
