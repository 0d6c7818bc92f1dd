"""
The later releases' form, a line for each id:
`{"id": 7, "entities": [["Japan", "en"], ["日本", "ja"]], "count": 12}`
"""

import json
from pathlib import Path
from typing import IO, Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.files import no_cycle_search, read_line_blocks
from luke_allennlp.entity_vocabulary.table import EntityTable, TableBuilder

_encode = json.JSONEncoder(ensure_ascii=False).encode
_LIMIT = 1 << 63


def read_json_lines(path: Path) -> EntityTable:
    """
    # Raises

    `ConfigurationError`
        The file cannot be read or is damaged; the message names the line.
    """
    builder = TableBuilder()
    lines_of_rows: List[np.ndarray] = []
    ids_of_lines: List[np.ndarray] = []
    with no_cycle_search():
        for number, block in read_line_blocks(path):
            try:
                # One call for all lines takes half the time of a call for each.
                records = json.loads("[" + block.replace("\n", "\n,") + "]")
                titles, languages, ids, counts, sizes = _columns(records)
                if len(records) != block.count("\n") + 1:
                    raise ValueError("not a record a line")
                builder.add(
                    titles,
                    np.repeat(np.array(ids, dtype=np.int64), sizes),
                    np.repeat(np.array(counts, dtype=np.int64), sizes),
                    languages,
                )
                del records
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                raise _damage(path, number, block) from None
            ids_of_lines.append(np.array(ids, dtype=np.int64))
            lines = np.arange(number, number + len(ids), dtype=np.uint32)
            lines_of_rows.append(np.repeat(lines, sizes))
        _check_ids(path, np.concatenate(ids_of_lines))
        return builder.finish(
            lambda row: f"{path}, line {np.concatenate(lines_of_rows)[row]}",
        )


def _columns(
    records: List[Dict[str, Any]],
) -> Tuple[Tuple[str, ...], Tuple[Optional[str], ...], List[int], List[int], List[int]]:
    ids = [record["id"] for record in records]
    entities = [record["entities"] for record in records]
    counts = [record["count"] for record in records]
    sizes = [len(pairs) for pairs in entities]
    flat = [pair for pairs in entities for pair in pairs]
    titles, languages = zip(*flat, strict=True)
    proper = (
        set(map(type, ids)) == set(map(type, counts)) == {int}
        and min(ids) >= 0
        and min(counts) >= 0
        and set(map(type, entities)) == set(map(type, flat)) == {list}
        and min(sizes) > 0
        and set(map(type, titles)) == {str}
        and all(map(_is_language, set(languages)))
    )
    if not proper:
        raise ValueError("something is not as it should be")
    return titles, languages, ids, counts, sizes


def _is_language(value: object) -> bool:
    return value is None or isinstance(value, str) and value != "" and ":" not in value


def _check_ids(path: Path, ids: np.ndarray) -> None:
    if (np.diff(ids) > 0).all():
        return
    # The file begins with line 1 and has a record a line, so that records and lines are numbered alike.
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(again):
        first, second = order[again[0]] + 1, order[again[0] + 1] + 1
        raise ConfigurationError(
            f"{path}, line {second}: the id {ids[second - 1]} stands in line {first} already; expected one "
            "line for each id, with all its titles."
        )


def write_json_lines(table: EntityTable, file: IO[str], path: Path) -> None:
    """
    # Raises

    `ConfigurationError`
        An id is negative.
    """
    row = 0
    while row < len(table):
        index = table.ids[row]
        if index < 0:
            raise ConfigurationError(
                f"{path}: the entity {shown(table.title(row))} has the id {index}; expected 0 or more."
            )
        pairs: List[Tuple[str, Optional[str]]] = []
        count = table.count(row)
        while row < len(table) and table.ids[row] == index:
            pairs.append((table.title(row), table.language(row)))
            row += 1
        file.write(_encode({"id": index, "entities": pairs, "count": count}) + "\n")


def check_entry(index: object, entities: object, count: object, where: str) -> None:
    """
    # Raises

    `ConfigurationError`
        The parts of an entry are not an id, its titles with their languages, and a count.
    """
    for name, value in (("id", index), ("count", count)):
        if type(value) is not int or not 0 <= value < _LIMIT:
            raise ConfigurationError(
                f'{where}: the "{name}" is {shown(value)}; expected a whole number from 0 on.'
            )
    if not isinstance(entities, Sequence) or isinstance(entities, str) or not entities:
        raise ConfigurationError(
            f'{where}: "entities" is {shown(entities)}; expected a list of [title, language], one or more.'
        )
    for pair in entities:
        if (
            not isinstance(pair, Sequence)
            or isinstance(pair, str)
            or len(pair) != 2
            or not isinstance(pair[0], str)
            or pair[0] == ""
            or not _is_language(pair[1])
        ):
            raise ConfigurationError(
                f"{where}: found the entity {shown(pair)}; expected [title, language], the language null "
                "where there is none."
            )
        try:
            pair[0].encode("utf-8"), (pair[1] or "").encode("utf-8")
        except UnicodeEncodeError:
            raise ConfigurationError(
                f"{where}: {shown(pair)} has half of a surrogate pair; expected text."
            ) from None


def _damage(path: Path, first: int, block: str) -> ConfigurationError:
    expected = 'expected an object with "id", "entities" and "count" in every line'
    for number, line in enumerate(block.split("\n"), start=first):
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except RecursionError:
            return ConfigurationError(f"{where}: is nested too deeply to be read; {expected}.")
        except ValueError as error:
            return ConfigurationError(f"{where}: is not JSON ({error}); {expected}.")
        if not isinstance(record, dict):
            return ConfigurationError(f"{where}: found {shown(record)}; {expected}.")
        for key in ("id", "entities", "count"):
            if key not in record:
                found = ", ".join(map(repr, record)) or "nothing"
                return ConfigurationError(f"{where}: {key!r} is missing, found {found}; {expected}.")
        try:
            check_entry(record["id"], record["entities"], record["count"], where)
        except ConfigurationError as error:
            return error
    return ConfigurationError(f"{path}, line {first} and after: is damaged; {expected}.")
