import pytest

from luke_allennlp.pretraining.dataset import TokenSequence
from luke_allennlp.wikipedia.shuffling import (
    HELD_OUT,
    TRAIN,
    VALIDATION,
    KeyedSequences,
    counts_by_split,
    gather,
    key_range,
    random_key,
    sorted_files,
)

VOCAB_SIZE = 5000


def sequence(number):
    return TokenSequence(-1, [number], [number % 7] * (number % 3), [0] * (number % 3), [0] * (number % 3))


def write(directory, numbers, tasks=3, size=7, held_out=lambda number: number % 10 == 0):
    for task in range(tasks):
        keyed = KeyedSequences(directory, task, VOCAB_SIZE, size)
        for number in numbers[task::tasks]:
            keyed.add(random_key(held_out(number), 0, number), sequence(number))
        keyed.flush()
    return sorted_files(directory)


def words(files, split, shards):
    parts = [gather(files, *key_range(split, shard, shards), VOCAB_SIZE) for shard in range(shards)]
    return [int(word) for part in parts for word in part.word_ids]


def test_every_sequence_is_in_one_place(tmp_path):
    files = write(tmp_path, list(range(200)))
    assert counts_by_split(files) == (180, 20)
    train, validation = words(files, TRAIN, 4), words(files, VALIDATION, 2)
    assert sorted(train) == [number for number in range(200) if number % 10]
    assert sorted(validation) == list(range(0, 200, 10))
    # The order is that of the keys, in however many shards and by whomever they were written.
    assert train == sorted(train, key=lambda number: random_key(False, 0, number))
    assert words(files, TRAIN, 1) == words(files, TRAIN, 9) == train
    again = tmp_path / "again"
    again.mkdir()
    assert words(write(again, list(range(200)), tasks=1, size=1000), TRAIN, 3) == train


def test_equal_keys_are_in_the_order_of_the_tasks(tmp_path):
    for task, number in enumerate((5, 3, 9)):
        keyed = KeyedSequences(tmp_path, task, VOCAB_SIZE)
        keyed.add(17, sequence(number))
        keyed.flush()
    assert words(sorted_files(tmp_path), TRAIN, 1) == [5, 3, 9]


def test_the_ranges_of_shards():
    for split, base in ((TRAIN, 0), (VALIDATION, HELD_OUT)):
        for shards in (1, 3, 7, 613):
            ranges = [key_range(split, shard, shards) for shard in range(shards)]
            assert ranges[0][0] == base and ranges[-1][1] == base + HELD_OUT
            assert all(one[1] == other[0] for one, other in zip(ranges, ranges[1:], strict=False))


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_files_are_the_same_each_time(tmp_path, size):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, list(range(30)), size=size)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "two").iterdir())
    assert all(
        (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files
    )
