"""The line that shows how an evaluation is going."""

import re

import pytest
import torch

from luke_allennlp.training import progress
from luke_allennlp.training.progress import EvaluationProgress


def test_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    batch = {"words": {"mask": torch.ones(2, 3)}, "entity_mask": torch.ones(2, 1)}
    shown = EvaluationProgress([batch], is_shown=True)
    shown.add(batch, torch.tensor([3.0, 4.0]))
    line = r"validation +\d+%, 0/1, \? left, loss 0\.750, [\d.,]+k tok/s, \d+\.\d GB"
    assert re.fullmatch(line, str(shown.batches))
    hidden = EvaluationProgress([batch], is_shown=False)
    hidden.add(batch, torch.tensor([3.0, 4.0]))
    assert list(hidden.batches) == [batch]
