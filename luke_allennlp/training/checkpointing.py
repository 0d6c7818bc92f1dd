"""Checkpoints between any two steps, and resuming from them."""

import os
import time
from typing import Any, Dict, Iterator, Optional, Tuple, Union

import torch
import torch.distributed as dist
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import hardlink_or_copy
from allennlp.training import Checkpointer, GradientDescentTrainer
from allennlp.training.trainer import TrainerCheckpoint
from overrides import overrides

from luke_allennlp.training.optimizers import consolidate, kind_of_state
from luke_allennlp.training.processes import broadcast_state


class StepCheckpointer(Checkpointer):
    """
    AllenNLP's `Checkpointer` for a trainer that counts in steps. It saves by the clock in distributed runs
    too: the trainer asks the first process alone, and tells the others.

    A checkpoint is two files, `model_state_eE_bS.th` and `training_state_eE_bS.th`, taken after S steps of
    epoch E. They are written atomically.

    # Parameters

    serialization_dir : `str`
        This argument does not get an entry in a configuration file for the object.
    save_every_num_steps : `int`, optional (default = `1000`)
        `None`: not by steps.
    save_every_num_minutes : `float`, optional (default = `30.0`)
        `None`: not by the clock.
    keep_most_recent_by_count : `int`, optional (default = `2`)
        How many to keep; `None` for all.
    """

    def __init__(
        self,
        serialization_dir: Union[str, os.PathLike],
        save_every_num_steps: Optional[int] = 1000,
        save_every_num_minutes: Optional[float] = 30.0,
        keep_most_recent_by_count: Optional[int] = 2,
    ) -> None:
        super().__init__(
            serialization_dir,
            save_completed_epochs=False,
            keep_most_recent_by_count=keep_most_recent_by_count,
        )
        for name, value in (
            ("save_every_num_steps", save_every_num_steps),
            ("save_every_num_minutes", save_every_num_minutes),
            ("keep_most_recent_by_count", keep_most_recent_by_count),
        ):
            if value is not None and value <= 0:
                raise ConfigurationError(
                    f"trainer.checkpointer.{name} is {value}; expected a number above 0, or null."
                )
        self._save_every_num_steps = save_every_num_steps
        self._save_every_num_minutes = save_every_num_minutes

    @overrides
    def _remove_checkpoint(self, epochs_completed: int, batches_in_epoch_completed: int) -> None:
        # AllenNLP's removes every name with the same beginning: for step 1 those of 10 and 119 too. The
        # model's state, by which a checkpoint is found, goes first.
        for path in (
            self._model_state_path(epochs_completed, batches_in_epoch_completed),
            self._training_state_path(epochs_completed, batches_in_epoch_completed),
        ):
            if os.path.exists(path):
                os.remove(path)

    def is_due_by_steps(self, steps_completed: int) -> bool:
        """Whether a checkpoint is due after so many steps: the same in all processes."""
        every = self._save_every_num_steps
        return every is not None and steps_completed % every == 0

    def is_due_by_clock(self) -> bool:
        """Whether a checkpoint is due by the time since the last one, or the start."""
        minutes = self._save_every_num_minutes
        return minutes is not None and time.time() - self._last_save_time >= 60 * minutes


class CheckpointedTrainer(GradientDescentTrainer):
    """
    The part of a trainer that saves its state between two steps and restores it, without reading the data up
    to there again.

    A checkpoint has the weights and the states of the optimizer (of all processes), the schedule, the
    gradient scaler, the callbacks and the choice of the best weights. It does not depend on how many
    processes took it, nor on where they run.

    # Parameters

    keep_best : `bool`, optional (default = `False`)
        If true, the archive gets the weights with the best validation so far; otherwise the last.
    options : `Any`
        As of `GradientDescentTrainer`.
    """

    data_loader: Any  # with `steps`, `steps_per_epoch` and `total_names`
    _serialization_dir: str

    def __init__(
        self, *, checkpointer: Optional[StepCheckpointer] = None, keep_best: bool = False, **options: Any
    ) -> None:
        super().__init__(checkpointer=checkpointer, **options)
        self._checkpointer: Optional[StepCheckpointer] = checkpointer
        self._keep_best = keep_best
        self._metrics: Dict[str, Any] = {}
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
        self._epochs_completed, self._batches_in_epoch_completed = divmod(
            steps, self.data_loader.steps_per_epoch
        )

    def _save_checkpoint(self) -> None:
        if self._checkpointer is not None:
            consolidate(self.optimizer)
            self._checkpointer.save_checkpoint(self)

    def _save_final_weights(self) -> None:
        """Saves the last checkpoint and, as `best.th`, the weights that the archive gets."""
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
        """What the first process has read: the others may be on machines with other disks."""
        return broadcast_state(state, self.cuda_device) if self._distributed else state

    def _wait_for_all(self) -> None:
        if self._distributed:
            dist.barrier()

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
        kind = kind_of_state(self.optimizer)
        taken = f"The checkpoint in {self._serialization_dir} was taken with"
        if states.get("steps_per_epoch") != self.data_loader.steps_per_epoch:
            raise ConfigurationError(
                f"{taken} {states.get('steps_per_epoch')} steps an epoch, and the data now has "
                f"{self.data_loader.steps_per_epoch}; a run resumes with the dataset and the "
                "global_batch_size that it began with."
            )
        if states.get("optimizer_kind", kind) != kind:
            raise ConfigurationError(
                f"{taken} the optimizer {states['optimizer_kind']}, and trainer.optimizer is now {kind}; a "
                "run resumes with the optimizer that it began with."
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
