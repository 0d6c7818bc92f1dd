"""What is masked."""

import numpy as np
import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.pretraining.masking import (
    SINGLE_PIECE,
    WORD_ORDER,
    WORD_REPLACEMENT,
    LukeMasking,
    MaskingTables,
    choose_units,
)
from luke_allennlp.pretraining.random_numbers import RandomNumbers
from luke_allennlp.pretraining.sequences import Sequences, TokenSequence

# <mask> is not among the random tokens here, so that both are distinguishable.
VOCABULARY, PAD, MASK, ENTITY_MASK, UNKNOWN_ENTITY, ENTITY_TABLE = 1000, 1, 0, 2, 1, 500
# The upper half of the vocabulary continues words.
TABLES = MaskingTables(np.arange(VOCABULARY) >= 500, PAD, MASK, 0, ENTITY_MASK, ENTITY_TABLE)


def sequences_of(words, entities=None):
    rows = []
    for number, ids in enumerate(words):
        mentions = entities[number] if entities else []
        columns = [list(column) for column in zip(*mentions, strict=True)] or [[], [], []]
        rows.append(TokenSequence(-1, ids, *columns))
    return Sequences.of(rows, VOCABULARY)


def mask(masking, sequences, seed=0, epoch=0, first=0):
    numbers = np.arange(len(sequences))
    return masking(sequences, np.full(len(numbers), epoch), numbers + first, RandomNumbers(seed), TABLES)


def random_words(number, longest, seed=0, shortest=1, continued=0.3):
    generator = np.random.default_rng(seed)
    words = []
    for _ in range(number):
        length = int(generator.integers(shortest, longest + 1))
        ids = generator.integers(2, 500, length) + 498 * (generator.random(length) < continued)
        words.append(ids)
    return words


def one_by_one(sizes, keys, budget):
    """The rule as it is told: unit by unit, in order."""
    left, taken = budget, [False] * len(sizes)
    for unit in sorted(range(len(sizes)), key=lambda unit: (keys[unit], unit)):
        if left == 0:
            break
        if sizes[unit] > left:
            continue
        taken[unit] = True
        left -= sizes[unit]
    return taken


rows_of_units = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(1, 6), st.integers(0, 2**33 - 1) | st.integers(0, 3)), max_size=25),
        st.integers(0, 20),
    ),
    max_size=6,
)


@given(rows_of_units)
@settings(max_examples=100, deadline=None)
def test_units_are_taken_as_if_one_by_one(rows):
    units = [unit for row, _ in rows for unit in row]
    sizes = np.array([size for size, _ in units], dtype=np.int64)
    keys = np.array([key for _, key in units], dtype=np.uint64)
    offsets = np.cumsum([0, *(len(row) for row, _ in rows)])
    taken = choose_units(sizes, keys, offsets, np.array([budget for _, budget in rows], dtype=np.int64))
    expected = [
        is_taken
        for row, budget in rows
        for is_taken in one_by_one([s for s, _ in row], [k for _, k in row], budget)
    ]
    assert taken.tolist() == expected


def words_one_by_one(words, index, epoch, seed, whole_words, spans=()):
    """Spec E.4 for one sequence, with the same random numbers: what the model sees, and what is predicted."""
    numbers = RandomNumbers(seed)
    units = []
    for position, word in enumerate(words):
        if whole_words and units and word >= 500:
            units[-1].append(position)
        else:
            units.append([position])

    def key(unit):
        under = any(first <= position <= last for position in unit for first, last in spans)
        draw = numbers.bits(WORD_ORDER, epoch, index, unit[0] // 4)[unit[0] % 4, 0]
        return (not under, int(draw), unit[0])

    left, chosen = max(1, round(0.15 * len(words))), []
    for unit in sorted(units, key=key):
        if len(unit) <= left:
            chosen.append(unit)
            left -= len(unit)
        if left == 0:
            break
    if not chosen:
        chosen = [[int(numbers.bits(SINGLE_PIECE, epoch, index, 0)[0, 0]) * len(words) >> 32]]
    seen = list(words)
    for unit in chosen:
        draw = numbers.bits(WORD_REPLACEMENT, epoch, index, unit[0])[0, 0] / 2**32
        for position in unit:
            if draw < 0.8:
                seen[position] = MASK
            elif draw < 0.9:
                bits = int(numbers.bits(WORD_REPLACEMENT, epoch, index, position)[1, 0])
                seen[position] = PAD + 1 + (bits * (VOCABULARY - 1 - PAD) >> 32)
    return seen, sorted(position for unit in chosen for position in unit)


@pytest.mark.parametrize("whole_words", [True, False])
@pytest.mark.parametrize("continued", [0.3, 0.9])
def test_words_equal_a_plain_computation(whole_words, continued):
    words = [[], *random_words(150, 60, continued=continued), []]
    sequences = sequences_of(words)
    masked = mask(LukeMasking(whole_words=whole_words), sequences, seed=5, epoch=2, first=2**33)
    for number, ids in enumerate(words):
        if len(ids) == 0:
            continue
        start, stop = sequences.word_offsets[number : number + 2]
        seen, chosen = words_one_by_one(ids, 2**33 + number, 2, 5, whole_words)
        here = masked.chosen_words[(masked.chosen_words >= start) & (masked.chosen_words < stop)] - start
        assert here.tolist() == chosen
        assert masked.word_ids[start:stop].tolist() == seen


def test_words_of_chosen_entities_come_first():
    words = random_words(60, 40, shortest=10)
    generator = np.random.default_rng(1)
    mentions = []
    for ids in words:
        starts = generator.integers(0, len(ids) - 3, 4)
        mentions.append([(7, int(start), int(start + generator.integers(0, 3))) for start in starts])
    sequences = sequences_of(words, mentions)
    masked = mask(LukeMasking(mask_words_in_entity_span=True), sequences)
    covered = 0
    for number, ids in enumerate(words):
        low, high = np.searchsorted(masked.chosen_entities, sequences.entity_offsets[number : number + 2])
        spans = [
            mentions[number][e - sequences.entity_offsets[number]][1:]
            for e in masked.chosen_entities[low:high]
        ]
        start, stop = sequences.word_offsets[number : number + 2]
        seen, chosen = words_one_by_one(ids, number, 0, 0, True, spans)
        here = masked.chosen_words[(masked.chosen_words >= start) & (masked.chosen_words < stop)] - start
        assert here.tolist() == chosen
        assert masked.word_ids[start:stop].tolist() == seen
        covered += sum(spans[0][0] <= position <= spans[0][1] for position in chosen)
    assert covered > 60
    without = mask(LukeMasking(), sequences)
    np.testing.assert_array_equal(without.chosen_entities, masked.chosen_entities)
    assert without.chosen_words.tolist() != masked.chosen_words.tolist()


@pytest.mark.parametrize("length", [1, 2, 3, 10, 23, 30, 50, 510])
def test_budgets_are_rounded_as_python_does(length):
    sequences = sequences_of([[5] * length] * 3, [[(7, 0, 0)] * length] * 3)
    masked = mask(LukeMasking(), sequences)
    expected = max(1, round(0.15 * length))
    assert len(masked.chosen_words) == len(masked.chosen_entities) == 3 * expected


def test_a_single_piece_where_every_word_is_too_large():
    sequences = sequences_of([[5, 600, 601]] * 2000)
    masked = mask(LukeMasking(), sequences)
    np.testing.assert_array_equal(masked.chosen_words // 3, np.arange(2000))
    places = np.bincount(masked.chosen_words % 3)
    assert np.abs(places - 2000 / 3).max() < 4 * (2000 * 2 / 9) ** 0.5
    assert 0.75 < (masked.word_ids[masked.chosen_words] == MASK).mean() < 0.85


def within(successes, trials, probability):
    """Whether so many successes are within three standard errors."""
    return abs(successes - trials * probability) <= 3 * (trials * probability * (1 - probability)) ** 0.5


@pytest.mark.parametrize("whole_words", [True, False])
def test_statistics(whole_words):
    words = random_words(1000, 250, seed=2, shortest=100)
    sequences = sequences_of(words)
    positions = len(sequences.word_ids)
    assert positions > 100_000
    masked = mask(LukeMasking(whole_words=whole_words), sequences)
    assert within(len(masked.chosen_words), positions, 0.15)
    # Every part of the sequences alike.
    owners = np.repeat(np.arange(1000), sequences.word_counts)
    place = (np.arange(positions) - sequences.word_offsets[owners]) / sequences.word_counts[owners]
    for quarter in range(4):
        part = (place[masked.chosen_words] * 4).astype(int) == quarter
        assert within(part.sum(), ((place * 4).astype(int) == quarter).sum(), 0.15)

    # Whole words: draws are a word's, so those are counted.
    before, after = sequences.word_ids[masked.chosen_words], masked.word_ids[masked.chosen_words]
    leads = np.ones(len(before), dtype=bool)
    if whole_words:
        leads = before < 500
        leads[np.isin(masked.chosen_words, sequences.word_offsets)] = True
        followers = np.flatnonzero(~leads)
        # None is chosen without the one before it, and all of a word are masked, or none.
        assert (masked.chosen_words[followers] - masked.chosen_words[followers - 1] == 1).all()
        np.testing.assert_array_equal((after == MASK)[followers], (after == MASK)[followers - 1])
        ends = masked.chosen_words + 1
        inside = ends[(ends < positions) & ~np.isin(ends, sequences.word_offsets)]
        assert np.isin(inside[sequences.word_ids[inside] >= 500], masked.chosen_words).all()
    masks = after[leads] == MASK
    kept = after[leads] == before[leads]
    assert within(masks.sum(), leads.sum(), 0.8)
    assert within(kept.sum(), leads.sum(), 0.1)  # a random one is the same once in a thousand
    assert within((~masks & ~kept).sum(), leads.sum(), 0.1)
    changed = after[(after != MASK) & (after != before)]
    assert changed.min() > PAD and changed.max() < VOCABULARY
    assert len(np.unique(changed)) > 600
    # Elsewhere, nothing is changed.
    others = np.setdiff1d(np.arange(positions), masked.chosen_words)
    np.testing.assert_array_equal(masked.word_ids[others], sequences.word_ids[others])


def test_statistics_of_entities():
    generator = np.random.default_rng(3)
    mentions = [[(int(id), 0, 0) for id in generator.integers(1, ENTITY_TABLE, 100)] for _ in range(1000)]
    for row in mentions:
        for number in range(0, 100, 4):
            row[number] = (UNKNOWN_ENTITY, 0, 0)
    sequences = sequences_of([[5]] * 1000, mentions)
    masked = mask(LukeMasking(), sequences)
    assert len(masked.chosen_entities) == 15_000
    assert (masked.entity_ids[masked.chosen_entities] == ENTITY_MASK).all()
    unknown = sequences.entity_ids == UNKNOWN_ENTITY
    assert within(unknown[masked.chosen_entities].sum(), unknown.sum(), 0.15)
    others = np.setdiff1d(np.arange(100_000), masked.chosen_entities)
    np.testing.assert_array_equal(masked.entity_ids[others], sequences.entity_ids[others])
    again = mask(LukeMasking(random_entity_ratio=0.1, unmasked_entity_ratio=0.2), sequences)
    np.testing.assert_array_equal(again.chosen_entities, masked.chosen_entities)
    after, before = again.entity_ids[again.chosen_entities], sequences.entity_ids[again.chosen_entities]
    assert within((after == before).sum(), 15_000, 0.2)
    assert within(((after != before) & (after != ENTITY_MASK)).sum(), 15_000, 0.1)
    assert after.min() > 0 and after.max() < ENTITY_TABLE


def test_depends_on_seed_epoch_and_sequence_alone():
    sequences = sequences_of(random_words(40, 60), [[(7, 0, 0)] * 30] * 40)
    whole = mask(LukeMasking(), sequences, seed=1, epoch=2)
    part = mask(LukeMasking(), sequences.take(np.arange(15, 25)), seed=1, epoch=2, first=15)
    at = slice(*sequences.word_offsets[[15, 25]])
    np.testing.assert_array_equal(whole.word_ids[at], part.word_ids)
    at = slice(*sequences.entity_offsets[[15, 25]])
    np.testing.assert_array_equal(whole.entity_ids[at], part.entity_ids)
    for changes in ({"seed": 2, "epoch": 2}, {"seed": 1, "epoch": 3}, {"seed": 1, "epoch": 2, "first": 1}):
        other = mask(LukeMasking(), sequences, **changes)
        assert other.chosen_words.tolist() != whole.chosen_words.tolist()
        assert other.chosen_entities.tolist() != whole.chosen_entities.tolist()


def test_ratios_of_zero_choose_nothing():
    sequences = sequences_of([[5, 6, 7], []], [[(7, 0, 0)], []])
    masked = mask(LukeMasking(word_ratio=0, entity_ratio=0), sequences)
    assert len(masked.chosen_words) == len(masked.chosen_entities) == 0
    assert masked.word_ids.tolist() == [5, 6, 7] and masked.entity_ids.tolist() == [7]
    nothing = mask(LukeMasking(), sequences_of([[], []]))
    assert len(nothing.chosen_words) == len(nothing.word_ids) == 0


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"word_ratio": 15}, "word_ratio is 15; expected a number from 0 to 1"),
        ({"entity_ratio": -0.1}, "entity_ratio is -0.1"),
        (
            {"random_word_ratio": 0.6, "unmasked_word_ratio": 0.6},
            r"random_word_ratio \+ unmasked_word_ratio is 1.2",
        ),
    ],
)
def test_wrong_options(options, expected):
    with pytest.raises(ConfigurationError, match=expected):
        LukeMasking(**options)
