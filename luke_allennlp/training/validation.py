"""Validation between two steps."""

import logging
import os
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader
from allennlp.training.callbacks.log_writer import LogWriterCallback

from luke_allennlp.training.checkpointing import CheckpointedTrainer
from luke_allennlp.training.processes import RunStatus, fail_together, to_device
from luke_allennlp.training.signals import SignalGuard
from luke_allennlp.training.steps import StepLog

logger = logging.getLogger(__name__)


class ValidatedTrainer(CheckpointedTrainer):
    """
    The part of a trainer that validates between two steps, and breaks off a validation to stop.

    # Parameters

    validate_every : `int`, optional (default = `None`)
        As of `PretrainingTrainer`, like the next two.
    options : `Any`
        As of `CheckpointedTrainer`.
    """

    _guard: SignalGuard
    _log: Optional[StepLog]
    _precision: Optional[torch.dtype]

    def __init__(
        self,
        *,
        validate_every: Optional[int] = None,
        validation_metric: Optional[str] = None,
        validation_data_loader: Optional[DataLoader] = None,
        **options: Any,
    ) -> None:
        if validation_metric is not None and validation_data_loader is None:
            raise ConfigurationError(
                "trainer.validation_metric is given, and there is no validation data to choose the best "
                "weights by; give validation_data_path."
            )
        super().__init__(
            validation_metric=validation_metric or "-loss",
            keep_best=validation_metric is not None,
            **options,
        )
        if validation_data_loader is not None:
            validation_data_loader.set_target_device(self.cuda_device)
        self._validation_data_loader: Any = validation_data_loader
        self._validate_every = validate_every or self.data_loader.steps_per_epoch

    def _validation_is_due(self) -> bool:
        return self._steps_completed % self._validate_every == 0 and not self._is_validated()

    def _is_validated(self) -> bool:
        return (
            self._validation_data_loader is None
            or self._metrics.get("validation_step") == self._steps_completed
        )

    def _validate(self) -> None:
        """Evaluates on the validation data, of which each process has a part."""
        if self._is_validated():
            return
        self._pytorch_model.eval()
        # Without what the training added since figures were last logged.
        self.model.get_metrics(reset=True)
        error = self._evaluate()
        self._pytorch_model.train()
        metrics = self.model.get_metrics(reset=True)
        own = RunStatus(stopping=int(self._guard.requested), failing=int(error is not None))
        status = own.of_all(self.cuda_device)
        if status.stopping:
            self._stop()
        if status.failing:
            fail_together(error)
        metrics["loss"] = sum(value for name, value in metrics.items() if name.endswith("_loss"))
        figures = {f"validation_{name}": value for name, value in metrics.items()}
        self._metrics.update(figures, validation_step=self._steps_completed)
        self._metric_tracker.add_metrics(metrics)
        if self._metric_tracker.is_best_so_far():
            self._metrics.update({f"best_{name}": value for name, value in figures.items()})
            self._metrics["best_validation_step"] = self._steps_completed
            if self._keep_best:
                self._best_model_filename = os.path.join(self._serialization_dir, "best.th")
                if self._primary:
                    self._save_model_state(self._best_model_filename)
        if self._log is not None:
            self._log.write({"step": self._steps_completed, **figures})
        for callback in self._callbacks:
            if isinstance(callback, LogWriterCallback) and self._primary:
                callback.log_scalars(metrics, log_prefix="validation")

    def _evaluate(self) -> Optional[Exception]:
        """Up to an interruption, or to an error in this process, which is returned."""
        try:
            # Not the wrapper: processes may have different numbers of batches.
            for batch in self._validation_data_loader:
                if self._guard.requested:
                    break
                with torch.no_grad(), self._autocast():
                    self.model(**to_device(batch, self.cuda_device))
        except Exception as error:
            return None if self._guard.requested else error
        return None

    def _autocast(self) -> AbstractContextManager:
        return torch.autocast(
            self.cuda_device.type, dtype=self._precision, enabled=self._precision is not None
        )

    def _stop(self) -> NoReturn:
        """Ends an interrupted run."""
        self._save_checkpoint()
        logger.info("Interrupted after step %d; a checkpoint is saved.", self._steps_completed)
        self._wait_for_all()
        raise self._guard.exception()
