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


def write(directory, keys, tasks, size):
    """Sequences of one number each, by their keys."""
    directory.mkdir()
    for task in range(tasks):
        keyed = KeyedSequences(directory, task, VOCAB_SIZE, size)
        for number in range(len(keys))[task::tasks]:
            mention = [number % 7] * (number % 3)
            zeros = [0] * len(mention)
            keyed.add(keys[number], TokenSequence(-1, [number], mention, zeros, zeros))
        keyed.flush()
    return sorted_files(directory)


def words(files, split, shards):
    parts = [gather(files, *key_range(split, shard, shards), VOCAB_SIZE) for shard in range(shards)]
    return [int(word) for part in parts for word in part.word_ids]


def test_every_sequence_is_in_one_place(tmp_path):
    keys = [random_key(number % 10 == 0, 0, number) for number in range(200)]
    files = write(tmp_path / "one", keys, tasks=3, size=7)
    assert counts_by_split(files) == (180, 20)
    # The order is that of the keys, in however many shards and by whomever they were written.
    train = sorted((number for number in range(200) if number % 10), key=keys.__getitem__)
    assert words(files, TRAIN, 1) == words(files, TRAIN, 9) == train
    assert sorted(words(files, VALIDATION, 2)) == list(range(0, 200, 10))
    assert words(write(tmp_path / "other", keys, tasks=1, size=1000), TRAIN, 3) == train
    # Files are the same each time.
    for path in write(tmp_path / "again", keys, tasks=3, size=7):
        for file in (path, path.with_suffix(".npy")):
            assert file.read_bytes() == (tmp_path / "one" / file.name).read_bytes()


def test_equal_keys_are_in_the_order_of_the_tasks(tmp_path):
    assert words(write(tmp_path / "made", [17, 17, 17], tasks=3, size=7), TRAIN, 1) == [0, 1, 2]


def test_the_ranges_of_shards():
    for split, base in ((TRAIN, 0), (VALIDATION, HELD_OUT)):
        for shards in (1, 3, 7, 613):
            ranges = [key_range(split, shard, shards) for shard in range(shards)]
            assert ranges[0][0] == base and ranges[-1][1] == base + HELD_OUT
            assert all(one[1] == other[0] for one, other in zip(ranges, ranges[1:], strict=False))
