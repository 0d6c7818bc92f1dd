"""Training: what all tasks share."""

from luke_allennlp.training import knobs, lengthening, preflight
from luke_allennlp.training.keep_last import KeepLastCallback
from luke_allennlp.training.warmup_ratio import LinearWithWarmupRatio

__all__ = ["KeepLastCallback", "LinearWithWarmupRatio", "knobs", "lengthening", "preflight"]
