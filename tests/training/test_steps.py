from typing import Any, Dict

import pytest
import torch

from luke_allennlp.training.processes import to_device
from luke_allennlp.training.steps import batch_sums


def batch_of(size: int) -> Dict[str, Any]:
    return {
        "words": {"mask": torch.ones(size, 4, dtype=torch.bool)},
        "entities": {"entity_mask": torch.tensor([[True, False]] * size)},
        "parts": [torch.zeros(2), (torch.zeros(3), "text", None)],
    }


def test_all_tensors_are_moved_and_the_batch_stays() -> None:
    batch = batch_of(3)
    moved = to_device(batch, torch.device("meta"))
    assert moved["words"]["mask"].is_meta and moved["entities"]["entity_mask"].is_meta
    assert moved["parts"][0].is_meta and moved["parts"][1][0].is_meta
    assert moved["parts"][1][1:] == ("text", None)
    assert not batch["words"]["mask"].is_meta and not batch["parts"][0].is_meta


def test_sums_of_a_batch() -> None:
    batch = batch_of(3)
    assert batch_sums(batch, torch.tensor(2.5)).tolist() == [2.5, 3, 12, 3]
    del batch["entities"]
    assert batch_sums(batch, torch.tensor(2.5)).tolist() == [2.5, 3, 12, 0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_nothing_is_waited_for() -> None:
    device = torch.device("cuda", 0)
    batch = batch_of(3)
    batch["words"]["mask"] = batch["words"]["mask"].pin_memory()
    batch["entities"]["entity_mask"] = batch["entities"]["entity_mask"].pin_memory()
    del batch["parts"]
    loss = torch.ones((), device=device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        sums = batch_sums(to_device(batch, device), loss)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert sums.tolist() == [1, 3, 12, 3]
