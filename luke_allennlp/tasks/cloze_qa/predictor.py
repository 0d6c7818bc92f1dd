"""Answers to cloze questions about raw text."""

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
    `[start, end]` (characters, end exclusive) or as strings, and gives

    - `id` and `query`: the input's;
    - `answer`: `text`, `start`, `end` (characters of the passage, end exclusive) and `score` (probability) of
      the best candidate;
    - `candidates`, the best first: `text`, `start`, `end`, `logit`, `probability`. Each mention comes once,
      with the best of its windows; one that is too long for a window has `null` for logit and probability
      and comes last.

    A record of ReCoRD or SuperGLUE, which holds several questions, gives `{"questions": [...]}`, one such
    object each. With `--use-dataset-reader` it takes the reader's files, and gives one a question.
    """

    task = "luke_cloze_qa"
    model_type = ClozeQaModel
    reader_type = ClozeQaReader

    def predict(
        self, passage: str, query: str, candidates: Sequence[Union[str, Tuple[int, int]]]
    ) -> JsonDict:
        """
        # Parameters

        passage, query : `str`
        candidates : `Sequence[Union[str, Tuple[int, int]]]`

        # Returns

        `JsonDict`
            As for the object of these three.
        """
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
        ranked = sorted(best.values(), key=lambda candidate: (-candidate["logit"], candidate["start"]))
        ranked.extend(
            {"start": start, "end": end, "logit": None, "probability": None}
            for start, end in example.passage.candidates
            if (start, end) not in best
        )
        candidates = [
            {
                "text": example.passage.mention((candidate["start"], candidate["end"])),
                "start": candidate["start"],
                "end": candidate["end"],
                "logit": candidate["logit"],
                "probability": candidate["probability"],
            }
            for candidate in ranked
        ]
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
