"""Cloze QA: the predictor."""

from typing import Any, Dict, List, Sequence, Tuple, Union

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.common.records import Span
from luke_allennlp.tasks.base.predictor import TaskPredictor
from luke_allennlp.tasks.cloze_qa.examples import ClozeExample
from luke_allennlp.tasks.cloze_qa.model import ClozeQaModel
from luke_allennlp.tasks.cloze_qa.reader import ClozeQaReader, ClozeWindow


@Predictor.register("luke_cloze_qa")
class ClozeQaPredictor(TaskPredictor):
    """
    Registered as a `Predictor` with name "luke_cloze_qa".

    Takes `{"passage": "...", "query": "... @placeholder ...", "candidates": [...]}`, the candidates as
    `[start, end]` (characters, end exclusive) or as strings, and returns

    - `id` and `query`: the input's;
    - `answer`: `text`, `start`, `end` (characters of the passage, end exclusive) and `score` (probability) of
      the best candidate;
    - `candidates`, best first: `text`, `start`, `end`, `logit`, `probability`, from the best of a mention's
      windows. Those too long for a window come last, with `null` for logit and probability.

    A record of ReCoRD or SuperGLUE, which holds several questions, returns `{"questions": [...]}`, one such
    object each. With `--use-dataset-reader` it takes the reader's files and returns one object per question.

    # Parameters

    batch_size, max_tokens : `int`, optional (default = `None`)
        As of `TaskPredictor`.
    """

    task = "luke_cloze_qa"
    model_type = ClozeQaModel
    reader_type = ClozeQaReader

    def predict(
        self, passage: str, query: str, candidates: Sequence[Union[str, Tuple[int, int]]]
    ) -> JsonDict:
        """Predicts the object of these three."""
        given = [candidate if isinstance(candidate, str) else list(candidate) for candidate in candidates]
        return self.predict_json({"passage": passage, "query": query, "candidates": given})

    @overrides(check_signature=False)
    def output(
        self, example: ClozeExample, items: List[ClozeWindow], outputs: List[Dict[str, Any]]
    ) -> JsonDict:
        best: Dict[Span, Dict[str, Any]] = {}
        for output in outputs:
            for candidate in output["predictions"]:
                span = candidate["start"], candidate["end"]
                if span not in best or candidate["logit"] > best[span]["logit"]:
                    best[span] = candidate
        candidates = sorted(best.values(), key=lambda candidate: (-candidate["logit"], candidate["start"]))
        for span in example.passage.candidates:
            if span not in best:
                text = example.passage.mention(span)
                candidates.append(
                    {"start": span[0], "end": span[1], "text": text, "logit": None, "probability": None}
                )
        answer: JsonDict = {"text": "", "start": None, "end": None, "score": None}
        if candidates:
            first = candidates[0]
            answer = {**{key: first[key] for key in ("text", "start", "end")}, "score": first["probability"]}
        return {"id": example.id, "query": example.query, "answer": answer, "candidates": candidates}

    @overrides
    def record_output(self, record: JsonDict, examples: List[Any], outputs: List[JsonDict]) -> JsonDict:
        if isinstance(record.get("passage"), str):
            return super().record_output(record, examples, outputs)
        return {"questions": outputs}
