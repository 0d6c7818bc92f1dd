"""The part of the trainer that reports steps and epochs: to a file, a progress bar and callbacks."""

import math
import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
import torch
from allennlp.common import Tqdm
from allennlp.common import util as common_util
from allennlp.training import TrainerCallback
from allennlp.training.callbacks import ConsoleLoggerCallback

from luke_allennlp.training.checkpointing import DIVERGED_FILE
from luke_allennlp.training.progress import bar_options, describe, memory
from luke_allennlp.training.steps import LOG_FILE, StepLog, StepSums, StepWindow
from luke_allennlp.training.tracking import StepTracking
from luke_allennlp.training.training_console import TrainingConsole
from luke_allennlp.training.validation import ValidatedTrainer


class DoneStep(NamedTuple):
    """
    What is reported of a step when its loss is known.

    # Parameters

    number : `int`
        From 1.
    outputs : `List[Dict[str, torch.Tensor]]`
        Of each micro-batch, the scalars.
    """

    number: int
    batches: List[Any]
    outputs: List[Dict[str, torch.Tensor]]
    learning_rate: float
    gradient_norm: Optional[float]


class ReportingTrainer(ValidatedTrainer):
    """
    The part of a trainer that reports steps and epochs.

    # Parameters

    num_steps, log_every
        As of `LukeTrainer`.
    options : `Any`
        As of `ValidatedTrainer`.
    """

    def __init__(self, *, num_steps: int, log_every: int = 10, **options: Any) -> None:
        super().__init__(**options)
        self._num_steps, self._log_every = num_steps, log_every

    def _start_reporting(self, steps_completed: int) -> None:
        path = os.path.join(self._serialization_dir, LOG_FILE)
        validated = self._metrics.get("validation_step", 0)
        self._log = StepLog(path, steps_completed, validated) if self._primary else None
        if self._primary:
            Path(self._serialization_dir, DIVERGED_FILE).unlink(missing_ok=True)
        self._window = StepWindow()
        # Callbacks of a step need its loss, for which the device is then waited for.
        self._reads_at_once = any(
            type(callback).on_batch is not TrainerCallback.on_batch
            and not isinstance(callback, ConsoleLoggerCallback)
            for callback in self._callbacks
        )
        self._console = TrainingConsole(self) if self._primary else None
        if self._console is not None:
            self._console.start(self._num_steps, steps_completed)
        self._progress = Tqdm.tqdm(
            total=self._num_steps,
            initial=steps_completed,
            desc="training",
            disable=not self._primary,
            **bar_options(),
        )

    def _report(self, done: DoneStep, values: Sequence[float]) -> None:
        """Checks and reports the loss of a step."""
        sums = StepSums(*values)
        epoch, place = divmod(done.number - 1, self._source.steps_per_epoch)
        self._epoch_losses = [*(self._epoch_losses if place else []), sums.loss]
        self._window.add(sums)
        figures: Dict[str, Any] = {"step": done.number, "epoch": epoch, "loss": sums.loss}
        figures["learning_rate"] = done.learning_rate
        if done.gradient_norm is not None:
            figures["gradient_norm"] = float(done.gradient_norm)
        if not math.isfinite(sums.loss):
            raise self._diverged(f"The loss of step {done.number} is {sums.loss}.", figures)
        figures.update({name: int(getattr(sums, name)) for name in ("sequences", "words", "entities")})
        if self._is_shown(done.number):
            shown = {**self._window.figures(), **self.model.get_metrics(reset=True)}
            self._window.reset()
            figures.update(shown, memory_gb=memory() / 1e9)
            self._metrics.update({f"training_{name}": value for name, value in shown.items()})
            self._track(figures)
            self._progress.set_description_str(f"epoch {epoch + 1}", refresh=False)
            self._progress.set_postfix_str(describe(figures), refresh=False)
        if self._log is not None:
            self._log.write(figures)
        self._progress.update()
        metrics = self.model.get_metrics() if self._reads_at_once else {}
        metrics.update(loss=float(np.mean(self._epoch_losses)), batch_loss=sums.loss)
        for callback in self._callbacks:
            callback.on_batch(
                self,
                done.batches,
                done.outputs,
                metrics,
                epoch,
                place + 1,
                is_training=True,
                is_primary=self._primary,
                batch_grad_norm=done.gradient_norm,
            )

    def _track(self, figures: Dict[str, Any]) -> None:
        """Hands the figures of a step to the callbacks that track the run."""
        if not self._primary:
            return
        left_out = ("step", "epoch", "sequences", "words", "entities")
        scalars = {name: value for name, value in figures.items() if name not in left_out}
        words, entities = (scalars.pop(f"{name}_per_second") for name in ("words", "entities"))
        scalars.update(tokens_per_second=words + entities, memory_gb=memory() / 1e9)
        for callback in self._callbacks:
            if isinstance(callback, StepTracking):
                callback.log_scalars(scalars, log_prefix="train")

    def _is_shown(self, step: int) -> bool:
        is_end = step % self._source.steps_per_epoch == 0 or step == self._num_steps
        return is_end or step % self._log_every == 0 or step % self._validate_every == 0

    def _end_epoch(self) -> None:
        """If this is the end of one, which may have been reported before the run resumed."""
        if self._batches_in_epoch_completed or self._epochs_reported == self._epochs_completed:
            return
        self._epochs_reported = self._epochs_completed
        epoch = self._epochs_completed - 1
        self._metrics["training_loss"] = float(np.mean(self._epoch_losses))
        if self._learning_rate_scheduler is not None:
            self._learning_rate_scheduler.step(self._validation_score)  # type: ignore[arg-type]
        if self._primary:
            path = os.path.join(self._serialization_dir, f"metrics_epoch_{epoch}.json")
            common_util.dump_metrics(path, self._metrics)
        for callback in self._callbacks:
            callback.on_epoch(self, metrics=self._metrics, epoch=epoch, is_primary=self._primary)

    def _show(self, epochs_reported: int, validation_step: Optional[int]) -> None:
        """
        Shows what ended with this step: an epoch, a validation or both.

        # Parameters

        epochs_reported, validation_step : `int`
            What was reported before this step.
        """
        if self._console is None:
            return
        validated = self._metrics.get("validation_step")
        is_validated = validated != validation_step and validated == self._steps_completed
        is_end = self._epochs_reported != epochs_reported
        if is_end or is_validated:
            step = f"Step {self._steps_completed:,} of {self._num_steps:,}"
            title = f"Epoch {self._epochs_reported} of {self._num_epochs}" if is_end else step
            self._console.show(title, self._epoch_losses, is_validated)
        if is_end:
            self._console.end_epoch(self._epoch_losses)
