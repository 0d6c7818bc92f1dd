"""Texts with what is marked in them, in displaCy's look."""

from typing import List, Sequence, Tuple

from markupsafe import Markup, escape

from luke_allennlp.report.judged import Mark

# For those that displaCy has no colour for, as it has for the types of OntoNotes.
_COLORS = (
    "#aa9cfc #7aecec #feca74 #bfeeb7 #ffc0cb #c887fb #e4e7d2 #9cc9cc #ffeb80 #f0d0ff #ffb8a0 #b5d9ff".split()
)
_USUAL = {"PER": "#aa9cfc", "ORG": "#7aecec", "LOC": "#feca74", "MISC": "#ffc0cb"}
_ROLES = {"head": "#7aecec", "tail": "#feca74", "mention": "#aa9cfc", "gold": "#bfeeb7", "answer": "#ffb8a0"}
_OTHER = "#dddddd"
CONTEXT = 250
"""How many characters are shown before the first mark of a long text, and after the last."""


def colors_of(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label, the same on all of the page."""
    others = [label for label in sorted(set(labels)) if label.upper() not in _USUAL and label not in _ROLES]
    chosen = {label: _COLORS[place % len(_COLORS)] for place, label in enumerate(others)}
    return {**{label: _USUAL.get(label.upper(), _OTHER) for label in labels}, **_ROLES, **chosen}


def render(text: str, marks: Sequence[Mark], colors: dict[str, str]) -> Markup:
    """The text, once for each layer of marks that do not overlap."""
    # It escapes the text, but not the labels.
    from spacy import displacy

    layers = layers_of(marks) or [[]]
    html = ""
    for layer in layers:
        entities = [
            {
                "start": mark.start,
                "end": mark.end,
                "label": mark.label,
                "params": {
                    "label": escape(f"{mark.label} {mark.note}".rstrip()),
                    "bg": colors.get(mark.label, _OTHER),
                },
            }
            for mark in layer
        ]
        html += displacy.render(
            {"text": text, "ents": entities, "title": None}, style="ent", manual=True, jupyter=False
        )
    return Markup(html)


def layers_of(marks: Sequence[Mark]) -> List[List[Mark]]:
    """As few lists of marks as the overlaps allow, the longest marks first."""
    layers: List[List[Mark]] = []
    for mark in sorted(set(marks), key=lambda mark: (mark.start - mark.end, mark)):
        for layer in layers:
            if all(mark.end <= other.start or other.end <= mark.start for other in layer):
                layer.append(mark)
                break
        else:
            layers.append([mark])
    return [sorted(layer) for layer in layers]


def excerpt(text: str, marks: Sequence[Mark]) -> Tuple[str, int]:
    """The part of a long text around the marks, with ellipses, and how far its marks move."""
    if len(text) <= 4 * CONTEXT:
        return text, 0
    first = min((mark.start for mark in marks), default=0)
    last = max((mark.end for mark in marks), default=0)
    if last - first > 8 * CONTEXT:  # marks far apart: all of it
        return text, 0
    start, end = max(first - CONTEXT, 0), min(last + CONTEXT, len(text))
    before, after = "… " if start else "", " …" if end < len(text) else ""
    return before + text[start:end] + after, len(before) - start


def moved(marks: Sequence[Mark], shift: int) -> List[Mark]:
    return [mark._replace(start=mark.start + shift, end=mark.end + shift) for mark in marks]
