"""What all trainings share: checks of configs, the step trainer, optimizers, schedules, callbacks."""

from luke_allennlp.training import knobs, preflight, recovery
from luke_allennlp.training.callbacks import ArchivedCheckpoint, KeepLastCallback
from luke_allennlp.training.optimizers import FusedAdamW, ZeroAdamW
from luke_allennlp.training.warmup_ratio import LinearWithWarmupRatio

__all__ = [
    "ArchivedCheckpoint",
    "FusedAdamW",
    "KeepLastCallback",
    "LinearWithWarmupRatio",
    "ZeroAdamW",
    "knobs",
    "preflight",
    "recovery",
]
