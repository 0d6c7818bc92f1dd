"""Files of `allennlp predict` that are not JSON lines, as records for a predictor."""

import codecs
import csv
import json
import sys
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, Dict, Iterable, Iterator, List, NamedTuple, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path

from luke_allennlp.common.records import parse_json, read_records
from luke_allennlp.common.text_lines import opened

FORMATS = ("jsonl", "json", "txt", "csv", "tsv")
"""What `--input-format` takes."""

_BOM = codecs.BOM_UTF8.decode("utf-8")
_DELIMITERS = ",;\t|"
_SPAN_ENDS = ("start", "end")
_LARGEST_FIELD = 2**31 - 1


class Row(NamedTuple):
    """An input: its name in errors, the predictor's record, and what is copied to the output."""

    where: str
    record: Dict[str, Any]
    kept: Dict[str, Any] = {}


class TextInputs:
    """
    # Parameters

    path : `str`
        A file, a directory of `.txt` files, a URL, or "-" for standard input.
    format : `str`, optional (default = `None`)
        One of `FORMATS`; by default detected by the file's name and its first line.
    text_column : `str`, optional (default = `None`)
        The column of texts in CSV, by its name or its number from 0.
    whole_file : `bool`, optional (default = `False`)
        Whether all of a `.txt` file is one text, and not each line.

    # Raises

    `ConfigurationError`
        There is no such file, or an option does not belong to its format.
    """

    def __init__(
        self,
        path: str,
        format: Optional[str] = None,
        text_column: Optional[str] = None,
        whole_file: bool = False,
    ) -> None:
        self.path = path
        self.text_column = text_column
        self.whole_file = whole_file
        self._local = path if path == "-" else str(cached_path(path))
        self.is_directory = Path(self._local).is_dir()
        self.format = format or self._detected()
        if whole_file and self.format != "txt":
            raise ConfigurationError(f"{path}: is read as {self.format}; --whole-file is for texts (txt).")
        if text_column is not None and self.format not in ("csv", "tsv"):
            raise ConfigurationError(
                f"{path}: is read as {self.format}, which has no columns; --text-column is for csv and tsv."
            )
        if self.is_directory and not (self.format == "txt" and any(Path(self._local).rglob("*.txt"))):
            raise ConfigurationError(
                f"{path}: is a directory; expected a file, or a directory of .txt files."
            )

    @property
    def takes_texts(self) -> bool:
        """Whether there are texts alone in it, which only NER can use."""
        return self.format == "txt" or self.text_column is not None

    def rows(self, wants_text: bool) -> Iterator[Row]:
        """
        The inputs in their order.

        # Parameters

        wants_text : `bool`
            For NER, whose record is a text. In CSV it is one column, and the others are copied to the output.
            Otherwise the columns are the record's keys; cells with lists or objects are read as JSON.
        """
        if self.is_directory:
            for file in sorted(Path(self._local).rglob("*.txt")):
                inner = TextInputs(str(file), "txt", whole_file=True)
                name = str(file.relative_to(self._local))
                yield from (row._replace(kept={"file": name}) for row in inner.rows(wants_text))
        elif self.format == "txt":
            yield from self._texts()
        elif self.format == "json":
            yield from self._json()
        else:
            yield from self._columns(wants_text)

    def _detected(self) -> str:
        if self.path == "-":
            return "jsonl"
        suffixes = [suffix.lower() for suffix in Path(self.path).suffixes if suffix.lower() != ".gz"]
        suffix = suffixes[-1][1:] if suffixes else ""
        if self.is_directory or suffix in ("csv", "tsv"):
            return "txt" if self.is_directory else suffix
        first = ""
        if suffix in ("txt", "json"):
            with self._lines() as lines:
                first = next((line for line in lines if line.strip()), "").strip()
        if suffix == "txt":
            return "jsonl" if first.startswith("{") and _is_json(first) else "txt"
        if suffix == "json":
            return "jsonl" if first.startswith("{") and _is_json(first) else "json"
        return "jsonl"

    @contextmanager
    def _lines(self) -> Iterator[Iterable[str]]:
        """Lines with their ends."""
        if self.path == "-":
            yield _standard_input()
            return
        try:
            with opened(self._local, "utf-8", newline="") as file:
                yield file
        except ConfigurationError as error:
            # There is no such option here.
            message = error.message.replace(self._local, self.path).partition("; convert the file, or set")[0]
            raise ConfigurationError(f"{message}{'' if message.endswith('.') else '; convert it.'}") from None

    @property
    def _name(self) -> str:
        return "standard input" if self.path == "-" else self.path

    def _texts(self) -> Iterator[Row]:
        with self._lines() as lines:
            if self.whole_file:
                yield Row(self._name, {"text": "".join(lines)})
                return
            for number, line in enumerate(lines, start=1):
                yield Row(f"{self._name}, line {number}", {"text": line.rstrip("\r\n")})

    def _json(self) -> Iterator[Row]:
        if self.path != "-":
            yield from (Row(where, record) for where, record in read_records(self._local))
            return
        with self._lines() as lines:
            value = parse_json("".join(lines), self._name)
        for number, record in enumerate(value if isinstance(value, list) else [value], start=1):
            yield Row(f"{self._name}, record {number}", record)

    def _columns(self, wants_text: bool) -> Iterator[Row]:
        csv.field_size_limit(_LARGEST_FIELD)
        with self._lines() as given:
            lines = iter(given)
            first = next(lines, "")
            delimiter = "\t" if self.format == "tsv" else max(_DELIMITERS, key=first.count)
            rows = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
            names = self._header(_read(rows, self._name))
            text = self._text_column(names) if wants_text else -1
            while (cells := _read(rows, self._name)) is not None:
                if not any(cells):
                    continue
                where = f"{self._name}, line {rows.line_num}"
                if len(cells) != len(names):
                    raise ConfigurationError(
                        f"{where}: found {len(cells)} columns, expected {len(names)}, as in the first line "
                        f"({', '.join(names)}); quote cells that hold {delimiter!r} or line ends."
                    )
                row = dict(zip(names, cells, strict=True))
                if wants_text:
                    yield Row(where, {"text": row.pop(names[text])}, row)
                else:
                    yield Row(where, {name: _value(name, cell) for name, cell in row.items()}, row)

    def _header(self, cells: Optional[List[str]]) -> List[str]:
        names = [cell.strip() for cell in cells or []]
        if not any(names):
            raise ConfigurationError(
                f"{self._name}: is empty; expected a first line with the columns' names."
            )
        if len(set(names)) < len(names):
            raise ConfigurationError(f"{self._name}: two columns have the same name ({', '.join(names)}).")
        return names

    def _text_column(self, names: List[str]) -> int:
        chosen, listed = self.text_column, ", ".join(map(repr, names))
        if chosen is None:
            if "text" in names or len(names) == 1:
                return names.index("text") if "text" in names else 0
            raise ConfigurationError(
                f"{self._name}: has the columns {listed}; name that of the texts with --text-column."
            )
        if chosen in names:
            return names.index(chosen)
        if chosen.isdecimal() and int(chosen) < len(names):
            return int(chosen)
        raise ConfigurationError(
            f"{self._name}: has no column {chosen!r}, but {listed}, numbered from 0; its first line has "
            "their names."
        )


def _read(rows: Any, name: str) -> Optional[List[str]]:
    try:
        return next(rows, None)
    except csv.Error as error:
        raise ConfigurationError(
            f"{name}, line {rows.line_num}: {error}; a cell with quotation marks is quoted, and they are "
            "doubled."
        ) from None


def _value(name: str, cell: str) -> Any:
    """A cell of a record's key."""
    is_offset = cell.isdecimal() and name.lower().endswith(_SPAN_ENDS)
    if is_offset or cell.lstrip().startswith(("[", "{")):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            pass
    return cell


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _standard_input() -> Iterator[str]:
    stream: IO[str] = sys.stdin
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    for number, line in enumerate(stream, start=1):
        try:
            line = line.encode("utf-8", errors="surrogateescape").decode("utf-8")
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"standard input, line {number}: is not UTF-8 ({error.reason} at byte {error.start + 1}); "
                "convert it."
            ) from None
        yield line.removeprefix(_BOM) if number == 1 else line
