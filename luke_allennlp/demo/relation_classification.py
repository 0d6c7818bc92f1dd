"""Relation classification on the page."""

from typing import Any, List

from luke_allennlp.demo.marked_text import MarkedText, segments
from luke_allennlp.demo.task_page import Results, TaskPage, bars, highlighted, text_box


class RelationClassificationPage(TaskPage):
    """A text, its head and its tail, and a bar for each relation."""

    task = "relation_classification"
    title = "Relation classification"
    hint = "Enter a sentence, its head and its tail. If one is there twice, write [[ and ]] around it."

    def inputs(self) -> List[Any]:
        text = "Marie Curie was born in Warsaw and worked in Paris."
        return [
            text_box("Text", text, lines=3),
            text_box("Head", "Marie Curie"),
            text_box("Tail", "Warsaw"),
        ]

    def outputs(self) -> List[Any]:
        return [highlighted("Head and tail"), bars("Relations")]

    def predict(self, *values: str) -> Results:
        text, head_words, tail_words = values
        marked = MarkedText.parse(text)
        head, tail = marked.find(head_words, "Head"), marked.find(tail_words, "Tail")
        relation = self.pipeline({"text": marked.text, "head": list(head), "tail": list(tail)})
        return segments(marked.text, [(*head, "head"), (*tail, "tail")]), relation.scores
