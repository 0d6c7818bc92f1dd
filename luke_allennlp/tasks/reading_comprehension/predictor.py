"""Extractive question answering on raw text."""

from typing import Any, Dict, List

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.tasks.base.predictor import TaskPredictor
from luke_allennlp.tasks.reading_comprehension.decoding import ScoredAnswer, probabilities
from luke_allennlp.tasks.reading_comprehension.examples import Question, is_dataset_record
from luke_allennlp.tasks.reading_comprehension.model import ReadingComprehensionModel
from luke_allennlp.tasks.reading_comprehension.reader import ReadingComprehensionReader, Window


@Predictor.register("luke_reading_comprehension")
class ReadingComprehensionPredictor(TaskPredictor):
    """
    Registered as a `Predictor` with name "luke_reading_comprehension".

    Takes `{"question": "...", "context": "...", "title": "..."}` (the article's title, which not all linkers
    need, may be left out) and gives

    - `question`, and its `id` if it has one;
    - `answer`: `text`, `start` and `end` (characters of the context, end exclusive), `score` (start plus end
      logit) and `probability` (among the n-best answers). Where the model may leave a question without an
      answer, an empty `text` says so, and `start` and `end` are null;
    - `nbest`: such answers, the best first, no two with the same text; no answer is one of them if the model
      may give none;
    - `null_score`, if it may: how far the score of no answer is above that of the best answer.

    It also takes SQuAD's paragraphs (`context` and `qas`), articles (`title` and `paragraphs`) and whole
    files, and gives `{"questions": [...]}`, one such object a question. With `--use-dataset-reader` it takes
    the reader's files, and gives one such object a question.

    # Parameters

    model : `ReadingComprehensionModel`
    dataset_reader : `ReadingComprehensionReader`
    batch_size : `int`, optional (default = `8`)
        Windows that go through the model at once, whatever the number of inputs.

    # Raises

    `ConfigurationError`
        The archive is of another task, or an input is in none of the forms.
    """

    task = "luke_reading_comprehension"
    model_type = ReadingComprehensionModel
    reader_type = ReadingComprehensionReader

    def predict(self, question: str, context: str, title: str = "") -> JsonDict:
        """
        # Parameters

        question, context : `str`
        title : `str`, optional (default = `""`)

        # Returns

        `JsonDict`
            As for `{"question": question, "context": context, "title": title}`.
        """
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
        if is_dataset_record(record):
            return {"questions": outputs}
        return super().record_output(record, examples, outputs)
