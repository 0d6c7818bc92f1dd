"""Predictions as brat's standoff annotation."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, List, NamedTuple, Sequence, Set

from luke_allennlp.common.files import new_directory
from luke_allennlp.common.records import Span

_NAME = re.compile(r"[\w][\w. -]*(?:/[\w][\w. -]*)*")
_LINE = re.compile(r"[^\r\n]+")


class BratSpan(NamedTuple):
    """An annotation of characters."""

    start: int
    end: int
    label: str


class BratRelation(NamedTuple):
    """The relation of two spans, given by their places among those of the text."""

    label: str
    head: int
    tail: int


class BratWriter:
    """
    Writes a directory of a `.txt` and a `.ann` file for each text, once the context has ended without an
    error. A span over several lines becomes one of several fragments. In labels, white space becomes `_`.

    # Parameters

    path : `Path`
        A new directory, or an empty one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._names: Set[str] = set()
        self._number = 0

    def __enter__(self) -> "BratWriter":
        self._place = self._stack.enter_context(new_directory(self._path, False, "the output of predict"))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def add(
        self, text: str, spans: Sequence[BratSpan], relations: Sequence[BratRelation] = (), name: str = ""
    ) -> None:
        """`name` is what the files are called, without an ending; by default they are numbered."""
        self._number += 1
        stem = self._place / self._stem(name)
        stem.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for number, span in enumerate(spans, start=1):
            fragments = _fragments(text, span)
            places = ";".join(f"{start} {end}" for start, end in fragments)
            covered = " ".join(text[start:end] for start, end in fragments)
            lines.append(f"T{number}\t{_label(span.label)} {places}\t{covered}\n")
        for number, relation in enumerate(relations, start=1):
            arguments = f"Arg1:T{relation.head + 1} Arg2:T{relation.tail + 1}"
            lines.append(f"R{number}\t{_label(relation.label)} {arguments}\t\n")
        for ending, content in ((".txt", text), (".ann", "".join(lines))):
            with open(f"{stem}{ending}", "w", encoding="utf-8", newline="") as file:
                file.write(content)

    def _stem(self, name: str) -> str:
        stem = name if _NAME.fullmatch(name) else f"{self._number:06}"
        made, count = stem, 1
        while made in self._names:
            count += 1
            made = f"{stem}-{count}"
        self._names.add(made)
        return made


def _fragments(text: str, span: BratSpan) -> List[Span]:
    """brat's lines end with LF; its spans are in one line each."""
    matches = _LINE.finditer(text[span.start : span.end])
    fragments = []
    for match in matches:
        line = match.group()
        start = span.start + match.start() + len(line) - len(line.lstrip())
        end = span.start + match.start() + len(line.rstrip())
        if start < end:
            fragments.append((start, end))
    return fragments or [(span.start, span.end)]


def _label(label: str) -> str:
    return "_".join(label.split())
