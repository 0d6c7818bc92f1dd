"""Texts with their labelled entities marked for people to read, in colour or in brackets."""

import os
import sys
import zlib
from typing import Iterable, List, NamedTuple, Tuple

_RESET = "\x1b[0m"
# Background colours of the 256-colour palette on which black letters are readable.
_USUAL_COLORS = {"PER": 117, "PERSON": 117, "ORG": 157, "LOC": 222, "GPE": 222, "MISC": 219}
_OTHER_COLORS = (114, 116, 120, 147, 150, 153, 159, 173, 179, 180, 186, 192, 210, 215, 216, 223, 224, 228)


class Entity(NamedTuple):
    """An entity's characters, end exclusive, and its label."""

    start: int
    end: int
    label: str


def wants_color() -> bool:
    """Whether standard output is to be coloured: see https://no-color.org and https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return os.environ["FORCE_COLOR"] != "0"
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def render(text: str, entities: Iterable[Entity], color: bool) -> str:
    """
    Marks each entity and its label. An entity inside another is marked inside it; one that crosses another is
    listed below the text.
    """
    nested, crossing = _separate_crossing(entities)
    pieces: List[str] = []
    open_entities: List[Entity] = []
    position = 0

    def advance(end: int) -> None:
        nonlocal position
        piece = text[position:end]
        if color and open_entities:
            style = _style(open_entities[-1].label)
            # A background colour must not run on past the end of the line.
            piece = "\n".join(f"{style}{line}{_RESET}" if line else "" for line in piece.split("\n"))
        pieces.append(piece)
        position = end

    def close() -> None:
        advance(open_entities[-1].end)
        label = open_entities.pop().label
        pieces.append(f"{_style(label)}\x1b[1m {label} {_RESET}" if color else f" {label}]")

    for entity in nested:
        while open_entities and open_entities[-1].end <= entity.start:
            close()
        advance(entity.start)
        if not color:
            pieces.append("[")
        open_entities.append(entity)
    while open_entities:
        close()
    advance(len(text))
    for entity in crossing:
        pieces.append(f'\n    "{text[entity.start : entity.end]}" {mark_label(entity.label, color)}')
    return "".join(pieces)


def mark_label(label: str, color: bool) -> str:
    """The label as it appears in the legend: on its colour, which is the same in every run."""
    return f"{_style(label)} {label} {_RESET}" if color else label


def _style(label: str) -> str:
    number = _USUAL_COLORS.get(label.upper())
    if number is None:
        number = _OTHER_COLORS[zlib.crc32(label.encode("utf-8")) % len(_OTHER_COLORS)]
    return f"\x1b[30;48;5;{number}m"


def _separate_crossing(entities: Iterable[Entity]) -> Tuple[List[Entity], List[Entity]]:
    """Outer entities before inner ones; then those that cross one of them."""
    nested: List[Entity] = []
    crossing: List[Entity] = []
    enclosing: List[Entity] = []
    for entity in sorted(entities, key=lambda entity: (entity.start, -entity.end)):
        while enclosing and enclosing[-1].end <= entity.start:
            enclosing.pop()
        if enclosing and enclosing[-1].end < entity.end:
            crossing.append(entity)
        else:
            nested.append(entity)
            enclosing.append(entity)
    return nested, crossing
