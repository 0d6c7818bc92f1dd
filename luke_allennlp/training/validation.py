"""The part of the trainer that validates between two steps."""

import logging
import os
import sys
from typing import Any, Dict, NoReturn, Optional, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader
from allennlp.training.callbacks.log_writer import LogWriterCallback

from luke_allennlp.training.agreement import Exchange, RunStatus
from luke_allennlp.training.checkpointing import CheckpointedTrainer
from luke_allennlp.training.evaluator import weighted_loss
from luke_allennlp.training.precision import Precision
from luke_allennlp.training.processes import fail_together, sum_over_processes, to_device
from luke_allennlp.training.progress import EvaluationProgress
from luke_allennlp.training.signals import SignalGuard, TrainingInterrupted
from luke_allennlp.training.step_loader import StepDataLoader
from luke_allennlp.training.steps import StepLog, batch_counts

logger = logging.getLogger(__name__)

KEEP = ("best", "last")


class ValidatedTrainer(CheckpointedTrainer):
    """
    The part of a trainer that validates between two steps, and breaks off a validation to stop.

    # Parameters

    validate_every, validation_metric, keep, validation_data_loader
        As of `LukeTrainer`.
    options : `Any`
        As of `CheckpointedTrainer`.
    """

    _guard: SignalGuard
    _log: Optional[StepLog]
    _precision: Precision

    def __init__(
        self,
        *,
        validate_every: Optional[int] = None,
        validation_metric: Optional[str] = None,
        keep: Optional[str] = None,
        validation_data_loader: Optional[DataLoader] = None,
        **options: Any,
    ) -> None:
        if keep not in (None, *KEEP):
            raise ConfigurationError(f'trainer.keep is "{keep}"; expected "best" or "last".')
        if validation_data_loader is None and (keep == "best" or validation_metric and keep is None):
            raise ConfigurationError(
                "trainer.validation_metric is given, or trainer.keep is best, and there is no validation "
                'data to choose the best weights by; give validation_data_path, or trainer.keep: "last".'
            )
        if validation_data_loader is None and options.get("patience") is not None:
            raise ConfigurationError(
                "trainer.patience is given, and there is no validation data; give validation_data_path, or "
                "omit patience."
            )
        super().__init__(
            validation_metric=validation_metric or "-loss",
            keep_best=keep == "best" or (keep is None and validation_metric is not None),
            **options,
        )
        if validation_data_loader is not None:
            # The batches of a "luke" loader are on the CPU until `_evaluate` moves them.
            is_ours = isinstance(validation_data_loader, StepDataLoader)
            validation_data_loader.set_target_device(self.cuda_device if is_ours else torch.device("cpu"))
        self._keep = keep
        self._validation_data_loader: Any = validation_data_loader
        self._validate_every = validate_every or self._source.steps_per_epoch

    def _validation_is_due(self) -> bool:
        return self._steps_completed % self._validate_every == 0 and not self._is_validated()

    def _is_validated(self) -> bool:
        return (
            self._validation_data_loader is None
            or self._metrics.get("validation_step") == self._steps_completed
        )

    @property
    def _validation_score(self) -> Optional[float]:
        """Of the last validation: the `validation_metric`, times -1 if less is better."""
        prefix = "validation_"
        metrics = {
            name.removeprefix(prefix): value
            for name, value in self._metrics.items()
            if name.startswith(prefix) and name != "validation_step"
        }
        return self._metric_tracker.combined_score(metrics) if metrics else None

    def _validate(self) -> None:
        """Evaluates on the validation data, of which each process has a part."""
        if self._is_validated():
            return
        self._pytorch_model.eval()
        # Without what the training added since figures were last logged.
        self.model.get_metrics(reset=True)
        loss, status, error = self._evaluate()
        if status.stopping:
            self._stop()
        if status.failing:
            fail_together(error)
        metrics: Dict[str, float] = self.model.get_metrics(reset=True)
        self._pytorch_model.train()
        losses = [value for name, value in metrics.items() if name.endswith("_loss")]
        metrics["loss"] = sum(losses) if losses else loss
        figures = {f"validation_{name}": value for name, value in metrics.items()}
        self._metrics.update(figures, validation_step=self._steps_completed)
        self._metric_tracker.add_metrics(metrics)
        # What the archive will have, if the last weights are kept.
        if self._metric_tracker.is_best_so_far() or self._keep == "last":
            self._metrics.update({f"best_{name}": value for name, value in figures.items()})
            self._metrics["best_validation_step"] = self._steps_completed
            self._metrics["best_epoch"] = (self._steps_completed - 1) // self._source.steps_per_epoch
            if self._keep_best:
                self._save_best()
        if self._log is not None:
            self._log.write({"step": self._steps_completed, **figures})
        for callback in self._callbacks:
            if isinstance(callback, LogWriterCallback) and self._primary:
                callback.log_scalars(metrics, log_prefix="validation")

    def _evaluate(self) -> Tuple[float, RunStatus, Optional[Exception]]:
        """
        The mean loss, of a target if the model tells their number, otherwise of an instance; how many
        processes are to stop or failed; and this process's error. All end together, when none has a batch
        left or one is to stop.
        """
        loader, total = self._validation_data_loader, None
        if isinstance(loader, StepDataLoader):
            total = len(loader.evaluation_batches())
            loader = (batch for _, batch in loader.numbered_batches())
        progress = EvaluationProgress(loader, self._primary, total)
        batches = iter(progress.batches)
        exchange = Exchange(self.cuda_device)
        nothing = torch.zeros(0, dtype=torch.float64, device=self.cuda_device)
        sums = torch.zeros(2, dtype=torch.float64, device=self.cuda_device)
        error: Optional[Exception] = None
        while True:
            batch = None
            if error is None and not self._guard.requested:
                try:
                    batch = next(batches, None)
                except Exception as found:
                    error = found
            failing = error is not None and not self._guard.requested
            status = RunStatus(self._guard.requested, 0, failing, batch is not None)
            if self._distributed:
                before = exchange.receive()
                exchange.send(status, nothing)
                status = RunStatus(working=1) if before is None else RunStatus(*before)
            if status.stopping or status.failing or not status.working:
                break
            if batch is not None and error is None:
                try:
                    # Not the wrapper: processes may have different numbers of batches.
                    with torch.no_grad(), self._precision.autocast():
                        outputs = self.model(**to_device(batch, self.cuda_device))
                    if outputs.get("loss") is not None:
                        # Batches whose instances cannot be counted count equally.
                        sums += weighted_loss(self.model, outputs["loss"], max(batch_counts(batch)[0], 1))
                    progress.add(batch, sums)
                except Exception as found:
                    error = found
        loss, number = sum_over_processes(sums, self.cuda_device)
        return (loss / number if number else 0.0), status, error

    def _stop(self) -> NoReturn:
        """Ends an interrupted run."""
        self._save_checkpoint()
        self._wait_for_all()
        if self._primary:
            saved = "" if self._steps_checkpointer is None else "; a checkpoint is saved"
            command = f"allennlp train CONFIG -s {os.path.abspath(self._serialization_dir)} --recover"
            print(
                f"allennlp: interrupted after step {self._steps_completed}{saved}. Resume with\n  {command}",
                file=sys.stderr,
                flush=True,
            )
        raise TrainingInterrupted(self._guard.signal)
