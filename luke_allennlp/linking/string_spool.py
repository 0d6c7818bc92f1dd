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
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown, without_lone_surrogates

_CHUNK = 2_000_000


class StringSpool:
    """
    Takes in strings, sorts them on disk, in files of an existing directory, and numbers them by a trie. Only
    the strings of a chunk and the trie are in memory.
    """

    def __init__(self, directory: Path, name: str, chunk: int = _CHUNK) -> None:
        self.name = name
        self._directory = directory
        self._chunk = chunk
        self._chunks = 0
        self._numbers: Dict[str, int] = {}
        self._taken = array("I")

    def add(self, text: str, where: str = "a string") -> None:
        """
        Adds a string; half surrogate pairs are replaced, and the character NUL is an error: a trie cannot
        hold it.
        """
        if "\0" in text:
            raise ConfigurationError(f"{where} is {shown(text)}; expected a text without the character NUL.")
        if not text.isascii():
            text = without_lone_surrogates(text)
        self._taken.append(self._numbers.setdefault(text, len(self._numbers)))
        if len(self._taken) >= self._chunk:
            self._flush()

    def build(self) -> marisa_trie.Trie:
        """The trie of all strings."""
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
        """Chunk by chunk, the number of each string in the trie, in the order they were added."""
        for index in range(self._chunks):
            with open(self._file(index, "txt"), encoding="ascii") as run:
                numbers = numpy.fromiter((trie[json.loads(line)] for line in run), dtype="<u4")
            yield numbers[numpy.load(self._file(index, "npy"), allow_pickle=False)]

    def all_numbers(self, trie: marisa_trie.Trie, unique: str = "") -> numpy.ndarray:
        """
        As `numbers`, all at once. If the strings must be unique, `unique` says what they name: a
        `ConfigurationError` tells which one was added twice.
        """
        numbers = numpy.concatenate([numpy.empty(0, dtype="<u4"), *self.numbers(trie)])
        if unique:
            repeated = numpy.flatnonzero(numpy.bincount(numbers, minlength=1) > 1)
            if len(repeated):
                raise ConfigurationError(
                    f"The {unique} {trie.restore_key(int(repeated[0]))!r} occurs twice ({len(repeated):,} in "
                    "all do); expected each once."
                )
        return numbers

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
        return self._directory / f"{self.name}.{index}.{suffix}"
