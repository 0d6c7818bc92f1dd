"""Sequences of tokens with entities, as columns."""

from dataclasses import dataclass, replace
from typing import Iterable, Iterator, List, NamedTuple, Sequence, Tuple, Type, Union

import numpy as np

# What the columns' types can hold.
LONGEST = 2**16 - 1
_MOST_VALUES = 2**31 - 1
Ids = Union[Sequence[int], np.ndarray]


class TokenSequence(NamedTuple):
    """A sequence to learn from."""

    page_id: int  # the entity of its page; -1 if that is not in the entity table
    word_ids: Ids  # tokens, without start and end tokens
    entity_ids: Ids  # rows of the entity table
    entity_starts: Ids  # the first token of each mention, counted without the start token
    entity_ends: Ids  # the last one, inclusive


@dataclass(frozen=True, eq=False)
class Sequences:
    """Columns: the tokens of sequence `i` are `word_ids[word_offsets[i]:word_offsets[i + 1]]`."""

    page_ids: np.ndarray  # Shape: (sequences,)
    word_offsets: np.ndarray  # Shape: (sequences + 1,)
    word_ids: np.ndarray  # Shape: (all tokens,)
    entity_offsets: np.ndarray  # Shape: (sequences + 1,)
    entity_ids: np.ndarray  # Shape: (all entities,), as the next two
    entity_starts: np.ndarray
    entity_ends: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[TokenSequence], vocab_size: int) -> "Sequences":
        """
        The size of the tokenizer's vocabulary decides how many bytes a token takes. Raises a `ValueError` if
        a number does not fit its column, or the entities' columns are not of one length.
        """
        rows = list(rows)
        for number, row in enumerate(rows):
            if not len(row.entity_ids) == len(row.entity_starts) == len(row.entity_ends):
                lengths = f"{len(row.entity_ids)}, {len(row.entity_starts)} and {len(row.entity_ends)}"
                raise ValueError(f"sequence {number} has {lengths} entity ids, starts and ends")
        return cls(
            page_ids=_column([[row.page_id for row in rows]], np.int32),
            word_offsets=_offsets([len(row.word_ids) for row in rows]),
            word_ids=_column([row.word_ids for row in rows], np.uint16 if vocab_size <= 2**16 else np.uint32),
            entity_offsets=_offsets([len(row.entity_ids) for row in rows]),
            entity_ids=_column([row.entity_ids for row in rows], np.uint32),
            entity_starts=_column([row.entity_starts for row in rows], np.uint16),
            entity_ends=_column([row.entity_ends for row in rows], np.uint16),
        )

    def __len__(self) -> int:
        return len(self.page_ids)

    def __getitem__(self, row: int) -> TokenSequence:
        if not 0 <= row < len(self):
            raise IndexError(f"sequence {row} of {len(self)}")
        words = slice(self.word_offsets[row], self.word_offsets[row + 1])
        entities = slice(self.entity_offsets[row], self.entity_offsets[row + 1])
        return TokenSequence(
            int(self.page_ids[row]),
            self.word_ids[words],
            self.entity_ids[entities],
            self.entity_starts[entities],
            self.entity_ends[entities],
        )

    def __iter__(self) -> Iterator[TokenSequence]:
        return (self[row] for row in range(len(self)))

    @property
    def word_counts(self) -> np.ndarray:
        """Tokens of each. Shape: (sequences,)"""
        return np.diff(self.word_offsets)

    @property
    def entity_counts(self) -> np.ndarray:
        """Entities of each. Shape: (sequences,)"""
        return np.diff(self.entity_offsets)

    def cut(self, length: int) -> "Sequences":
        """Truncates each to `length` tokens, and drops the entities that reach beyond."""
        if self.word_counts.max(initial=0) <= length:
            return self
        owners = np.repeat(np.arange(len(self)), self.entity_counts)
        kept = self.entity_ends < length  # Shape: (all entities,)
        positions = np.arange(len(self.word_ids)) - np.repeat(self.word_offsets[:-1], self.word_counts)
        return Sequences(
            self.page_ids,
            _offsets(np.minimum(self.word_counts, length)),
            self.word_ids[positions < length],
            _offsets(np.bincount(owners[kept], minlength=len(self))),
            self.entity_ids[kept],
            self.entity_starts[kept],
            self.entity_ends[kept],
        )

    def without_entities(self) -> "Sequences":
        """The same words."""
        columns = {name: getattr(self, name)[:0] for name in ("entity_ids", "entity_starts", "entity_ends")}
        return replace(self, entity_offsets=np.zeros(len(self) + 1, dtype=np.int64), **columns)

    def take(self, rows: np.ndarray) -> "Sequences":
        """The sequences of these rows. Shape of `rows`: (chosen,)"""
        words, word_offsets = ragged_positions(self.word_offsets, rows)
        entities, entity_offsets = ragged_positions(self.entity_offsets, rows)
        return Sequences(
            self.page_ids[rows],
            word_offsets,
            self.word_ids[words],
            entity_offsets,
            self.entity_ids[entities],
            self.entity_starts[entities],
            self.entity_ends[entities],
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Sequences"]) -> "Sequences":
        """All sequences of one part or more, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.page_ids for part in parts]),
            _offsets(np.concatenate([part.word_counts for part in parts])),
            np.concatenate([part.word_ids for part in parts]),
            _offsets(np.concatenate([part.entity_counts for part in parts])),
            np.concatenate([part.entity_ids for part in parts]),
            np.concatenate([part.entity_starts for part in parts]),
            np.concatenate([part.entity_ends for part in parts]),
        )

    def check(self, vocab_size: int, entity_table_size: int = 2**32) -> None:
        """
        Raises a `ValueError` if an id is beyond its table, a mention is outside of its sequence, or a
        sequence or the whole is too long for a shard.
        """
        if len(self.word_ids) > _MOST_VALUES or len(self.entity_ids) > _MOST_VALUES:
            raise ValueError(f"{len(self.word_ids):,} tokens are too many for a shard: write smaller ones")
        longest, word_id = self.word_counts.max(initial=0), self.word_ids.max(initial=0)
        if longest > LONGEST:
            raise ValueError(f"a sequence has {longest:,} tokens; expected {LONGEST:,} at most")
        if word_id >= vocab_size > 0:
            raise ValueError(f"the word id {word_id} is not below the vocabulary's size {vocab_size}")
        entity_id = self.entity_ids.max(initial=0)
        if entity_id >= entity_table_size > 0:
            raise ValueError(f"the entity id {entity_id} is not below the table's size {entity_table_size}")
        lengths = np.repeat(self.word_counts, self.entity_counts)  # Shape: (all entities,)
        wrong = (self.entity_ends >= lengths) | (self.entity_starts > self.entity_ends)
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"a mention goes from token {self.entity_starts[at]} to {self.entity_ends[at]} in a "
                f"sequence of {lengths[at]}"
            )


def ragged_positions(offsets: np.ndarray, rows: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """
    The positions of the values of some rows, and the offsets of these rows among them. Shapes: (all rows +
    1,) and (rows,) in, (values,) and (rows + 1,) out
    """
    starts = offsets[rows].astype(np.int64)
    new_offsets = _offsets(offsets[rows + 1] - starts)
    positions = np.arange(new_offsets[-1])
    positions += np.repeat(starts - new_offsets[:-1], np.diff(new_offsets))
    return positions, new_offsets


def _offsets(lengths: Union[Sequence[int], np.ndarray]) -> np.ndarray:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _column(parts: List[Ids], dtype: Type[np.integer]) -> np.ndarray:
    values = np.concatenate([np.zeros(0, dtype=np.int64), *(np.asarray(p, dtype=np.int64) for p in parts)])
    low, high, limits = values.min(initial=0), values.max(initial=0), np.iinfo(dtype)
    if low < limits.min or high > limits.max:
        raise ValueError(f"a number between {low} and {high} does not fit {limits.dtype}, its column's type")
    return values.astype(dtype)
