"""Exact match and F1 of answers, as SQuAD's official scorers compute them."""

from collections import Counter
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.base.answer_scores import exact_match_and_f1
from luke_allennlp.tasks.base.metric import TaskMetric
from luke_allennlp.tasks.reading_comprehension.examples import Question


class AnsweredQuestion(NamedTuple):
    """The answer to a question from one or more windows of its passage."""

    gold: Tuple[str, ...]  # empty if the passage does not answer the question
    text: Optional[str]  # the best non-empty answer; `None` if the question was not answered at all
    # The window with the highest rank counts. The second item is the answer's score.
    rank: Tuple[bool, float, int] = (False, 0.0, 0)
    null_score: Optional[float] = None  # of no answer, the lowest of all windows

    @property
    def null_odds(self) -> Optional[float]:
        """The score of no answer minus that of the best answer."""
        return None if self.null_score is None else self.null_score - self.rank[1]


@Metric.register("luke_reading_comprehension")
class ReadingComprehensionMetric(TaskMetric[AnsweredQuestion]):
    """
    Registered as a `Metric` with name "luke_reading_comprehension".

    `em` and `f1` in percent as in the official `evaluate-v1.1.py`, or if questions may have no answer as in
    `evaluate-v2.0.py`; then also its `HasAns_exact`, `HasAns_f1`, `HasAns_total`, `NoAns_exact`, `NoAns_f1`,
    `NoAns_total` and, at a reset, the scores with the best threshold: `best_exact`, `best_exact_thresh`,
    `best_f1`, `best_f1_thresh`. A question that was not answered scores 0.

    # Parameters

    allow_no_answer : `bool`, optional (default = `False`)
        Whether questions may have no answer (SQuAD 2.0).
    null_score_threshold : `float`, optional (default = `0.0`)
        Predict no answer if its score exceeds that of the best answer by more than this.
    """

    def __init__(self, allow_no_answer: bool = False, null_score_threshold: float = 0.0) -> None:
        super().__init__()
        self._allow_no_answer = allow_no_answer
        self._threshold = null_score_threshold

    @overrides
    def merge(self, first: AnsweredQuestion, second: AnsweredQuestion) -> AnsweredQuestion:
        best = max(first, second, key=lambda example: example.rank)
        null_scores = [score for score in (first.null_score, second.null_score) if score is not None]
        return best._replace(null_score=min(null_scores, default=None))

    @overrides
    def tally(self, example: AnsweredQuestion) -> Mapping[Any, float]:
        em, f1 = self._tallied(example)
        kind = "HasAns" if example.gold else "NoAns"
        by_kind = {f"{kind}_exact": em, f"{kind}_f1": f1, f"{kind}_total": 1}
        return {"em": em, "f1": f1, "total": 1, **by_kind}

    @overrides
    def scores(self, sums: Mapping[Any, float]) -> Dict[str, float]:
        total = max(sums["total"], 1)
        scores = {name: 100.0 * sums[name] / total for name in ("em", "f1")}
        for kind in ("HasAns", "NoAns") if self._allow_no_answer else ():
            number = sums[f"{kind}_total"]
            if number:
                scores.update(
                    {f"{kind}_{name}": 100.0 * sums[f"{kind}_{name}"] / number for name in ("exact", "f1")}
                )
                scores[f"{kind}_total"] = number
        return scores

    @overrides
    def final_scores(self, examples: List[AnsweredQuestion]) -> Dict[str, float]:
        if not self._allow_no_answer or any(example.null_score is None for example in examples):
            return {}
        by_odds = sorted(examples, key=lambda example: example.null_odds or 0.0)
        scored = [self._score(example, example.text) for example in by_odds]
        best: Dict[str, float] = {}
        for index, name in enumerate(("exact", "f1")):
            # Below every threshold no question is answered, which is right if there is no answer.
            right = most = sum(not example.gold for example in examples)
            threshold = 0.0
            for example, scores in zip(by_odds, scored, strict=True):
                if example.gold:
                    right += scores[index]  # type: ignore[assignment]
                elif example.text:
                    right -= 1
                if right > most:
                    most, threshold = right, example.null_odds or 0.0
            best[f"best_{name}"] = 100.0 * most / max(len(examples), 1)
            best[f"best_{name}_thresh"] = threshold
        return best

    def score_predictions(
        self,
        questions: Iterable[Question],
        predictions: Mapping[str, str],
        null_odds: Optional[Mapping[str, float]] = None,
    ) -> Dict[str, float]:
        """
        Scores a file of predictions, as the official scorers do, independently of the state: the answer to
        each question by its id, empty for no answer, and the score of no answer minus that of the prediction.
        """
        examples = []
        for question in questions:
            name = str(question.id)
            gold = tuple(answer.text for answer in question.answers or [])
            null_score = None if null_odds is None else null_odds[name]
            examples.append(AnsweredQuestion(gold, predictions.get(name), null_score=null_score))
        sums: Counter = Counter()
        for example in examples:
            sums.update(self.tally(example))
        return {**self.scores(sums), **self.final_scores(examples)}

    def _tallied(self, example: AnsweredQuestion) -> Tuple[float, float]:
        odds = example.null_odds
        if example.text is not None and self._allow_no_answer and odds is not None and odds > self._threshold:
            # Whatever the gold answers are, even if normalization leaves them empty.
            return (0.0, 0.0) if example.gold else (1.0, 1.0)
        return self._score(example, example.text)

    def _score(self, example: AnsweredQuestion, text: Optional[str]) -> Tuple[float, float]:
        return (0.0, 0.0) if text is None else exact_match_and_f1(text, example.gold, self._allow_no_answer)
