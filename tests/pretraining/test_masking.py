"""What is masked."""

import numpy as np
import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.pretraining.masking import (
    SINGLE_PIECE,
    WORD_ORDER,
    WORD_REPLACEMENT,
    LukeMasking,
    MaskingTables,
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


def assert_words_are_plain(masked, sequences, number, *arguments):
    """What the model sees and what is predicted of one sequence, as `words_one_by_one` says."""
    start, stop = sequences.word_offsets[number : number + 2]
    seen, chosen = words_one_by_one(sequences.word_ids[start:stop], *arguments)
    low, high = np.searchsorted(masked.chosen_words, [start, stop])
    assert (masked.chosen_words[low:high] - start).tolist() == chosen
    assert masked.word_ids[start:stop].tolist() == seen
    return chosen


@pytest.mark.parametrize("whole_words", [True, False])
@pytest.mark.parametrize("continued", [0.3, 0.9])
def test_words_equal_a_plain_computation(whole_words, continued):
    words = [[], *random_words(150, 60, continued=continued), *[[5, 600, 601]] * 20, []]
    sequences = sequences_of(words)
    masked = mask(LukeMasking(whole_words=whole_words), sequences, seed=5, epoch=2, first=2**33)
    for number, ids in enumerate(words):
        if len(ids):
            assert_words_are_plain(masked, sequences, number, 2**33 + number, 2, 5, whole_words)


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
    for number in range(len(words)):
        first, last = sequences.entity_offsets[number : number + 2]
        chosen = [entity for entity in masked.chosen_entities if first <= entity < last]
        spans = [mentions[number][entity - first][1:] for entity in chosen]
        positions = assert_words_are_plain(masked, sequences, number, number, 0, 0, True, spans)
        covered += sum(spans[0][0] <= position <= spans[0][1] for position in positions)
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


def within(successes, trials, probability):
    """Whether so many successes are within three standard errors."""
    return abs(successes - trials * probability) <= 3 * (trials * probability * (1 - probability)) ** 0.5


@pytest.mark.parametrize("whole_words", [True, False])
def test_statistics(whole_words):
    sequences = sequences_of(random_words(1000, 250, seed=2, shortest=100))
    masked = mask(LukeMasking(whole_words=whole_words), sequences)
    assert within(len(masked.chosen_words), len(sequences.word_ids), 0.15)
    before, after = sequences.word_ids[masked.chosen_words], masked.word_ids[masked.chosen_words]
    changed = after[(after != MASK) & (after != before)]
    assert changed.min() > PAD and changed.max() < VOCABULARY and len(np.unique(changed)) > 600
    # Draws are a word's, so those are counted.
    leads = before < 500 if whole_words else slice(None)
    masks, kept = (after == MASK)[leads], (after == before)[leads]
    assert within(masks.sum(), len(masks), 0.8)
    assert within(kept.sum(), len(masks), 0.1)  # a random one is the same once in a thousand
    others = np.setdiff1d(np.arange(len(sequences.word_ids)), masked.chosen_words)
    np.testing.assert_array_equal(masked.word_ids[others], sequences.word_ids[others])


def test_statistics_of_entities():
    ids = np.random.default_rng(3).integers(1, ENTITY_TABLE, (1000, 100))
    ids[:, ::4] = UNKNOWN_ENTITY
    sequences = sequences_of([[5]] * 1000, [[(int(index), 0, 0) for index in row] for row in ids])
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
        ({"random_word_ratio": 0.6, "unmasked_word_ratio": 0.6}, r"random_.* \+ unmasked_word_ratio is 1.2"),
    ],
)
def test_wrong_options(options, expected):
    with pytest.raises(ConfigurationError, match=expected):
        LukeMasking(**options)
