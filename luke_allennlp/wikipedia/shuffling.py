"""
A shuffle of more sequences than fit into memory, that does not depend on who does which part of it: every
sequence has a random key, which is a hash of what it is, and the shuffled order is that of the keys.
"""

import hashlib
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np

from luke_allennlp.pretraining.arrow_files import open_record_batch, write_record_batch
from luke_allennlp.pretraining.dataset import Sequences, TokenSequence
from luke_allennlp.wikipedia.jobs import save_array

# Keys are below this, and those of held-out sequences from there on.
HELD_OUT = 1 << 63

TRAIN, VALIDATION = "train", "validation"


def random_fraction(*of: Any) -> float:
    """A random number in [0, 1) that is a function of some numbers and strings."""
    return _hash(of) / HELD_OUT


def random_key(is_held_out: bool, *of: Any) -> int:
    """Such a key of 64 bits; held-out keys are `HELD_OUT` or more."""
    return _hash(of) + (HELD_OUT if is_held_out else 0)


def _hash(of: Tuple[Any, ...]) -> int:
    content = "\0".join(map(str, of)).encode("utf-8", "backslashreplace")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little") >> 1


def key_range(split: str, shard: int, shards: int) -> Tuple[int, int]:
    """The keys of a shard of a split: the least, and the least beyond."""
    base = HELD_OUT if split == VALIDATION else 0
    start, end = (base + -(-number * HELD_OUT // shards) for number in (shard, shard + 1))
    return start, end


class KeyedSequences:
    """
    Writes a task's sequences to files, sorted by their keys, each of which fits into memory. A task that is
    repeated writes the same files.
    """

    def __init__(self, directory: Path, task: int, vocab_size: int, size: int = 1 << 15) -> None:
        self._directory, self._task = directory, task
        self._vocab_size, self._size = vocab_size, size
        self._keys: List[int] = []
        self._sequences: List[TokenSequence] = []
        self.files = 0

    def add(self, key: int, sequence: TokenSequence) -> None:
        self._keys.append(key)
        self._sequences.append(sequence)
        if len(self._keys) >= self._size:
            self.flush()

    def flush(self) -> None:
        """Writes what is in memory; to be called at the end."""
        if not self._keys:
            return
        keys = np.array(self._keys, dtype=np.uint64)
        order = np.argsort(keys, kind="stable")
        path = self._directory / f"{self._task:05d}-{self.files:05d}.arrow"
        rows = [self._sequences[number] for number in order.tolist()]
        write_record_batch(path, Sequences.of(rows, self._vocab_size), {})
        save_array(path.with_suffix(".npy"), keys[order])
        self.files += 1
        self._keys, self._sequences = [], []


def sorted_files(directory: Path) -> List[Path]:
    """The files of all tasks, in the tasks' order."""
    return sorted(directory.glob("*.arrow"), key=lambda path: tuple(map(int, path.stem.split("-"))))


def gather(files: List[Path], start: int, end: int, vocab_size: int) -> Sequences:
    """
    The sequences with keys from `start` to `end`, exclusive, in the order of their keys; of equal keys, that
    of the first file comes first.
    """
    keys, parts = [np.empty(0, dtype=np.uint64)], [Sequences.of([], vocab_size)]
    for path in files:
        all_keys = np.load(path.with_suffix(".npy"), mmap_mode="r")
        # The last key of all is one less than 2^64: the end itself would not fit.
        first = int(np.searchsorted(all_keys, np.uint64(start), side="left"))
        last = int(np.searchsorted(all_keys, np.uint64(end - 1), side="right"))
        if first < last:
            sequences, _ = open_record_batch(path)
            keys.append(np.array(all_keys[first:last]))
            parts.append(sequences.take(np.arange(first, last)))
    return Sequences.concatenate(parts).take(np.argsort(np.concatenate(keys), kind="stable"))


def counts_by_split(files: List[Path]) -> Tuple[int, int]:
    """How many sequences are for training, and how many are held out."""
    train = total = 0
    for path in files:
        keys = np.load(path.with_suffix(".npy"))
        total += len(keys)
        train += int(np.searchsorted(keys, np.uint64(HELD_OUT), side="left"))
    return train, total - train
