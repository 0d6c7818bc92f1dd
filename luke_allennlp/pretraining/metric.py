"""Loss, accuracy and perplexity of masked words and masked entities."""

import math
from typing import Dict, Optional, Sequence

import torch
from allennlp.nn.util import dist_reduce_sum
from allennlp.training.metrics import Metric
from overrides import overrides
from torch import Tensor

_LARGEST_EXPONENT = 700.0  # e to this is still a float


class PretrainingMetric(Metric):
    """
    Means over masked positions. The sums stay on the device until they are requested.

    # Parameters

    tasks : `Sequence[str]`
        What is predicted: `["word", "entity"]`.
    """

    supports_distributed = True

    def __init__(self, tasks: Sequence[str]) -> None:
        self._tasks = list(tasks)
        self._sums: Optional[Tensor] = None

    @overrides(check_signature=False)
    def __call__(self, sums: Sequence[Tensor]) -> None:
        """
        Takes for each task, in order: the sum of the losses, the number of right predictions, the number of
        positions. Shape of each: ().
        """
        with torch.no_grad():
            # Not in float32, in which counts stop growing at 16 million.
            new = torch.stack([value.detach().double() for value in sums])
            self._sums = new if self._sums is None else self._sums.to(new.device) + new

    @overrides(check_signature=False)
    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """
        For each task `masked_word_loss`, `masked_word_accuracy` and `masked_word_perplexity`; 0 without a
        position. With `reset`, the means are over all processes, each of which must call this, and the sums
        are reset; else they are this process's so far.
        """
        sums = self._sums
        if sums is None:
            sums = torch.zeros(3 * len(self._tasks), dtype=torch.float64)
        if reset:
            sums = dist_reduce_sum(sums)
            self.reset()
        scores = {}
        for task, (loss, correct, number) in zip(self._tasks, sums.view(-1, 3).tolist(), strict=True):
            mean = loss / number if number else 0.0
            scores[f"masked_{task}_loss"] = mean
            scores[f"masked_{task}_accuracy"] = correct / number if number else 0.0
            # At least 1, where there is anything to predict.
            scores[f"masked_{task}_perplexity"] = math.exp(min(mean, _LARGEST_EXPONENT)) if number else 0.0
        return scores

    @overrides
    def reset(self) -> None:
        self._sums = None
