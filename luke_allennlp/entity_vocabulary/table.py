"""A million titles in a few arrays."""

from array import array
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union
from zlib import crc32

import numpy as np
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.names import is_special

_ROWS_AT_ONCE = 1 << 16


class EntityTable:
    """
    Titles with their languages, ids and counts, a row each, ordered by id. An object for each would take
    several times the memory, which the processes of a data loader could not share either.

    # Parameters

    text : `Union[bytes, bytearray]`
        All titles one after the other, in UTF-8.
    bounds : `np.ndarray`
        Where each title begins in it, and where the last one ends. Shape: (rows + 1,)
    ids : `np.ndarray`
        Not decreasing. Shape: (rows,)
    counts : `np.ndarray`, optional
        Shape: (rows,)
    codes : `np.ndarray`, optional
        The language of each title, as a place in `languages`. Shape: (rows,)
    languages : `Sequence[Optional[str]]`
    hashes : `np.ndarray`
        CRC-32 of each title. Shape: (rows,)
    """

    def __init__(
        self,
        text: Union[bytes, bytearray],
        bounds: np.ndarray,
        ids: np.ndarray,
        counts: Optional[np.ndarray],
        codes: Optional[np.ndarray],
        languages: Sequence[Optional[str]],
        hashes: np.ndarray,
    ) -> None:
        self.text = text
        # Arrays of Python: numpy's take three times as long to give one value.
        self.bounds = _array("Q", bounds)
        self.ids = _array("q", ids)
        self.counts = None if counts is None else _array("q", counts)
        self.codes = None if codes is None else _array("I", codes)
        self.languages = list(languages)
        # Rows in the order of their hashes, and where those begin that share their first bits: about one.
        bits = max(1, len(ids).bit_length())
        self._shift = 32 - bits
        # Sorting the pairs is several times faster than an argsort.
        pairs = np.sort(hashes.astype(np.uint64) << np.uint64(32) | np.arange(len(ids), dtype=np.uint64))
        self._rows = _array("I", pairs & np.uint64(0xFFFFFFFF))
        sizes = np.bincount((hashes >> np.uint32(self._shift)).astype(np.int64), minlength=1 << bits)
        self._buckets = _array("I", _bounds(sizes))

    def __len__(self) -> int:
        return len(self.ids)

    def title(self, row: int) -> str:
        return self.text[self.bounds[row] : self.bounds[row + 1]].decode("utf-8")

    def language(self, row: int) -> Optional[str]:
        return None if self.codes is None else self.languages[self.codes[row]]

    def count(self, row: int) -> int:
        return 0 if self.counts is None else self.counts[row]

    def find(self, title: str) -> List[int]:
        """The rows with a title, in whatever language."""
        # Half a surrogate pair is in no title.
        wanted = title.encode("utf-8", "surrogatepass")
        bucket = crc32(wanted) >> self._shift
        found: List[int] = []
        for place in range(self._buckets[bucket], self._buckets[bucket + 1]):
            row = self._rows[place]
            start = self.bounds[row]
            if self.bounds[row + 1] - start == len(wanted) and self.text.startswith(wanted, start):
                found.append(row)
        return found

    def special_rows(self) -> List[int]:
        """The rows of special entities."""
        return _special_rows(self.text, np.frombuffer(self.bounds, dtype=np.uint64))


class TableBuilder:
    """
    Takes blocks of titles with all that belongs to them, and gives an `EntityTable`.
    """

    def __init__(self) -> None:
        self._text = bytearray()
        self._lengths: List[np.ndarray] = []
        self._hashes: List[np.ndarray] = []
        self._ids: List[np.ndarray] = []
        self._counts: List[np.ndarray] = []
        self._codes: List[np.ndarray] = []
        self._code_of = _Codes()
        self.rows = 0

    def add(
        self,
        titles: Sequence[str],
        ids: Union[Sequence[int], np.ndarray],
        counts: Union[None, Sequence[int], np.ndarray] = None,
        languages: Optional[Sequence[Optional[str]]] = None,
    ) -> None:
        """
        Adds a row for each title.

        # Raises

        `ValueError`
            A title is empty or cannot be written in UTF-8; an id or count takes more than 64 bits.
        """
        if not titles:
            return
        pieces = "\n".join(titles).encode("utf-8").split(b"\n")
        if len(pieces) != len(titles):  # some have a newline
            pieces = [title.encode("utf-8") for title in titles]
        if not all(pieces):
            raise ValueError("empty title")
        try:
            self._ids.append(np.array(ids, dtype=np.int64))
            if counts is not None:
                self._counts.append(np.array(counts, dtype=np.int64))
        except OverflowError:
            raise ValueError("a number is too large") from None
        if languages is not None:
            self._codes.append(np.fromiter(map(self._code_of.__getitem__, languages), np.uint32, len(titles)))
        self._text += b"".join(pieces)
        self._lengths.append(np.fromiter(map(len, pieces), np.uint32, len(titles)))
        self._hashes.append(np.fromiter(map(crc32, pieces), np.uint32, len(titles)))
        self.rows += len(titles)

    def finish(self, where: Callable[[int], str]) -> EntityTable:
        """
        # Parameters

        where : `Callable[[int], str]`
            What to call a row, by its number in the order they were added, in an error.

        # Returns

        `EntityTable`

        # Raises

        `ConfigurationError`
            A title is there twice in one language, or a special one with two ids.
        """
        bounds = _bounds(_joined(self._lengths, np.uint32))
        ids, hashes = _joined(self._ids, np.int64), _joined(self._hashes, np.uint32)
        counts: Optional[np.ndarray] = _joined(self._counts, np.int64)
        codes: Optional[np.ndarray] = _joined(self._codes, np.uint32)
        if counts is not None and not counts.any():
            counts = None
        if codes is not None and not codes.any():
            codes = None
        self._check_once(bounds, ids, hashes, codes, where)
        text = self._text
        if (ids[1:] < ids[:-1]).any():
            order = np.argsort(ids, kind="stable")
            text, bounds = _reordered(text, bounds, order)
            ids, hashes = ids[order], hashes[order]
            counts = None if counts is None else counts[order]
            codes = None if codes is None else codes[order]
        return EntityTable(text, bounds, ids, counts, codes, list(self._code_of), hashes)

    def _check_once(
        self,
        bounds: np.ndarray,
        ids: np.ndarray,
        hashes: np.ndarray,
        codes: Optional[np.ndarray],
        where: Callable[[int], str],
    ) -> None:
        keys = hashes.astype(np.uint64)
        if codes is not None:
            keys |= codes.astype(np.uint64) << np.uint64(32)
        in_order = np.sort(keys)
        again = in_order[1:][in_order[1:] == in_order[:-1]]
        places = np.searchsorted(again, keys)
        suspects = np.flatnonzero(np.append(again, np.uint64(0))[places] == keys) if len(again) else again
        languages = list(self._code_of)
        # Several titles may have one hash, so it takes a look at them.
        first: Dict[Tuple[str, Optional[str]], int] = {}
        for row in suspects.tolist():
            title = _title(self._text, bounds, row)
            language = None if codes is None else languages[codes[row]]
            other = first.setdefault((title, language), row)
            if other != row:
                tagged = "" if language is None else f" ({language})"
                raise ConfigurationError(
                    f"{where(row)}: the title {shown(title)}{tagged} is there twice, with the ids "
                    f"{ids[other]} and {ids[row]} ({where(other)}); expected every title once."
                )
        if codes is None:
            return
        special: Dict[str, int] = {}
        for row in _special_rows(self._text, bounds):
            title = _title(self._text, bounds, row)
            other = special.setdefault(title, row)
            if ids[other] != ids[row]:
                raise ConfigurationError(
                    f"{where(row)}: the special entity {shown(title)} has the id {ids[row]} here, and "
                    f"{ids[other]} elsewhere ({where(other)}); expected one id, whatever the language."
                )


class _Codes(Dict[Optional[str], int]):
    def __init__(self) -> None:
        super().__init__({None: 0})

    def __missing__(self, language: Optional[str]) -> int:
        return self.setdefault(language, len(self))


def _array(code: str, values: np.ndarray) -> array:
    result = array(code)
    result.frombytes(np.ascontiguousarray(values, dtype=np.dtype(code)).data.cast("B"))
    return result


def _joined(blocks: List[np.ndarray], dtype: type) -> np.ndarray:
    result = np.concatenate(blocks) if blocks else np.zeros(0, dtype=dtype)
    blocks.clear()
    return result


def _title(text: Union[bytes, bytearray], bounds: np.ndarray, row: int) -> str:
    return text[int(bounds[row]) : int(bounds[row + 1])].decode("utf-8")


def _special_rows(text: Union[bytes, bytearray], bounds: np.ndarray) -> List[int]:
    if len(bounds) == 1:
        return []
    letters = np.frombuffer(text, dtype=np.uint8)
    starts, lasts = bounds[:-1].astype(np.int64), bounds[1:].astype(np.int64) - 1
    rows = np.flatnonzero((letters[starts] == ord("[")) & (letters[lasts] == ord("]"))).tolist()
    return [row for row in rows if is_special(_title(text, bounds, row))]


def _reordered(text: bytearray, bounds: np.ndarray, order: np.ndarray) -> Tuple[bytearray, np.ndarray]:
    result = bytearray()
    for first in range(0, len(order), _ROWS_AT_ONCE):
        rows = order[first : first + _ROWS_AT_ONCE]
        starts, stops = bounds[rows].tolist(), bounds[rows + 1].tolist()
        result += b"".join([text[start:stop] for start, stop in zip(starts, stops, strict=True)])
    return result, _bounds(np.diff(bounds)[order])


def _bounds(lengths: np.ndarray) -> np.ndarray:
    # Shape: (rows + 1,)
    return np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(lengths, dtype=np.uint64)])
