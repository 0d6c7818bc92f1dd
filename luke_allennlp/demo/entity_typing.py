"""Entity typing on the page."""

from typing import Any, List

from luke_allennlp.demo.marked_text import MarkedText, segments
from luke_allennlp.demo.task_page import Results, TaskPage, bars, highlighted, text_box


class EntityTypingPage(TaskPage):
    """A text and a mention in it, and a bar for each type."""

    task = "entity_typing"
    title = "Entity typing"
    hint = "Enter a sentence and a mention in it. If it is there twice, write [[ and ]] around the one meant."

    def inputs(self) -> List[Any]:
        text = "Marie Curie was born in Warsaw and worked in Paris."
        return [text_box("Text", text, lines=3), text_box("Mention", "Warsaw")]

    def outputs(self) -> List[Any]:
        return [
            highlighted("The mention", show_inline_category=False),
            bars("Types (✓: predicted)", show_heading=False),
        ]

    def predict(self, *values: str) -> Results:
        text, words = values
        marked = MarkedText.parse(text)
        span = marked.find(words, "Mention")
        record = {"text": marked.text, "span": list(span)}
        predicted = {found.label for found in self.pipeline(record)}
        # Of all types, those that it does not predict included.
        scores = self.pipeline.predictor.predict_json(record)["probabilities"]
        named = {f"{label} ✓" if label in predicted else label: score for label, score in scores.items()}
        return segments(marked.text, [(*span, "mention")]), named
