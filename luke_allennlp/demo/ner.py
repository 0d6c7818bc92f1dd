"""Named entity recognition on the page."""

from html import escape
from typing import Any, List, Sequence, Tuple

from luke_allennlp.demo.marked_text import segments
from luke_allennlp.demo.task_page import Results, TaskPage, gradio, highlighted, text_box


class NerPage(TaskPage):
    """A text, and its entities in it and in a table."""

    task = "ner"
    title = "Named entity recognition"
    hint = "Enter a text of one or several sentences."

    def inputs(self) -> List[Any]:
        example = (
            "Marie Curie was born in Warsaw and worked in Paris. In 1903 she won the Nobel Prize in Physics."
        )
        return [text_box("Text", example, lines=5)]

    def outputs(self) -> List[Any]:
        return [highlighted("Text with its entities"), gradio().HTML(elem_id="entities")]

    def predict(self, *values: str) -> Results:
        (text,) = values
        entities = self.pipeline(text)
        rows = [(e.text, e.label, f"{e.score:.3f}", f"{e.start}-{e.end}") for e in entities]
        # Of nested entities the outer ones are coloured; the table has all.
        spans = [(e.start, e.end, e.label) for e in sorted(entities, key=lambda e: e.start - e.end)]
        return segments(text, spans), _table(rows) if rows else "No entities."


def _table(rows: Sequence[Tuple[str, ...]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("Entity", "Label", "Score", "Characters"))
    body = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{cells}</tr>' for cells in body)}</table>"
