"""What all trainings share: checks of configs, the trainer, its data loader, optimizers, schedules."""

from luke_allennlp.training import knobs, preflight, recovery, run_console
from luke_allennlp.training.callbacks import ArchivedCheckpoint
from luke_allennlp.training.evaluator import LukeEvaluator
from luke_allennlp.training.optimizers import FusedAdamW, ZeroAdamW
from luke_allennlp.training.step_loader import StepDataLoader
from luke_allennlp.training.tracking import TensorBoard, WeightsAndBiases
from luke_allennlp.training.trainer import LukeTrainer
from luke_allennlp.training.warmup_ratio import LinearWithWarmupRatio

__all__ = [
    "ArchivedCheckpoint",
    "FusedAdamW",
    "LinearWithWarmupRatio",
    "LukeEvaluator",
    "LukeTrainer",
    "StepDataLoader",
    "TensorBoard",
    "WeightsAndBiases",
    "ZeroAdamW",
    "knobs",
    "preflight",
    "recovery",
    "run_console",
]
