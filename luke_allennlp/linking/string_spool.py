"""Numbers for more strings than memory holds."""

import heapq
import itertools
import json
from array import array
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, Iterator, List

import marisa_trie
import numpy

_CHUNK = 2_000_000


class StringSpool:
    """
    Takes in strings, sorts them on the disk and numbers them by a trie. Of their number, only those of a
    chunk and the trie are in memory.

    # Parameters

    directory : `Path`
        For temporary files; it must be there.
    name : `str`
        Of these files.
    chunk : `int`, optional (default = `2_000_000`)
        How many strings are sorted at a time.
    """

    def __init__(self, directory: Path, name: str, chunk: int = _CHUNK) -> None:
        self._directory = directory
        self._name = name
        self._chunk = chunk
        self._chunks = 0
        self._numbers: Dict[str, int] = {}
        self._taken = array("I")

    def add(self, text: str) -> None:
        """
        # Parameters

        text : `str`
            Without NUL and half surrogate pairs, which a trie cannot hold.
        """
        self._taken.append(self._numbers.setdefault(text, len(self._numbers)))
        if len(self._taken) >= self._chunk:
            self._flush()

    def build(self) -> marisa_trie.Trie:
        """Of all strings."""
        if self._taken:
            self._flush()
        with ExitStack() as stack:
            runs = [
                stack.enter_context(open(self._file(index, "txt"), encoding="ascii"))
                for index in range(self._chunks)
            ]
            lines = (line for line, _ in itertools.groupby(heapq.merge(*runs)))
            return marisa_trie.Trie(json.loads(line) for line in lines)

    def numbers(self, trie: marisa_trie.Trie) -> Iterator[numpy.ndarray]:
        """
        # Parameters

        trie : `marisa_trie.Trie`
            As `build` made it.

        # Returns

        `Iterator[numpy.ndarray]`
            Chunk by chunk, the number of each string in the order they came.
        """
        for index in range(self._chunks):
            with open(self._file(index, "txt"), encoding="ascii") as run:
                numbers = numpy.fromiter((trie[json.loads(line)] for line in run), dtype="<u4")
            yield numbers[numpy.load(self._file(index, "npy"), allow_pickle=False)]

    def _flush(self) -> None:
        # Escaped, so that a string is a line.
        lines: List[str] = [json.dumps(text) + "\n" for text in self._numbers]
        order = sorted(range(len(lines)), key=lines.__getitem__)
        ranks = numpy.empty(len(lines), dtype="<u4")
        ranks[order] = numpy.arange(len(lines), dtype="<u4")
        with open(self._file(self._chunks, "txt"), "w", encoding="ascii") as run:
            run.writelines(lines[number] for number in order)
        numpy.save(self._file(self._chunks, "npy"), ranks[numpy.frombuffer(self._taken, dtype=numpy.uint32)])
        self._chunks += 1
        self._numbers = {}
        self._taken = array("I")

    def _file(self, index: int, suffix: str) -> Path:
        return self._directory / f"{self._name}.{index}.{suffix}"
