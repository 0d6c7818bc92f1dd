"""The part of training that saves where it is, and goes on from there."""

import os
from typing import Any, Dict, Iterator, Optional, Tuple

import torch
import torch.distributed as dist
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import hardlink_or_copy
from allennlp.training import GradientDescentTrainer
from allennlp.training.trainer import TrainerCheckpoint
from overrides import overrides

from luke_allennlp.pretraining.broadcast import broadcast_state
from luke_allennlp.pretraining.checkpointer import StepCheckpointer
from luke_allennlp.pretraining.optimizers import consolidate, kind_of_state


class StepCheckpoints(GradientDescentTrainer):
    """
    A `GradientDescentTrainer` that counts in steps, has its checkpoints between any two of them, and need
    not go through the data again to get there.

    A checkpoint has the weights, and the states of the optimizer (of all processes), the schedule, the
    gradient scaler, the callbacks and the choice of the best weights. It does not depend on how many
    processes took it, nor on where they run.

    # Parameters

    checkpointer : `StepCheckpointer`, optional (default = `None`)
    keep_best : `bool`, optional (default = `False`)
        If true, the weights to keep are those that validation found best so far; otherwise the last.
    options : `Any`
        As of `GradientDescentTrainer`.
    """

    data_loader: Any  # one with steps
    _serialization_dir: str

    def __init__(
        self, *, checkpointer: Optional[StepCheckpointer] = None, keep_best: bool = False, **options: Any
    ) -> None:
        super().__init__(checkpointer=checkpointer, **options)
        self._checkpointer: Optional[StepCheckpointer] = checkpointer
        self._keep_best = keep_best
        self._metrics: Dict[str, Any] = {}
        # AllenNLP counts the processes of a machine. One process of all machines writes.
        self._rank = dist.get_rank() if self._distributed else 0
        self._primary = self._rank == 0

    @property
    def _steps_completed(self) -> int:
        # AllenNLP's name: its callbacks count by it.
        return self._total_batches_completed

    @_steps_completed.setter
    def _steps_completed(self, steps: int) -> None:
        self._total_batches_completed = steps
        self._epochs_completed, self._batches_in_epoch_completed = divmod(
            steps, self.data_loader.steps_per_epoch
        )

    def _keep_weights(self) -> None:
        """Takes the last checkpoint, and decides which weights come into the archive."""
        if self._checkpointer is not None:
            self._save_checkpoint()
        best = os.path.join(self._serialization_dir, "best.th")
        if self._keep_best:
            state = torch.load(best, map_location="cpu", weights_only=True) if self._primary else None
            self._wrapped_or_model.load_state_dict(self._of_first_process(state))
        elif self._primary:
            checkpoint = self._checkpointer.find_latest_checkpoint() if self._checkpointer else None
            if checkpoint is None:
                self._save_model_state(best)
            else:
                temporary = f"{best}.tmp"
                if os.path.exists(temporary):
                    os.remove(temporary)
                hardlink_or_copy(checkpoint[0], temporary)
                os.replace(temporary, best)
        self._best_model_filename = best
        self._wait_for_all()

    @property
    def _wrapped_or_model(self) -> Any:
        return self.model if self._ddp_wrapped_model is None else self._ddp_wrapped_model

    def _of_first_process(self, state: Any) -> Any:
        """What the first process has read, for all: the others may be on machines with other disks."""
        return broadcast_state(state, self.cuda_device) if self._distributed else state

    def _wait_for_all(self) -> None:
        if self._distributed:
            dist.barrier()

    def _save_checkpoint(self) -> None:
        if self._checkpointer is not None:
            consolidate(self.optimizer)
            self._checkpointer.save_checkpoint(self)

    @overrides
    def get_checkpoint_state(self) -> Optional[TrainerCheckpoint]:
        if not self._primary:
            return None
        states: Dict[str, Any] = {
            "version": 1,
            "steps_completed": self._steps_completed,
            "steps_per_epoch": self.data_loader.steps_per_epoch,
            # The checkpointer takes the names of its files from these two.
            "epochs_completed": self._epochs_completed,
            "batches_in_epoch_completed": self._batches_in_epoch_completed,
            "optimizer": self.optimizer.state_dict(),
            "optimizer_kind": kind_of_state(self.optimizer),
            "metric_tracker": self._metric_tracker.state_dict(),
            "metrics": self._metrics,
            "callbacks": [callback.state_dict() for callback in self._callbacks],
            "best_model_filename": self._best_model_filename,
        }
        for name, part in self._optional_parts():
            states[name] = part.state_dict()
        return TrainerCheckpoint(self._wrapped_or_model.state_dict(), states)

    def _optional_parts(self) -> Iterator[Tuple[str, Any]]:
        if self._learning_rate_scheduler is not None:
            yield "learning_rate_scheduler", self._learning_rate_scheduler
        if self._scaler is not None:
            yield "scaler", self._scaler

    @overrides
    def _maybe_restore_checkpoint(self) -> None:
        if self._checkpointer is None:
            return
        found = self._checkpointer.load_checkpoint() if self._primary else None
        state = self._of_first_process(None if found is None else tuple(found))
        if state is None:
            return
        model_state, states = state
        if states.get("steps_per_epoch") != self.data_loader.steps_per_epoch:
            raise ConfigurationError(
                f"The checkpoint in {self._serialization_dir} was taken with {states.get('steps_per_epoch')} "
                f"steps an epoch, and the data now has {self.data_loader.steps_per_epoch}; a run goes on "
                "with the dataset and the global_batch_size that it began with."
            )
        kind = kind_of_state(self.optimizer)
        if states.get("optimizer_kind", kind) != kind:
            raise ConfigurationError(
                f"The checkpoint in {self._serialization_dir} was taken with the optimizer "
                f"{states['optimizer_kind']}, and trainer.optimizer is now {kind}; a run goes on with the "
                "optimizer that it began with."
            )
        self._wrapped_or_model.load_state_dict(model_state)
        self.optimizer.load_state_dict(states["optimizer"])
        self._metric_tracker.load_state_dict(states["metric_tracker"])
        for callback, callback_state in zip(self._callbacks, states["callbacks"], strict=False):
            callback.load_state_dict(callback_state)
        for name, part in self._optional_parts():
            part.load_state_dict(states[name])
        self._metrics = states["metrics"]
        self._best_model_filename = states["best_model_filename"]
        self._steps_completed = states["steps_completed"]
