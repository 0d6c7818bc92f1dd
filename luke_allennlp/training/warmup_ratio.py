"""The learning-rate schedule of LUKE's fine-tuning: warm-up over a share of all steps, then linear decay."""

import logging
from typing import Any, Dict, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.training.learning_rate_schedulers import LearningRateScheduler, LinearWithWarmup
from overrides import overrides

logger = logging.getLogger(__name__)


@LearningRateScheduler.register("linear_with_warmup_ratio")
class LinearWithWarmupRatio(LinearWithWarmup):
    """
    Registered as a `LearningRateScheduler` with name "linear_with_warmup_ratio".

    Increases the learning rate linearly from zero to `lr` in the first part of the training, and decreases it
    linearly to zero over the rest. Unlike in AllenNLP's `LinearWithWarmup`, the warm-up is a share of all
    steps, so it fits data of any size.

    # Parameters

    optimizer : `torch.optim.Optimizer`
        This argument does not get an entry in a configuration file for the object.
    num_epochs : `int`
        The number of epochs. This argument does not get an entry in a configuration file for the object.
    num_steps_per_epoch : `int`
        Updates (batches over accumulation steps) in an epoch. Given by the trainer if the data loader knows
        its number of batches; otherwise required.
    warmup_ratio : `float`, optional (default = `0.06`)
        The warm-up takes `int(warmup_ratio * num_epochs * num_steps_per_epoch)` steps.
    warmup_steps : `int`, optional (default = `None`)
        If given, the warm-up takes this many steps, and `warmup_ratio` is not used.
    last_epoch : `int`, optional (default = `-1`)
        As in PyTorch's schedulers.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        num_epochs: int,
        num_steps_per_epoch: Optional[int],
        warmup_ratio: float = 0.06,
        warmup_steps: Optional[int] = None,
        last_epoch: int = -1,
    ) -> None:
        if num_steps_per_epoch is None:
            raise ConfigurationError(
                "linear_with_warmup_ratio: the data loader does not know how many batches an epoch has (it "
                "reads lazily), so the length of the warm-up is unknown; set num_steps_per_epoch here or "
                "batches_per_epoch in the data loader."
            )
        if not 0 <= warmup_ratio <= 1:
            raise ConfigurationError(
                f"linear_with_warmup_ratio: warmup_ratio is {warmup_ratio}; expected a share of all steps, "
                "from 0 to 1 (a number of steps goes to warmup_steps)."
            )
        if warmup_steps is None:
            warmup_steps = int(warmup_ratio * (num_epochs * num_steps_per_epoch))
        elif warmup_steps < 0:
            raise ConfigurationError(
                f"linear_with_warmup_ratio: warmup_steps is {warmup_steps}; expected 0 or more."
            )
        super().__init__(optimizer, num_epochs, num_steps_per_epoch, warmup_steps, last_epoch)

    @overrides
    def step_batch(self, batch_num_total: Optional[int] = None) -> None:
        """
        # Parameters

        batch_num_total : `int`, optional (default = `None`)
            The number of the next update, from 1: AllenNLP's trainer calls this before the update, whatever
            its `Scheduler` says. The rate is that of the completed updates, so the first is 0 and the last is
            not, as in the original system.
        """
        # AllenNLP's annotation is `int`, with `None` as its default.
        super().step_batch(None if batch_num_total is None else max(batch_num_total - 1, 0))  # type: ignore[arg-type]

    @overrides
    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """
        Resumes at the step of `state_dict`, with this schedule's own length and warm-up, which differ if a
        run is resumed with more epochs. The rates are those of a run that had this length from the beginning,
        so the rate may jump.
        """
        own = {"total_steps": self.total_steps, "warmup_steps": self.warmup_steps}
        super().load_state_dict(state_dict)
        before = {name: getattr(self, name) for name in own}
        if before == own:
            return
        old_rate = self._next_rate()
        self.__dict__.update(own)
        logger.info(
            "The learning-rate schedule is now one of %s updates, %s of them warm-up; it was one of %s and "
            "%s. After %s updates the rate continues at %.3g; by the old schedule it would be %.3g.",
            *(f"{value:,}" for value in (*own.values(), *before.values(), self.steps + 1)),
            self._next_rate(),
            old_rate,
        )

    def _next_rate(self) -> float:
        """The highest of the parameter groups' rates at the next update."""
        self.steps += 1
        rate = max(self.get_values())
        self.steps -= 1
        return rate
