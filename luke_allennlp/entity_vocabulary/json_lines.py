"""
The format of the later releases, a line for each id:
`{"id": 7, "entities": [["Japan", "en"], ["日本", "ja"]], "count": 12}`
"""

import json
from pathlib import Path
from typing import IO, Dict, Iterable, Iterator

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.files import Entry, Row, check_entry, read_lines

_EXPECTED = 'expected an object with "id", "entities" and "count" in every line'


def read_json_lines(path: Path) -> Iterator[Row]:
    """
    # Raises

    `ConfigurationError`
        The file cannot be read or is damaged; the message names the line.
    """
    lines: Dict[int, int] = {}  # by id
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except RecursionError:
            raise ConfigurationError(f"{where}: is nested too deeply to be read; {_EXPECTED}.") from None
        except ValueError as error:
            raise ConfigurationError(f"{where}: is not JSON ({error}); {_EXPECTED}.") from None
        if not isinstance(record, dict):
            raise ConfigurationError(f"{where}: found {shown(record)}; {_EXPECTED}.")
        try:
            index, titles, count = record["id"], record["entities"], record["count"]
        except KeyError as error:
            found = ", ".join(map(repr, record)) or "nothing"
            raise ConfigurationError(f"{where}: {error} is missing, found {found}; {_EXPECTED}.") from None
        check_entry(index, titles, count, where)
        first = lines.setdefault(index, number)
        if first != number:
            raise ConfigurationError(
                f"{where}: the id {index} stands in line {first} already; expected one line for each id, "
                "with all its titles."
            )
        for title, language in titles:
            yield number, index, title, language, count


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
