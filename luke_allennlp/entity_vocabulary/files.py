"""Reading and writing vocabularies in blocks: the whole text of one takes more memory than its table."""

import gc
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

# What is made of a block should fit a processor's cache.
BLOCK = 1 << 15
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_line_blocks(path: Path) -> Iterator[Tuple[int, str]]:
    """
    Reads whole lines of a UTF-8 file, some thousands of bytes at a time. Lines end with LF or CR LF.
    Empty lines at the end of the file are left out, and so is a byte order mark.

    # Returns

    `Iterator[Tuple[int, str]]`
        The number of a block's first line, from 1, and its lines without the last one's end.

    # Raises

    `ConfigurationError`
        The file cannot be read, is empty, or is not UTF-8.
    """
    number = 1
    held = ""  # line ends at the end of a block, which may be those at the end of the file
    for block in _whole_lines(path):
        if number == 1 and not held:
            block = block.removeprefix(BYTE_ORDER_MARK)
        try:
            text = block.decode("utf-8")
        except UnicodeDecodeError as error:
            line = number + held.count("\n") + block.count(b"\n", 0, error.start)
            raise ConfigurationError(
                f"{path}, line {line}: the byte 0x{block[error.start]:02x} is not UTF-8; expected a file in "
                "UTF-8: convert it, or fetch it again if it is damaged."
            ) from None
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        text = held + text
        lines = text.rstrip("\n")
        held = text[len(lines) :]
        if not lines:
            continue
        # A line's own end is not held back: the next block begins with the line after it.
        held = held[1:]
        yield number, lines
        number += lines.count("\n") + 1
    if number == 1:
        raise ConfigurationError(f"{path}: is empty; expected an entity vocabulary.")


def _whole_lines(path: Path) -> Iterator[bytes]:
    with _opened(path) as file:
        pieces: List[bytes] = []
        while block := file.read(BLOCK):
            end = block.rfind(b"\n") + 1
            if end:
                yield b"".join([*pieces, block[:end]])
                pieces = [block[end:]]
            else:
                pieces.append(block)
        if any(pieces):
            yield b"".join(pieces)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: there is no such file. Check the path (it counts from {os.getcwd()})."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from None


def read_blocks(path: Path) -> Iterator[bytes]:
    """As `read_line_blocks`, whatever the lines, and not decoded."""
    with _opened(path) as file:
        while block := file.read(BLOCK):
            yield block


@contextmanager
def written_whole(path: Path) -> Iterator[IO[str]]:
    """
    A file to write UTF-8 to, which takes its name once it is complete: an error or an interrupt leaves what
    was there before.

    # Raises

    `ConfigurationError`
        It cannot be written.
    """
    temporary: Optional[str] = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(handle, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}.") from None
    finally:
        if temporary is not None:
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def no_cycle_search() -> Iterator[None]:
    """
    Millions of short-lived objects would make Python look for reference cycles over and over, which takes as
    long as the parsing itself.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
