"""Numbered lines of text files, with errors that say where and what, and how these show what was found."""

import codecs
import gzip
import logging
import os
import re
import zlib
from collections import Counter
from contextlib import contextmanager
from typing import IO, Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

logger = logging.getLogger(__name__)

_GZIP = b"\x1f\x8b"
_BINARY = {
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"%PDF": "a PDF",
    b"BZh": "a file that bzip2 packed",
    b"\xfd7zXZ": "a file that xz packed",
    b"\x28\xb5\x2f\xfd": "a file that zstd packed",
    b"SQLite format 3": "an SQLite database",
    b"\x80\x04\x95": "a pickled object of Python",
    b"\x80\x05\x95": "a pickled object of Python",
}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# What is left of a file that was appended to another; not a column of its own.
_BYTE_ORDER_MARK = re.compile(r"\A\ufeff+(?!\s+\S)")
LISTED = 5
"""How many examples `listed` shows."""
_MOST_KEYS = 20


def without_lone_surrogates(text: str) -> str:
    """
    Puts the replacement character for half surrogate pairs, which JSON can hold and UTF-8 cannot. The length
    does not change, so that offsets stay valid.
    """
    return _LONE_SURROGATE.sub("\ufffd", text)


def shown(value: object) -> str:
    """What was found in a file, as an error shows it: its `repr`, cut to 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def listed(examples: Sequence[str], count: Optional[int] = None) -> str:
    """
    The first five of a list, as a log line shows them next to their number: separated by semicolons, with an
    ellipsis for the rest. `count` is how many there are, if `examples` are not all.
    """
    rest = (len(examples) if count is None else count) > LISTED
    return "; ".join([*examples[:LISTED], *["..."] * rest])


def key_names(record: Iterable[str]) -> str:
    """The keys of a record, as an error shows them: quoted, and not more than a line holds."""
    names = [shown(key) for key in record]
    more = f" and {len(names) - _MOST_KEYS:,} more" if len(names) > _MOST_KEYS else ""
    return ", ".join(names[:_MOST_KEYS]) + more


class Findings:
    """What is noticed while a file is read: the count of each kind, and the first five examples."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: Dict[str, List[str]] = {}

    def add(self, kind: str, example: str) -> None:
        """Adds what was found, as it follows a number ("entities are nested"), and where and what it is."""
        self._counts[kind] += 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < LISTED:
            examples.append(example)

    def log(self, source: str) -> None:
        """Logs a warning of each kind, and forgets it."""
        for kind, count in self._counts.items():
            examples = listed(self._examples[kind], count)
            examples = examples.replace(f"{source}, ", "").replace(f"{source}{os.sep}", "")
            logger.warning("%s: %d %s: %s", source, count, kind, examples)
        self._counts.clear()
        self._examples.clear()


def read_lines(path: str, encoding: str = "utf-8") -> Iterator[Tuple[int, str]]:
    """
    Reads a text file, or one that gzip packed, line by line. Lines end with LF, CR LF or CR, and with nothing
    else; a byte order mark at the beginning of the file or of a line (as where files were joined) is no part
    of the text. Yields the number of each line, from 1, and the line without its end.

    # Raises

    `ConfigurationError`
        If the file cannot be read, or its bytes do not decode: then it names the line and the byte.
    """
    with opened(path, encoding, newline=None) as file:
        for number, line in enumerate(file, start=1):
            if line.startswith("\ufeff"):
                line = _BYTE_ORDER_MARK.sub("", line, count=1)
            yield number, line.rstrip("\n")


def read_text(path: str, encoding: str = "utf-8") -> str:
    """As `read_lines`, but all of the text at once, with its line ends as they are."""
    with opened(path, encoding, newline="") as file:
        return file.read()


@contextmanager
def opened(path: str, encoding: str, newline: Optional[str]) -> Iterator[IO[str]]:
    """A text file, or one that gzip packed, with the errors of `read_lines`; `newline` as of `open`."""
    if not os.path.exists(path):
        raise ConfigurationError(
            f"{path}: there is no such file. Check the path (it counts from {os.getcwd()})."
        )
    if os.path.isdir(path):
        raise ConfigurationError(f"{path}: is a directory; expected the path of one file.")
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise ConfigurationError(
            f"encoding {encoding!r} is not known to Python: use utf-8 or latin-1, for example."
        ) from None
    try:
        with open(path, "rb") as file:
            is_packed = file.read(len(_GZIP)) == _GZIP
        opener: Any = gzip.open if is_packed else open
        decoder = "utf-8-sig" if codec == "utf-8" else codec
        with opener(path, "rt", encoding=decoder, newline=newline) as text:
            yield text
    except UnicodeError:
        raise _undecodable(path, codec) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConfigurationError(f"{path}: is damaged; gzip cannot unpack it ({error}).") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from error


def _undecodable(path: str, codec: str) -> ConfigurationError:
    # The file is read in blocks, so the error says nothing about the line: look again, at all of it.
    with open(path, "rb") as file:
        data = file.read()
    for start, kind in _BINARY.items():
        if data.startswith(start):
            return ConfigurationError(f"{path}: is no text, but {kind}; expected a text file.")
    if data.startswith(_GZIP):
        return ConfigurationError(
            f"{path}: what gzip packed in it is not {codec}. Set `encoding` to the file's."
        )
    try:
        data.decode(codec)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"the byte 0x{data[error.start]:02x} at {error.start:,} of the file"
        where = f"{path}, line {line}: {byte} is not {codec}"
    except UnicodeError as error:
        where = f"{path}: is not {codec}: {error}"
    else:
        where = f"{path}: is not {codec}"
    guess = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "latin-1"
    return ConfigurationError(
        f"{where}; convert the file, or set `encoding` to the file's, perhaps `encoding: {guess}`."
    )
