"""Cloze QA from Python."""

from dataclasses import replace
from typing import Any, Dict, List, Union

from luke_allennlp.pipelines.pipeline import Pipeline
from luke_allennlp.pipelines.results import Answer


class ClozeQaPipeline(Pipeline[Union[Answer, List[Answer]]]):
    """
    Takes `{"passage": "...", "query": "... @placeholder ...", "candidates": [...]}`, the candidates as
    `[start, end]` (characters, end exclusive) or as strings, and returns the best candidate. For a record of
    ReCoRD or SuperGLUE, which has several questions, it returns a list.
    """

    task = "cloze_qa"
    _expected = "a dictionary with 'passage', 'query' and 'candidates'"

    def _result(self, record: Dict[str, Any], output: Dict[str, Any]) -> Union[Answer, List[Answer]]:
        if "questions" in output:
            return [_answer(question) for question in output["questions"]]
        return _answer(output)


def _answer(output: Dict[str, Any]) -> Answer:
    answer = Answer.of(output, score="score", candidates="candidates")
    return replace(answer, question=output["query"], id=output.get("id"))
