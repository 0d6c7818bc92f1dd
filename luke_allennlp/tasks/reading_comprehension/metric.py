"""Exact match and F1 of answers, as SQuAD's official scorers of both versions count them."""

from collections import Counter
from functools import lru_cache
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.base.metric import TaskMetric
from luke_allennlp.tasks.reading_comprehension.examples import Question


class AnsweredQuestion(NamedTuple):
    """
    What was answered to a question, from one window of its passage or more.

    # Parameters

    gold : `Tuple[str, ...]`
        The answers that are right; none if there is none in the passage.
    text : `str`, optional
        The best answer that is not empty; `None` if the question was not answered at all.
    rank : `Tuple[bool, float, int]`, optional (default = `(False, 0.0, 0)`)
        How good it is: of several windows the one with the greatest counts. The second is its score.
    null_score : `float`, optional (default = `None`)
        What says that there is no answer, the lowest of all windows.
    """

    gold: Tuple[str, ...]
    text: Optional[str]
    rank: Tuple[bool, float, int] = (False, 0.0, 0)
    null_score: Optional[float] = None

    @property
    def null_odds(self) -> Optional[float]:
        """How much more there is for no answer than for the best."""
        return None if self.null_score is None else self.null_score - self.rank[1]


@Metric.register("luke_reading_comprehension")
class ReadingComprehensionMetric(TaskMetric[AnsweredQuestion]):
    """
    Registered as a `Metric` with name "luke_reading_comprehension".

    `em` and `f1` in percent, those of the official `evaluate-v1.1.py`, or if questions may have no answer
    those of `evaluate-v2.0.py`; then also its `HasAns_exact`, `HasAns_f1`, `HasAns_total`, `NoAns_exact`,
    `NoAns_f1`, `NoAns_total` and, at a reset, what the best threshold would give: `best_exact`,
    `best_exact_thresh`, `best_f1`, `best_f1_thresh`. A question that was not answered scores 0.

    # Parameters

    allow_no_answer : `bool`, optional (default = `False`)
        Whether questions may have no answer (SQuAD 2.0).
    null_score_threshold : `float`, optional (default = `0.0`)
        How far the score of no answer must be above that of the best answer to be preferred to it.
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
        return {"em": em, "f1": f1, "total": 1} | {
            f"{kind}_exact": em,
            f"{kind}_f1": f1,
            f"{kind}_total": 1,
        }

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
            # Below any threshold no question is answered, which is right where there is no answer.
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
        Scores answers that are there already, as the official scorers do with a file of predictions. What was
        counted before is left alone.

        # Parameters

        questions : `Iterable[Question]`
            With their right answers.
        predictions : `Mapping[str, str]`
            The answer to each question, by its id; empty for no answer.
        null_odds : `Mapping[str, float]`, optional (default = `None`)
            How much more there is for no answer than for the prediction.

        # Returns

        `Dict[str, float]`
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
            # What the answers are is not looked at then, even if normalisation leaves nothing of them.
            return (0.0, 0.0) if example.gold else (1.0, 1.0)
        return self._score(example, example.text)

    def _score(self, example: AnsweredQuestion, text: Optional[str]) -> Tuple[float, float]:
        return (0.0, 0.0) if text is None else _em_and_f1(text, example.gold, self._allow_no_answer)


@lru_cache(maxsize=100_000)
def _em_and_f1(text: str, gold: Tuple[str, ...], may_be_none: bool) -> Tuple[float, float]:
    """
    Those of the best gold answer. Version 1.1 gives no F1 to an answer of which the normalisation leaves
    nothing, 2.0 gives 1 if it leaves nothing of the gold answer either.
    """
    # All of allennlp-models' reading comprehension comes along.
    from allennlp_models.rc.tools.squad import get_metric_score, get_tokens, normalize_answer

    if may_be_none:
        gold = tuple(answer for answer in gold if normalize_answer(answer))
    em, f1 = get_metric_score(text, gold or ("",))
    return float(em), f1 if may_be_none or get_tokens(text) else 0.0
