"""Scores as people read them."""

import shutil
import sys
import textwrap
from typing import Any, List, Mapping, Sequence

from luke_allennlp.common.tables import table
from luke_allennlp.tasks.base.metric import LabelScores

MOST_LABELS = 15
"""How many labels a table has."""

_OVERALL = ("precision", "recall", "f1")
_PIPED_WIDTH = 100


def console_width() -> int:
    """In characters: of the terminal, or 100 in a file or a pipe."""
    try:
        is_terminal = sys.stdout.isatty()
    except (AttributeError, ValueError):
        is_terminal = False
    return max(shutil.get_terminal_size((80, 24)).columns if is_terminal else _PIPED_WIDTH, 40)


def score_table(rows: Sequence[LabelScores], scores: Mapping[str, Any], indent: int = 2) -> str:
    """
    The scores of an evaluation: a row a label, the most frequent first, a row for all, and below it what else
    there is.

    # Parameters

    rows : `Sequence[LabelScores]`
        Of all labels. Empty for a task without labels.
    scores : `Mapping[str, Any]`
        The metrics, by name. The loss is left out.
    """
    width = console_width()
    rest = {
        name: value
        for name, value in scores.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not name.endswith("loss")
    }
    parts: List[str] = []
    if rows:
        shown = list(rows[:MOST_LABELS])
        lines: List[Sequence[Any]] = [tuple(row) for row in shown]
        overall = [rest.pop(name, None) for name in _OVERALL]
        if len(rows) > len(shown):
            left = rows[len(shown) :]
            lines.append((f"({len(left):,} more)", None, None, None, *_totals(left)))
        lines.append(("all", *overall, *_totals(rows)))
        header = ("label", *_OVERALL, "support", "predicted")
        parts.append(table(lines, header, indent=indent, width=width))
        of_labels = {f"{name}_{row.label}" for name in _OVERALL for row in rows}
        rest = {name: value for name, value in rest.items() if name not in of_labels}
    if rest:
        text = ", ".join(f"{name} {_value(value)}" for name, value in rest.items())
        space = " " * indent
        parts.append(textwrap.fill(text, width, initial_indent=space, subsequent_indent=space))
    return "\n".join(parts)


def _totals(rows: Sequence[LabelScores]) -> Sequence[int]:
    return sum(row.support for row in rows), sum(row.predicted for row in rows)


def _value(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
