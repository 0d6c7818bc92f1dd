"""Extractive QA from Python."""

from dataclasses import replace
from typing import Any, Dict, List, Union

from luke_allennlp.pipelines.pipeline import Pipeline
from luke_allennlp.pipelines.results import Answer


class ReadingComprehensionPipeline(Pipeline[Union[Answer, List[Answer]]]):
    """
    Takes `{"question": "...", "context": "...", "title": "..."}` (the title is needed by some linkers only)
    and returns the answer, which may be that there is none if the model has learnt that (SQuAD 2.0). For
    SQuAD's paragraphs, articles and whole files it returns a list.
    """

    task = "reading_comprehension"
    _expected = "a dictionary with 'question' and 'context'"

    def _result(self, record: Dict[str, Any], output: Dict[str, Any]) -> Union[Answer, List[Answer]]:
        if "questions" in output:
            return [_answer(question) for question in output["questions"]]
        return _answer(output)


def _answer(output: Dict[str, Any]) -> Answer:
    answer = Answer.of(output, score="probability", candidates="nbest")
    return replace(answer, question=output["question"], id=output.get("id"))
