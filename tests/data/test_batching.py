"""Batches by tokens: every instance once, within the limits, sorted."""

import numpy as np
import pytest
import torch
from allennlp.data import Instance

from luke_allennlp.data.batching import default_max_tokens, evaluation_batches, sizes_of, texts_of
from luke_allennlp.data.fields import EntityField, SubwordField


@pytest.mark.parametrize("seed", range(20))
def test_limits_and_order(seed: int) -> None:
    random = np.random.RandomState(seed)
    number = random.randint(1, 60)
    texts = random.randint(0, 30, number)
    words = random.randint(1, 60, 30)[texts]
    entities = random.randint(0, 40, number)
    max_instances = random.choice([1, 4, None])
    batches = evaluation_batches(words, entities, 128, max_instances, texts)
    order = np.concatenate(batches)
    assert sorted(order.tolist()) == list(range(number))
    keys = [(-words[i], texts[i], i) for i in order]
    assert keys == sorted(keys)
    sizes = [
        entities[batch].sum() + words[batch[np.unique(texts[batch], return_index=True)[1]]].sum()
        for batch in batches
    ]
    assert max(map(len, batches)) <= (max_instances or number)
    for batch, size, following in zip(batches, sizes, [*batches[1:], None], strict=True):
        assert size <= 128 or len(batch) == 1
        if following is not None and len(batch) != max_instances:
            first = following[0]
            added = entities[first] + words[first] * (texts[first] not in texts[batch])
            assert size + added > 128, "the batch could hold more"


def test_without_texts() -> None:
    words, entities = np.array([3, 5, 3, 9]), np.array([0, 1, 0, 1])
    assert [batch.tolist() for batch in evaluation_batches(words, entities, 10)] == [[3], [1, 0], [2]]
    assert evaluation_batches(words[:0], entities[:0], 10) == []


def test_sizes_and_texts() -> None:
    fields = [SubwordField([0, 7, 2]), SubwordField([0, 7, 2]), SubwordField([0, 2]), SubwordField([0, 7, 2])]
    instances = [Instance({"words": field, "entities": EntityField([1], [(0, 1)])}) for field in fields]
    sizes = sizes_of(instances)
    assert sizes.words.tolist() == [3, 3, 2, 3] and sizes.entities.tolist() == [1, 1, 1, 1]
    assert texts_of(instances).tolist() == [0, 1, 2, 3]
    for field in fields[1:]:
        field.shared = True  # type: ignore[attr-defined]
    assert texts_of(instances).tolist() == [0, 1, 2, 1]
    assert len(sizes_of([]).words) == len(texts_of([])) == 0


def test_default_limit() -> None:
    assert default_max_tokens(torch.device("cpu")) < default_max_tokens(torch.device("cuda"))
