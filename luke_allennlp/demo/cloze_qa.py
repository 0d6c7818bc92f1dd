"""Cloze QA on the page."""

from typing import Any, List

from luke_allennlp.demo.marked_text import segments
from luke_allennlp.demo.task_page import Results, TaskPage, bars, highest, highlighted, text_box


class ClozeQaPage(TaskPage):
    """A passage, its entities and a query with a gap, and the entity that fills it."""

    task = "cloze_qa"
    title = "Cloze question answering"
    hint = "Enter a passage, its entities, and a sentence with @placeholder where one of them is to be found."

    def inputs(self) -> List[Any]:
        passage = (
            "Marie Curie was born in Warsaw. She moved to Paris in 1891, where she met Pierre Curie at the "
            "Sorbonne."
        )
        return [
            text_box("Passage", passage, lines=5),
            text_box("Query", "The couple lived in @placeholder until his death.", lines=2),
            text_box(
                "Entities", "Marie Curie\nWarsaw\nParis\nPierre Curie\nSorbonne", lines=5, info="One a line"
            ),
        ]

    def outputs(self) -> List[Any]:
        return [highlighted("Answer in the passage", color_map={"answer": "green"}), bars("Entities")]

    def predict(self, *values: str) -> Results:
        passage, query, listed = values
        names = [line.strip() for line in listed.splitlines() if line.strip()]
        answer = self.pipeline({"passage": passage, "query": query, "candidates": names})
        scores = [(found.text, found.score) for found in answer.candidates if found.score is not None]
        spans = [(answer.start, answer.end, "answer")] if answer else []
        return segments(passage, spans), highest(scores)
