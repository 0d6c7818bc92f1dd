"""Jsonnet files as text: what they import, and where a key is written."""

import json
import re
from pathlib import Path
from typing import List, NamedTuple, Optional, Set

_COMMENT = re.compile(r"(?m)(^|[\s,;{}()\[\]])(//|#).*$|/\*[\s\S]*?\*/")
_IMPORT = re.compile(r"""\bimport(?:str|bin)?\s*(['"])(.+?)\1""")


class Place(NamedTuple):
    """A line of a file, counted from 1."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}"


def imported_files(path: Path) -> List[Path]:
    """A file, and those that it imports, directly or not, which exist."""
    found: List[Path] = []
    seen: Set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop(0)
        if file.resolve() not in seen and file.is_file():
            seen.add(file.resolve())
            found.append(file)
            text = _without_comments(file)
            waiting += [_relative(file.parent / match[2]) for match in _IMPORT.finditer(text)]
    return found


def find_key(path: Path, keys: str, value: object = None) -> Optional[Place]:
    """
    Where a key of a config is written.

    # Parameters

    path : `Path`
        The file that makes the config.
    keys : `str`
        The key's path, joined by dots.
    value : `object`, optional (default = `None`)
        Its value. If it is a string or number, it tells places of the same key apart.

    # Returns

    `Optional[Place]`
        `None` where it is not written literally, or in several places. Where what is written there is a knob,
        the place that sets that.
    """
    names = [name for name in keys.split(".") if not name.isdigit()]
    if not names:
        return None
    files = imported_files(path)
    places = _places(files, names[-1])
    if len(places) > 1 and isinstance(value, (str, int, float)):
        text = json.dumps(value)
        forms = {text, text.replace('"', "'")}
        places = [place for place in places if any(form in _line(place) for form in forms)]
    if len(places) != 1:
        return None
    knob = re.search(r":\s*(?:\$|self|\w+)\.(\w+),?\s*$", _line(places[0]))
    if knob:
        # The last to set it is the nearest to the config.
        setters = [place for place in _places(files, knob[1]) if place.path == path]
        return setters[0] if len(setters) == 1 else places[0]
    return places[0]


def _places(files: List[Path], key: str) -> List[Place]:
    pattern = re.compile(rf"""(?:^|[\s{{,])(['"]?){re.escape(key)}\1\s*\+?:{{1,3}}(?!:)""")
    return [
        Place(file, number)
        for file in files
        for number, line in enumerate(_without_comments(file).split("\n"), start=1)
        if pattern.search(line)
    ]


def _line(place: Place) -> str:
    return _without_comments(place.path).split("\n")[place.line - 1]


def _without_comments(file: Path) -> str:
    """The text, with the same lines."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return _COMMENT.sub(lambda match: (match[1] or "") + "\n" * match[0].count("\n"), text)


def _relative(path: Path) -> Path:
    """Without the steps up and down again that imports have."""
    parts: List[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] not in ("..", "/"):
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts)
