"""Checkpoints every so many steps and minutes."""

import os
import time
from typing import Optional, Union

from allennlp.common.checks import ConfigurationError
from allennlp.training import Checkpointer
from overrides import overrides


class StepCheckpointer(Checkpointer):
    """
    AllenNLP's `Checkpointer`, for a trainer that counts in steps and saves by the clock in distributed runs
    too: the trainer asks the first process alone, and tells the others.

    A checkpoint is two files, `model_state_eE_bS.th` and `training_state_eE_bS.th`, taken after S steps of
    epoch E. They appear whole or not at all.

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
        # AllenNLP's takes whatever begins like it: with step 1, also 10 and 119. The model's state, by which
        # a checkpoint is found, goes first.
        for path in (
            self._model_state_path(epochs_completed, batches_in_epoch_completed),
            self._training_state_path(epochs_completed, batches_in_epoch_completed),
        ):
            if os.path.exists(path):
                os.remove(path)

    def is_due_by_steps(self, steps_completed: int) -> bool:
        """Whether the number of steps asks for a checkpoint: the same in all processes."""
        every = self._save_every_num_steps
        return every is not None and steps_completed % every == 0

    def is_due_by_clock(self) -> bool:
        """Whether the time since the last checkpoint, or the start, asks for one."""
        minutes = self._save_every_num_minutes
        return minutes is not None and time.time() - self._last_save_time >= 60 * minutes
