"""Extractive QA: the predictor."""

from typing import Any, Dict, List

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.tasks.base.predictor import TaskPredictor
from luke_allennlp.tasks.reading_comprehension.decoding import ScoredAnswer, probabilities
from luke_allennlp.tasks.reading_comprehension.examples import Question
from luke_allennlp.tasks.reading_comprehension.model import ReadingComprehensionModel
from luke_allennlp.tasks.reading_comprehension.reader import ReadingComprehensionReader, Window


@Predictor.register("luke_reading_comprehension")
class ReadingComprehensionPredictor(TaskPredictor):
    """
    Registered as a `Predictor` with name "luke_reading_comprehension".

    Takes `{"question": "...", "context": "...", "title": "..."}` (the article's title is needed by some
    linkers only) and returns

    - `question`, and its `id` if it has one;
    - `answer`: `text`, `start` and `end` (characters of the context, end exclusive), `score` (start plus end
      logit) and `probability` (among the n-best answers). No answer, if the model allows it, has an empty
      `text` and `null` for `start` and `end`;
    - `nbest`: the best answers with distinct texts, best first, including no answer if the model allows it;
    - `null_score`, if it does: the score of no answer minus that of the best answer.

    It also takes SQuAD's paragraphs (`context` and `qas`), articles (`title` and `paragraphs`) and whole
    files, and returns `{"questions": [...]}`, one such object per question. With `--use-dataset-reader` it
    takes the reader's files and returns one such object per question.

    # Parameters

    batch_size, max_tokens : `int`, optional (default = `None`)
        As of `TaskPredictor`.
    """

    task = "luke_reading_comprehension"
    model_type = ReadingComprehensionModel
    reader_type = ReadingComprehensionReader

    def predict(self, question: str, context: str, title: str = "") -> JsonDict:
        """Predicts `{"question": question, "context": context, "title": title}`."""
        return self.predict_json({"question": question, "context": context, "title": title})

    @overrides(check_signature=False)
    def output(self, example: Question, items: List[Window], outputs: List[Dict[str, Any]]) -> JsonDict:
        model: ReadingComprehensionModel = self._model  # type: ignore[assignment]
        candidates = [candidate for output in outputs for candidate in output["candidates"]]
        answers = model.n_best_answers(items[0].passage, candidates)
        result: JsonDict = {"question": example.text}
        if example.id is not None:
            result["id"] = example.id
        null_score = min(output["null_score"] for output in outputs)
        none = ScoredAnswer("", None, None, null_score)
        chosen = answers[0] if answers else none
        listed = answers
        if model.allow_no_answer or not answers:
            listed = sorted([*answers, none], key=lambda answer: -answer.score)
            odds = null_score - chosen.score
            if odds > model.null_score_threshold:
                chosen = none
        shares = probabilities([answer.score for answer in listed])
        nbest = [
            {**answer._asdict(), "probability": share} for answer, share in zip(listed, shares, strict=True)
        ]
        result["answer"] = nbest[listed.index(chosen)]
        result["nbest"] = nbest
        if model.allow_no_answer:
            result["null_score"] = odds
        return result

    @overrides
    def record_output(self, record: JsonDict, examples: List[Any], outputs: List[JsonDict]) -> JsonDict:
        if record.keys() & {"data", "paragraphs", "qas"}:
            return {"questions": outputs}
        return super().record_output(record, examples, outputs)
