from typing import Any, Dict

import torch

from luke_allennlp.training.processes import to_device
from luke_allennlp.training.steps import batch_counts


def batch_of(size: int) -> Dict[str, Any]:
    return {
        "words": {"mask": torch.ones(size, 4, dtype=torch.bool)},
        "entities": {"entity_mask": torch.tensor([[True, False]] * size)},
        "parts": [torch.zeros(2), torch.zeros(3)],
        "metadata": [{"text": "as it is"}],
    }


def test_all_tensors_are_moved_and_the_batch_stays() -> None:
    batch = batch_of(3)
    moved = to_device(batch, torch.device("meta"))
    assert moved["words"]["mask"].is_meta and moved["entities"]["entity_mask"].is_meta
    assert all(part.is_meta for part in moved["parts"])
    assert moved["metadata"] == [{"text": "as it is"}]
    assert not batch["words"]["mask"].is_meta and not batch["parts"][0].is_meta


def test_counts_of_a_batch() -> None:
    batch = batch_of(3)
    assert batch_counts(batch) == [3, 12, 3]
    del batch["entities"]
    assert batch_counts({"tokens": {"words": batch["words"]}, "label": torch.zeros(3)}) == [3, 12, 0]
