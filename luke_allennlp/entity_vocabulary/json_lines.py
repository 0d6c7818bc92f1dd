"""
The format of the later releases, a line for each id:
`{"id": 7, "entities": [["Japan", "en"], ["日本", "ja"]], "count": 12}`
"""

import json
from itertools import islice
from pathlib import Path
from typing import IO, Any, Dict, Iterable, Iterator, List, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import parse_object
from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.files import Entry, Row, entry_problem, read_lines

_BLOCK = 4096  # lines
_EXPECTED = 'expected an object with "id", "entities" and "count" in every line'


def read_json_lines(path: Path) -> Iterator[Row]:
    """
    # Raises

    `ConfigurationError`
        The file cannot be read or is damaged; the message names the line.
    """
    lines: Dict[int, int] = {}  # by id
    numbered = read_lines(path)
    while block := list(islice(numbered, _BLOCK)):
        for (number, _), record in zip(block, _parse(block, path), strict=True):
            try:
                index, titles, count = record["id"], record["entities"], record["count"]
            except (KeyError, TypeError):
                found = ", ".join(map(repr, record)) if isinstance(record, dict) else shown(record)
                raise ConfigurationError(
                    f"{path}, line {number}: found {found or 'nothing'}; {_EXPECTED}."
                ) from None
            problem = entry_problem(index, titles, count)
            first = lines.setdefault(index, number) if problem is None else number
            if first != number:
                problem = (
                    f"the id {index} stands in line {first} already; expected one line for each id, with all "
                    "its titles"
                )
            if problem is not None:
                raise ConfigurationError(f"{path}, line {number}: {problem}.")
            for title, language in titles:
                yield number, index, title, language, count


def _parse(block: Sequence[Tuple[int, str]], path: Path) -> List[Any]:
    # Line by line only to name the one that is damaged. Two objects in a line must not make up for one that
    # stands in two lines.
    if all(line.startswith("{") and line.endswith("}") for _, line in block):
        try:
            records = json.loads(f"[{','.join(line for _, line in block)}]")
            if len(records) == len(block):
                return records
        except (ValueError, RecursionError):
            pass
    return [parse_object(line, f"{path}, line {number}") for number, line in block]


def write_json_lines(entries: Iterable[Entry], file: IO[str], path: Path) -> None:
    """
    # Raises

    `ConfigurationError`
        An id is negative.
    """
    for index, titles, count in entries:
        if index < 0:
            raise ConfigurationError(
                f"{path}: the entity {shown(titles[0][0])} has the id {index}; expected 0 or more."
            )
        record = {"id": index, "entities": titles, "count": count}
        file.write(json.dumps(record, ensure_ascii=False) + "\n")
