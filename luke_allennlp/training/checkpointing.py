"""The part of the trainer that saves its state between two steps, and resumes from it."""

import logging
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import torch
import torch.distributed as dist
from allennlp.common.checks import ConfigurationError
from allennlp.training import GradientDescentTrainer
from allennlp.training.trainer import TrainerCheckpoint
from overrides import overrides

from luke_allennlp.common.files import write_json, written_whole
from luke_allennlp.training.checkpoint_files import DIRECTORY, SavedState, StepCheckpointer
from luke_allennlp.training.optimizers import consolidate, kind_of_state
from luke_allennlp.training.processes import broadcast_state
from luke_allennlp.training.steps import StepSource

logger = logging.getLogger(__name__)

BEST_WEIGHTS = "best.th"
DIVERGED_FILE = "metrics_diverged.json"


class CheckpointedTrainer(GradientDescentTrainer):
    """
    The part of a trainer that saves its state between two steps and restores it, without reading the data up
    to there again.

    A checkpoint has the weights and the states of the optimizer (of all processes), the schedule, the
    gradient scaler, the callbacks and the choice of the best weights. It does not depend on how many
    processes took it, nor on where they run.

    # Parameters

    source : `StepSource`
    keep_best : `bool`, optional (default = `False`)
        If true, the archive gets the weights with the best validation so far; otherwise the last.
    estimates_max_tokens : `bool`, optional (default = `False`)
        Whether the data loader's `max_tokens` is an estimate from the memory that is free. A run that resumes
        keeps its first one, so that dropout draws the same, unless the memory is quite another.
    options : `Any`
        As of `GradientDescentTrainer`.
    """

    _serialization_dir: str
    data_loader: Any

    def __init__(
        self,
        *,
        source: StepSource,
        checkpointer: Optional[StepCheckpointer] = None,
        keep_best: bool = False,
        estimates_max_tokens: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._source = source
        self._steps_checkpointer = checkpointer
        self._keep_best = keep_best
        self._estimates_max_tokens = estimates_max_tokens
        self._metrics: Dict[str, Any] = {}
        # The losses of the current epoch's steps so far, and the epochs whose end is reported.
        self._epoch_losses: List[float] = []
        self._epochs_reported = 0
        self._saved_state: Any = None
        # AllenNLP counts the processes of one machine. One process of all machines writes.
        self._rank = dist.get_rank() if self._distributed else 0
        self._primary = self._rank == 0

    @property
    def _steps_completed(self) -> int:
        # AllenNLP's name: its callbacks count by it.
        return self._total_batches_completed

    @_steps_completed.setter
    def _steps_completed(self, steps: int) -> None:
        self._total_batches_completed = steps
        self._epochs_completed, self._batches_in_epoch_completed = divmod(steps, self._source.steps_per_epoch)

    def _save_checkpoint(self) -> None:
        if self._steps_checkpointer is None:
            return
        # A validation may come after a checkpoint of the same step.
        state = (self._steps_completed, self._metrics.get("validation_step"), self._epochs_reported)
        if state == self._saved_state:
            return
        self._saved_state = state
        consolidate(self.optimizer)
        if self._primary:
            weights = self._wrapped_or_model.state_dict()
            self._check_finite(weights)
            self._steps_checkpointer.save(self._steps_completed, SavedState(weights, self._training_state()))

    def _check_finite(self, weights: Dict[str, Any]) -> None:
        for name, value in weights.items():
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                if not torch.isfinite(value).all():
                    raise self._diverged(
                        f"After step {self._steps_completed} the weights {name} are not finite.",
                        {"step": self._steps_completed},
                    )

    def _diverged(self, what: str, figures: Dict[str, Any]) -> ConfigurationError:
        """The error of a training that diverges. Its figures are saved, so that the run is kept."""
        if self._primary:
            write_json(Path(self._serialization_dir) / DIVERGED_FILE, figures)
        paths = [] if self._steps_checkpointer is None else self._steps_checkpointer.paths()
        last = f"the last checkpoint is {paths[-1]}" if paths else "no checkpoint was saved before"
        return ConfigurationError(
            f"{what} The training diverged; {last}. Start again with a lower learning rate, a longer "
            "warm-up, trainer.grad_norm, or trainer.precision null."
        )

    def _save_best(self) -> None:
        self._best_model_filename = os.path.join(self._serialization_dir, BEST_WEIGHTS)
        if self._primary:
            with written_whole(Path(self._best_model_filename)) as temporary:
                torch.save(self._wrapped_or_model.state_dict(), temporary)

    def _save_final_weights(self) -> None:
        """Saves the last checkpoint and, as `best.th`, the weights that the archive gets."""
        self._save_checkpoint()
        if self._keep_best:
            best = os.path.join(self._serialization_dir, BEST_WEIGHTS)
            state = torch.load(best, map_location="cpu", weights_only=True) if self._primary else None
            self._wrapped_or_model.load_state_dict(self._of_first_process(state))
        else:
            self._save_best()
        self._wait_for_all()

    @property
    def _wrapped_or_model(self) -> Any:
        return self.model if self._ddp_wrapped_model is None else self._ddp_wrapped_model

    def _of_first_process(self, state: Any) -> Any:
        """What the first process has read: the others may be on machines with other disks."""
        return broadcast_state(state, self.cuda_device) if self._distributed else state

    def _wait_for_all(self) -> None:
        if self._distributed:
            dist.barrier()

    @overrides
    def get_checkpoint_state(self) -> Optional[TrainerCheckpoint]:
        if not self._primary:
            return None
        return TrainerCheckpoint(self._wrapped_or_model.state_dict(), self._training_state())

    def _training_state(self) -> Dict[str, Any]:
        states: Dict[str, Any] = {
            "steps_completed": self._steps_completed,
            "steps_per_epoch": self._source.steps_per_epoch,
            "optimizer": self.optimizer.state_dict(),
            "optimizer_kind": kind_of_state(self.optimizer),
            "metric_tracker": self._metric_tracker.state_dict(),
            "metrics": self._metrics,
            "epoch_losses": self._epoch_losses,
            "epochs_reported": self._epochs_reported,
            "callbacks": [callback.state_dict() for callback in self._callbacks],
            "best_model_filename": self._best_model_filename,
        }
        if self._estimates_max_tokens:
            states["max_tokens"] = self.data_loader.max_tokens
        for name, part in self._optional_parts():
            states[name] = part.state_dict()
        return states

    def _optional_parts(self) -> Iterator[Tuple[str, Any]]:
        if self._learning_rate_scheduler is not None:
            yield "learning_rate_scheduler", self._learning_rate_scheduler
        if self._scaler is not None:
            yield "scaler", self._scaler

    @overrides
    def _maybe_restore_checkpoint(self) -> None:
        if self._steps_checkpointer is None:
            if StepCheckpointer(self._serialization_dir).paths():
                raise ConfigurationError(
                    f"{self._serialization_dir} has checkpoints, and trainer.checkpointer is null, so that "
                    "the run cannot resume from them; give a checkpointer."
                )
            return
        found = self._steps_checkpointer.load() if self._primary else None
        state = self._of_first_process(None if found is None else tuple(found))
        if state is None:
            self._refuse_other_checkpoints()
            return
        weights, states = state
        kind = kind_of_state(self.optimizer)
        taken = f"The checkpoint in {self._serialization_dir} was taken with"
        if states["steps_per_epoch"] != self._source.steps_per_epoch:
            raise ConfigurationError(
                f"{taken} {states['steps_per_epoch']} steps an epoch, and the data now has "
                f"{self._source.steps_per_epoch}; a run resumes with the data and the batch size that it "
                "began with."
            )
        if states["optimizer_kind"] != kind:
            raise ConfigurationError(
                f"{taken} the optimizer {states['optimizer_kind']}, and trainer.optimizer is now {kind}; a "
                "run resumes with the optimizer that it began with."
            )
        self._wrapped_or_model.load_state_dict(weights)
        self.optimizer.load_state_dict(states["optimizer"])
        self._metric_tracker.load_state_dict(states["metric_tracker"])
        for callback, callback_state in zip(self._callbacks, states["callbacks"], strict=False):
            callback.load_state_dict(callback_state)
        for name, part in self._optional_parts():
            part.load_state_dict(states[name])
        if self._estimates_max_tokens and "max_tokens" in states:
            # An estimate leaves half of the memory free.
            if 0.5 <= states["max_tokens"] / self.data_loader.max_tokens <= 2:
                self.data_loader.max_tokens = states["max_tokens"]
        self._metrics, self._epoch_losses = states["metrics"], states["epoch_losses"]
        self._epochs_reported = states["epochs_reported"]
        self._best_model_filename = states["best_model_filename"]
        self._steps_completed = states["steps_completed"]
        self._saved_state = (
            self._steps_completed,
            self._metrics.get("validation_step"),
            self._epochs_reported,
        )

    def _refuse_other_checkpoints(self) -> None:
        if list(Path(self._serialization_dir).glob("model_state_*.th")):
            raise ConfigurationError(
                f"{self._serialization_dir} has checkpoints of another trainer (model_state_*.th) and none "
                f"in {DIRECTORY}; start a new run in another directory."
            )
