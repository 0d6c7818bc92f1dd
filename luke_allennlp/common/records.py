"""Records of JSON files, and their values, with errors that say where and what."""

import json
from typing import Any, Dict, Iterator, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import key_names, read_lines, shown, without_lone_surrogates

Record = Dict[str, Any]
Span = Tuple[int, int]


def read_records(path: str, encoding: str = "utf-8") -> Iterator[Tuple[str, Record]]:
    """
    Reads the objects of a JSON file: one array of objects, one object, or one object a line (JSON lines),
    which is detected from the content. Yields what to call each object in an error (`train.json, record 3`,
    from 1; `train.jsonl, line 3`), and the object.

    # Raises

    `ConfigurationError`
        The file cannot be read, is empty or is not JSON, or holds something else than objects.
    """
    lines = list(read_lines(path, encoding))
    filled = [(number, line) for number, line in lines if line.strip()]
    if not filled:
        raise ConfigurationError(f"{path}: is empty; expected JSON, an array of objects or an object a line.")
    first = filled[0][1].lstrip()
    if first.startswith("{") and _is_object(first):
        for number, line in filled:
            where = f"{path}, line {number}"
            yield where, parse_object(line, where)
        return
    try:
        value = parse_json("\n".join(line for _, line in lines), path)
    except ConfigurationError:
        if first.startswith(("{", "[")):
            raise
        raise ConfigurationError(
            f"{path}: is not JSON; found {shown(first)}, expected an array of objects or an object a line."
        ) from None
    records = value if isinstance(value, list) else [value]
    if not records:
        raise ConfigurationError(f"{path}: the array is empty; expected one object or more.")
    for number, record in enumerate(records, start=1):
        where = f"{path}, record {number}" if isinstance(value, list) else path
        yield where, _as_object(record, where)


def read_object_lines(path: str, encoding: str = "utf-8") -> Iterator[Tuple[str, Record]]:
    """As `read_records`, for JSON lines alone and one at a time: the file may be larger than the memory."""
    for number, line in read_lines(path, encoding):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, parse_object(line, where)


def parse_object(text: str, where: str) -> Record:
    """The JSON object in a text."""
    return _as_object(parse_json(text, where), where)


def _is_object(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError as error:
        # The beginning of an object that goes on in the next line; what is damaged within is a line of JSON
        # lines.
        return not (isinstance(error, json.JSONDecodeError) and error.pos >= len(line.rstrip()))
    return True


def parse_json(text: str, where: str, **options: Any) -> Any:
    """As `json.loads`, with an error that says where."""
    try:
        return json.loads(text, **options)
    except RecursionError:
        raise ConfigurationError(f"{where}: is nested too deeply to be read.") from None
    except ValueError as error:
        raise ConfigurationError(f"{where}: is not JSON ({error}); expected a JSON object.") from None


def _as_object(value: Any, where: str) -> Record:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where}: found {shown(value)}; expected a JSON object.")
    return value


def get_value(record: Record, key: str, where: str) -> Any:
    if key not in record:
        found = key_names(record) or "an empty object"
        raise ConfigurationError(f"{where}: {key!r} is missing; found only {found}.")
    return record[key]


def get_string(record: Record, key: str, where: str, default: Optional[str] = None) -> str:
    """
    A value that must be a string; a missing key or `null` stands for the `default`, if any. Half surrogate
    pairs become the replacement character. `where` is what to call the record in an error.
    """
    if default is not None and record.get(key) is None:
        return default
    value = get_value(record, key, where)
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}: {key!r} is {shown(value)}; expected a string.")
    return without_lone_surrogates(value)


def get_text(record: Record, key: str, where: str, holds: str) -> str:
    """As `get_string` and `check_text`."""
    return check_text(get_string(record, key, where), key, where, holds)


def check_text(text: str, key: str, where: str, holds: str) -> str:
    """A text that must not be blank, since it holds something, such as "the mention"."""
    if not text.strip():
        raise ConfigurationError(f"{where}: {key!r} is blank; expected a text that holds {holds}.")
    return text


def get_id(record: Record, key: str, where: str, default: Optional[str] = None) -> str:
    """As `get_string`; a whole number will do too."""
    value = record.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return get_string(record, key, where, default)


def get_integer(record: Record, key: str, where: str) -> int:
    """A value that must be a whole number."""
    value = get_value(record, key, where)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigurationError(f"{where}: {key!r} is {shown(value)}; expected a whole number.")
    return value


def get_list(record: Record, key: str, where: str) -> List[Any]:
    """A value that must be a list."""
    value = get_value(record, key, where)
    if not isinstance(value, list):
        raise ConfigurationError(f"{where}: {key!r} is {shown(value)}; expected a list.")
    return value


def get_strings(record: Record, key: str, where: str) -> List[str]:
    """A value that must be a list of strings."""
    values = get_list(record, key, where)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise ConfigurationError(f"{where}: {key}[{index}] is {shown(value)}; expected a string.")
    return [without_lone_surrogates(value) for value in values]


def get_objects(record: Record, key: str, where: str) -> Iterator[Tuple[str, Record]]:
    """A value that must be a list of objects: what to call each in an error, and the object."""
    for index, value in enumerate(get_list(record, key, where)):
        inner = f"{where}, {key}[{index}]"
        yield inner, _as_object(value, inner)


def get_object(record: Record, key: str, where: str) -> Record:
    """A value that must be an object."""
    return _as_object(get_value(record, key, where), f"{where}, {key}")


def get_span(
    record: Record, key: str, length: int, where: str, unit: str = "characters", allow_empty: bool = False
) -> Span:
    """
    A value that must be `[start, end]` or `{"start": .., "end": ..}`, the end exclusive, in a text of this
    length, which `unit` counts. With `allow_empty`, start and end may be the same.
    """
    value = get_value(record, key, where)
    if isinstance(value, dict):
        value = [get_value(value, side, f"{where}, {key}") for side in ("start", "end")]
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ConfigurationError(f"{where}: {key!r} is {shown(value)}; expected [start, end].")
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in value):
        raise ConfigurationError(f"{where}: {key!r} is {shown(value)}; expected two whole numbers.")
    if allow_empty and 0 <= value[0] == value[1] <= length:
        return value[0], value[1]
    return check_span(value[0], value[1], length, f"{where}: {key!r}", unit)


def check_span(start: int, end: int, length: int, what: str, unit: str = "characters") -> Span:
    if not 0 <= start < end <= length:
        raise ConfigurationError(
            f"{what} has start {start} and end {end}, no part of {length} {unit}; expected 0 <= start < end "
            f"<= {length}, with the end exclusive."
        )
    return start, end
