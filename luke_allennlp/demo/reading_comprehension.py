"""Extractive QA on the page."""

from typing import Any, List

from luke_allennlp.demo.marked_text import segments
from luke_allennlp.demo.task_page import TOP, Results, TaskPage, bars, highest, highlighted, text_box


class ReadingComprehensionPage(TaskPage):
    """A passage and a question, and the answer in the passage."""

    task = "reading_comprehension"
    title = "Extractive question answering"
    hint = "Enter a passage, and a question that a part of it answers."

    def inputs(self) -> List[Any]:
        passage = (
            "Marie Curie was born in Warsaw in 1867. She moved to Paris in 1891, where she met Pierre Curie. "
            "In 1903 she was the first woman to win a Nobel Prize."
        )
        return [text_box("Passage", passage, lines=6), text_box("Question", "Where was Marie Curie born?")]

    def outputs(self) -> List[Any]:
        return [highlighted("Answer in the passage", color_map={"answer": "green"}), bars("Best answers")]

    def predict(self, *values: str) -> Results:
        passage, question = values
        answer = self.pipeline({"context": passage, "question": question})
        candidates = [(found.text if found else "(no answer)", found.score) for found in answer.candidates]
        spans = [(answer.start, answer.end, "answer")] if answer else []
        return segments(passage, spans), highest(candidates[:TOP])
