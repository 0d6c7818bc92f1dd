"""Which tokens and entities are predicted, and what the model sees in their place."""

from typing import NamedTuple, Tuple

import numpy as np
from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError

from luke_allennlp.pretraining.random_numbers import RandomNumbers, integers, uniform
from luke_allennlp.pretraining.sequences import Sequences

# Streams of random numbers.
WORD_ORDER, WORD_REPLACEMENT, SINGLE_PIECE, ENTITY_ORDER, ENTITY_REPLACEMENT = range(5)
_UNIT_BITS = np.uint64(31)
_LOW = np.uint64(0xFFFFFFFF)


class MaskingTables(NamedTuple):
    """What masking needs of the vocabularies."""

    continues_word: np.ndarray
    """Whether a token continues the word of the one before it. Shape: (vocabulary,)"""
    word_pad_id: int
    word_mask_id: int
    entity_pad_id: int
    entity_mask_id: int
    entity_table_size: int


class Masked(NamedTuple):
    """What the model sees, and the ascending positions of what is predicted."""

    word_ids: np.ndarray  # Shape: (all words,)
    chosen_words: np.ndarray  # Shape: (chosen words,)
    entity_ids: np.ndarray  # Shape: (all entities,)
    chosen_entities: np.ndarray  # Shape: (chosen entities,)


class Masking(Registrable):
    """Chooses and replaces tokens and entities of many sequences at once."""

    default_implementation = "luke"

    def __call__(
        self,
        sequences: Sequences,
        epochs: np.ndarray,
        indices: np.ndarray,
        random: RandomNumbers,
        tables: MaskingTables,
    ) -> Masked:
        """
        # Parameters

        epochs : `np.ndarray`
            How often each was read before. Shape: (sequences,)
        indices : `np.ndarray`
            Their numbers in the dataset. The choice depends on these, the epochs and the seed alone. Shape:
            (sequences,)
        """
        raise NotImplementedError


@Masking.register("luke")
class LukeMasking(Masking):
    """
    Registered as a `Masking` with name "luke".

    The masking of the original system. Of a sequence, max(1, round(`word_ratio` x tokens)) tokens are chosen:
    whole words or single tokens in a random order, skipping words that exceed the rest of the budget. If no
    word fits, a single token is chosen. Each word is replaced by `<mask>` tokens, by random tokens, or not at
    all. Of the entities, max(1, round(`entity_ratio` x entities)) are chosen, `[UNK]` included, and replaced
    by `[MASK]`. Halves are rounded to even.

    Random tokens are drawn from all ids above `<pad>`'s, as in the original, so they may be `</s>` or
    `<unk>`.

    # Parameters

    word_ratio : `float`, optional (default = `0.15`)
        Share of a sequence's tokens that is chosen, at least one; 0 for none.
    entity_ratio : `float`, optional (default = `0.15`)
        Share of a sequence's entities that is chosen, at least one; 0 for none.
    whole_words : `bool`, optional (default = `True`)
        Whether the tokens of a word are chosen together.
    random_word_ratio : `float`, optional (default = `0.1`)
        Share of the chosen words that random tokens replace.
    unmasked_word_ratio : `float`, optional (default = `0.1`)
        Share of the chosen words that stay as they are. `<mask>` replaces the rest.
    random_entity_ratio : `float`, optional (default = `0.0`)
        Share of the chosen entities that random entities replace.
    unmasked_entity_ratio : `float`, optional (default = `0.0`)
        Share of the chosen entities that stay as they are.
    mask_words_in_entity_span : `bool`, optional (default = `False`)
        Whether words in the mentions of chosen entities are chosen first.
    """

    def __init__(
        self,
        word_ratio: float = 0.15,
        entity_ratio: float = 0.15,
        whole_words: bool = True,
        random_word_ratio: float = 0.1,
        unmasked_word_ratio: float = 0.1,
        random_entity_ratio: float = 0.0,
        unmasked_entity_ratio: float = 0.0,
        mask_words_in_entity_span: bool = False,
    ) -> None:
        for name, value in (
            ("word_ratio", word_ratio),
            ("entity_ratio", entity_ratio),
            ("random_word_ratio", random_word_ratio),
            ("unmasked_word_ratio", unmasked_word_ratio),
            ("random_word_ratio + unmasked_word_ratio", random_word_ratio + unmasked_word_ratio),
            ("random_entity_ratio", random_entity_ratio),
            ("unmasked_entity_ratio", unmasked_entity_ratio),
            ("random_entity_ratio + unmasked_entity_ratio", random_entity_ratio + unmasked_entity_ratio),
        ):
            if not 0 <= value <= 1:
                raise ConfigurationError(f"masking: {name} is {value}; expected a number from 0 to 1.")
        self.word_ratio, self.entity_ratio = word_ratio, entity_ratio
        self.whole_words = whole_words
        self.mask_words_in_entity_span = mask_words_in_entity_span
        # Draws below the first are masked, those below the second replaced by random ids.
        self._word_limits = 1 - random_word_ratio - unmasked_word_ratio, 1 - unmasked_word_ratio
        self._entity_limits = 1 - random_entity_ratio - unmasked_entity_ratio, 1 - unmasked_entity_ratio

    def __call__(
        self,
        sequences: Sequences,
        epochs: np.ndarray,
        indices: np.ndarray,
        random: RandomNumbers,
        tables: MaskingTables,
    ) -> Masked:
        draw = _Draw(random, epochs, indices)
        entities = self._choose_entities(sequences, draw)
        words, leaders = self._choose_words(sequences, entities, draw, tables.continues_word)

        word_ids = sequences.word_ids.astype(np.int64)
        bits = draw.at(WORD_REPLACEMENT, sequences.word_offsets, words)
        span = tables.word_pad_id + 1, len(tables.continues_word) - 1
        _replace(word_ids, words, bits, leaders, self._word_limits, tables.word_mask_id, span)

        entity_ids = sequences.entity_ids.astype(np.int64)
        bits = draw.at(ENTITY_REPLACEMENT, sequences.entity_offsets, entities)
        span = tables.entity_pad_id + 1, tables.entity_table_size - 1
        each = np.arange(len(entities))
        _replace(entity_ids, entities, bits, each, self._entity_limits, tables.entity_mask_id, span)
        return Masked(word_ids, words, entity_ids, entities)

    def _choose_entities(self, sequences: Sequences, draw: "_Draw") -> np.ndarray:
        """Shape: (chosen entities,)"""
        offsets, counts = sequences.entity_offsets, sequences.entity_counts
        if self.entity_ratio == 0 or offsets[-1] == 0:
            return np.zeros(0, dtype=np.int64)
        ones = np.ones(offsets[-1], dtype=np.int64)
        keys = draw.everywhere(ENTITY_ORDER, offsets)
        return np.flatnonzero(choose_units(ones, keys, offsets, budget(counts, self.entity_ratio)))

    def _choose_words(
        self, sequences: Sequences, entities: np.ndarray, draw: "_Draw", continues_word: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray]:
        """The chosen tokens, and for each the index of its word's first. Shape of both: (chosen words,)"""
        offsets, counts = sequences.word_offsets, sequences.word_counts
        length = int(offsets[-1])
        if self.word_ratio == 0 or length == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        keys = draw.everywhere(WORD_ORDER, offsets).astype(np.uint64)  # Shape: (all words,)
        if self.mask_words_in_entity_span:
            keys |= (~_in_mentions(sequences, entities)).astype(np.uint64) << np.uint64(32)
        budgets = budget(counts, self.word_ratio)
        if self.whole_words:
            is_first = ~continues_word[sequences.word_ids]
            is_first[offsets[:-1][counts > 0]] = True  # of a sequence
            starts = np.flatnonzero(is_first)  # Shape: (units,)
            sizes = np.diff(starts, append=length)
            if self.mask_words_in_entity_span:  # one token of a word is enough
                keys = (keys[starts] & _LOW) | np.minimum.reduceat(keys, starts) & ~_LOW
            else:
                keys = keys[starts]
            chosen_units = choose_units(sizes, keys, np.searchsorted(starts, offsets), budgets)
            chosen = np.repeat(chosen_units, sizes)
        else:
            chosen = choose_units(np.ones(length, dtype=np.int64), keys, offsets, budgets)

        numbers = np.add.reduceat(chosen, offsets[:-1][counts > 0], dtype=np.int64)
        lacking = np.flatnonzero(counts > 0)[numbers == 0]
        if len(lacking):
            bits = draw.random.bits(SINGLE_PIECE, draw.epochs[lacking], draw.indices[lacking], 0)[0]
            pieces = bits.astype(np.uint64) * counts[lacking].astype(np.uint64) >> np.uint64(32)
            chosen[offsets[lacking] + pieces.astype(np.int64)] = True
        words = np.flatnonzero(chosen)
        if not self.whole_words:
            return words, np.arange(len(words))
        units = np.cumsum(is_first)[words]
        is_leader = np.diff(units, prepend=-1) != 0
        return words, np.maximum.accumulate(np.where(is_leader, np.arange(len(words)), 0))


class _Draw:
    """Random numbers for the positions of concatenated sequences."""

    def __init__(self, random: RandomNumbers, epochs: np.ndarray, indices: np.ndarray) -> None:
        self.random, self.epochs, self.indices = random, epochs, indices

    def everywhere(self, stream: int, offsets: np.ndarray) -> np.ndarray:
        """32 bits for each position: four of them come from one draw. Shape: (positions,)"""
        counts = np.diff(offsets)
        draws = (counts + 3) // 4
        owners = np.repeat(np.arange(len(counts)), draws)
        firsts = np.cumsum(draws) - draws
        position = np.arange(len(owners)) - firsts[owners]
        bits = self.random.bits(stream, self.epochs[owners], self.indices[owners], position)
        return bits.T.reshape(-1)[np.arange(offsets[-1]) + np.repeat(firsts * 4 - offsets[:-1], counts)]

    def at(self, stream: int, offsets: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Four numbers for each chosen position. Shape: (4, chosen)"""
        owners = np.searchsorted(offsets, chosen, side="right") - 1
        positions = chosen - offsets[owners]
        return self.random.bits(stream, self.epochs[owners], self.indices[owners], positions)


def budget(counts: np.ndarray, ratio: float) -> np.ndarray:
    """How many of each count are chosen. Shape as `counts`."""
    return np.minimum(counts, np.maximum(1, np.rint(ratio * counts).astype(np.int64)))


def choose_units(sizes: np.ndarray, keys: np.ndarray, offsets: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """
    Takes units in the order of their keys, skipping those that exceed the rest of their sequence's budget.
    Keys are below 2^33; equal ones keep their order. Shapes: (units,), (units,), (sequences + 1,) and
    (sequences,) in; whether each is taken, (units,), out.
    """
    counts = np.diff(offsets)
    taken = np.zeros(len(sizes), dtype=bool)
    width = int(counts.max(initial=0))
    if width == 0:
        return taken
    is_unit = np.arange(width) < counts[:, None]  # Shape: (sequences, width), as all of these
    order = np.full(is_unit.shape, np.iinfo(np.uint64).max)
    numbers = np.arange(len(sizes)) - np.repeat(offsets[:-1], counts)
    order[is_unit] = keys.astype(np.uint64) << _UNIT_BITS | numbers.astype(np.uint64)
    # Faster than an argsort: the keys contain the units' numbers.
    order.sort(axis=1)
    units = (order & np.uint64(2**31 - 1)).astype(np.int64) + offsets[:-1, None]
    units[~is_unit] = 0  # padding comes last
    ordered = sizes[units].astype(np.int32)
    left = budgets.astype(np.int32)
    fits = is_unit & (ordered <= left[:, None])
    while len(fits):
        # All up to the first that no longer fits. Neither it nor anything larger than the rest of the budget
        # can fit later, so this takes few rounds.
        new = fits & (np.cumsum(ordered * fits, axis=1, dtype=np.int32) <= left[:, None])
        taken[units[new]] = True
        left = left - (ordered * new).sum(axis=1, dtype=np.int32)
        fits = fits & ~new & (ordered <= left[:, None])
        again = fits.any(axis=1)
        fits, ordered, units, left = fits[again], ordered[again], units[again], left[again]
    return taken


def _replace(
    ids: np.ndarray,
    chosen: np.ndarray,
    bits: np.ndarray,
    leaders: np.ndarray,
    limits: Tuple[float, float],
    mask_id: int,
    span: Tuple[int, int],
) -> None:
    """
    Replaces ids at the chosen positions in place.

    # Parameters

    bits : `np.ndarray`
        Random ones. Shape: (4, chosen)
    leaders : `np.ndarray`
        For each chosen, the one whose draw decides. Shape: (chosen,)
    span : `Tuple[int, int]`
        First and last of the random ids.
    """
    draws = uniform(bits[0])[leaders]
    new_ids = np.where(draws < limits[0], mask_id, integers(bits[1], *span))
    replaced = draws < limits[1]
    ids[chosen[replaced]] = new_ids[replaced]


def _in_mentions(sequences: Sequences, entities: np.ndarray) -> np.ndarray:
    """Whether a token is in the mention of one of these entities. Shape: (all words,)"""
    owners = np.searchsorted(sequences.entity_offsets, entities, side="right") - 1
    shifts = sequences.word_offsets[owners]
    change = np.zeros(int(sequences.word_offsets[-1]) + 1, dtype=np.int32)
    np.add.at(change, sequences.entity_starts[entities] + shifts, 1)
    np.add.at(change, sequences.entity_ends[entities] + shifts + 1, -1)
    return np.cumsum(change[:-1]) > 0
