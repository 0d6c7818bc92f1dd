"""Numbered lines of text files, with errors that say where and what, and how these show what was found."""

import codecs
import os
import re
from typing import Iterator, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LISTED = 5


def without_lone_surrogates(text: str) -> str:
    """
    Puts the replacement character for half surrogate pairs, which JSON can hold and UTF-8 cannot.

    # Parameters

    text : `str`

    # Returns

    `str`
        Of the same length, so that offsets into one are offsets into the other.
    """
    return _LONE_SURROGATE.sub("\ufffd", text)


def shown(value: object) -> str:
    """
    What was found in a file, as an error shows it.

    # Parameters

    value : `object`

    # Returns

    `str`
        As Python writes the value, cut to 80 characters.
    """
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def listed(examples: Sequence[str], count: Optional[int] = None) -> str:
    """
    The first five of a list, as a log line shows them next to their number.

    # Parameters

    examples : `Sequence[str]`
        The list, or its first five at least.
    count : `int`, optional (default = `len(examples)`)
        How many there are in all.

    # Returns

    `str`
        Separated by semicolons, with an ellipsis for the rest.
    """
    rest = (len(examples) if count is None else count) > _LISTED
    return "; ".join([*examples[:_LISTED], *["..."] * rest])


def read_lines(path: str, encoding: str = "utf-8") -> Iterator[Tuple[int, str]]:
    """
    Reads a text file line by line. Lines end with LF, CR LF or CR, and with nothing else; a byte order mark
    before UTF-8 is no part of the text.

    # Parameters

    path : `str`
    encoding : `str`, optional (default = `"utf-8"`)

    # Returns

    `Iterator[Tuple[int, str]]`
        The number of each line, from 1, and the line without its end.

    # Raises

    `ConfigurationError`
        If the file cannot be read, or its bytes do not decode: then it names the line and the byte.
    """
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
        with open(path, encoding="utf-8-sig" if codec == "utf-8" else codec) as file:
            for number, line in enumerate(file, start=1):
                yield number, line.rstrip("\n")
    except UnicodeError:
        raise _undecodable(path, codec) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from error


def _undecodable(path: str, codec: str) -> ConfigurationError:
    # The file is read in blocks, so the error says nothing about the line: look again, at all of it.
    with open(path, "rb") as file:
        data = file.read()
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
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return ConfigurationError(
        f"{where}. Set `encoding` to the file's: perhaps `encoding: {'utf-16' if utf16 else 'latin-1'}`."
    )
