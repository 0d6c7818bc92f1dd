"""Steps divided into batches."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.training.packing import pack_micro_batches


def size_of(words, entities, batch):
    return len(batch) * (words[batch].max() + entities[batch].max()) if len(batch) else 0


@given(
    st.lists(st.tuples(st.integers(3, 512), st.integers(0, 128)), min_size=1, max_size=60),
    st.integers(640, 5000),
    st.integers(1, 9),
)
@settings(max_examples=200, deadline=None)
def test_all_are_dealt_out_and_all_ranks_have_as_many_batches(sequences, max_tokens, ranks):
    words, entities = (np.array(column) for column in zip(*sequences, strict=True))
    dealt = pack_micro_batches(words, entities, max_tokens, ranks)
    assert len(dealt) == ranks
    assert len({len(batches) for batches in dealt}) == 1
    flat = [batch for batches in dealt for batch in batches]
    assert sorted(number for batch in flat for number in batch) == list(range(len(words)))
    assert all(size_of(words, entities, batch) <= max_tokens for batch in flat)
    empty = sum(len(batch) == 0 for batch in flat)
    assert empty == max(0, len(flat) - len(words))
    # No more than needed: with one round less, not even all tokens without padding would have had room.
    if len(dealt[0]) > 1 and max_tokens > 2500:
        assert (words + entities).sum() > max_tokens * ranks * (len(dealt[0]) - 1) / 3


def test_little_padding_and_even_ranks():
    random = np.random.default_rng(0)
    words = np.minimum(512, random.geometric(1 / 300, 2048) + 2)
    entities = random.integers(0, 40, 2048)
    dealt = pack_micro_batches(words, entities, 16384, 8)
    sizes = np.array([[size_of(words, entities, batch) for batch in batches] for batches in dealt])
    # Entities are not what is sorted by: a batch has about 15 places more than its mean sequence.
    assert (words + entities).sum() / sizes.sum() > 0.9
    loads = sizes.sum(axis=1)
    assert loads.max() / loads.min() < 1.05
    assert (sizes.max(axis=0) / sizes.min(axis=0)).max() < 1.5
    # A device that is too small shows it at once.
    assert sizes[:, 0].max() == sizes.max()


def test_is_the_same_each_time():
    words, entities = np.array([5, 9, 5, 9, 5]), np.array([1, 0, 1, 0, 1])
    for _ in range(2):
        (batches,) = pack_micro_batches(words, entities, 20, 1)
        assert [batch.tolist() for batch in batches] == [[1, 3], [0, 2, 4]]
