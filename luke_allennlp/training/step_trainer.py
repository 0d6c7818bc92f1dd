"""Training that counts in steps: updates of many micro-batches, the same on any number of devices."""

import datetime
import logging
import math
import os
import random
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
import torch
from allennlp.common import Tqdm
from allennlp.common import util as common_util
from allennlp.common.checks import ConfigurationError
from allennlp.models import Model
from allennlp.training import util as training_util
from overrides import overrides

from luke_allennlp.training.processes import RunStatus, fail_together, sum_over_processes, to_device
from luke_allennlp.training.signals import SignalGuard
from luke_allennlp.training.steps import Step, StepLog, StepSums, StepWindow, batch_sums
from luke_allennlp.training.validation import ValidatedTrainer

logger = logging.getLogger(__name__)

LOG_FILE = "steps.jsonl"
# The figures that the progress bar shows.
_SHOWN = ("loss", "accuracy", "words_per_second")
_PRECISIONS = {None: None, "bf16": torch.bfloat16, "fp16": torch.float16}


class StepTrainer(ValidatedTrainer):
    """
    A `GradientDescentTrainer` that counts in steps. A step is one update: the data loader says which
    micro-batches make it, losses are divided by the step's totals over all devices, and gradients are
    exchanged once. So neither the number of devices nor the size of the micro-batches changes an update,
    except for what dropout draws.

    Random numbers, as of dropout, depend on the seed, the step and the process alone. So a run resumes to the
    bit without the state of any generator.

    # Parameters

    model : `Model`
        Its `forward` takes the batches and, as keywords, the totals of a `Step`.
    data_loader : `DataLoader`
        With `steps_per_epoch`, `steps(epoch, start_step)`, an iterator of `Step`, and `total_names`, the keys
        of a step's totals.
    num_steps, mixed_precision, seed, log_every
        As of `PretrainingTrainer`.
    options : `Any`
        As of `ValidatedTrainer`.
    """

    def __init__(
        self,
        model: Model,
        optimizer: torch.optim.Optimizer,
        data_loader: Any,
        num_steps: int,
        mixed_precision: Optional[str] = None,
        seed: int = 0,
        log_every: int = 10,
        **options: Any,
    ) -> None:
        steps = {
            "num_steps": num_steps,
            "log_every": log_every,
            "validate_every": options.get("validate_every"),
        }
        for name, value in steps.items():
            if value is not None and value < 1:
                raise ConfigurationError(
                    f"trainer.{name} is {value}; expected a number of steps, at least 1."
                )
        if mixed_precision not in _PRECISIONS:
            raise ConfigurationError(
                f'trainer.mixed_precision is "{mixed_precision}"; expected "bf16", "fp16" or null.'
            )
        if not hasattr(data_loader, "steps"):
            raise ConfigurationError(
                f"The data loader is a {type(data_loader).__name__}, which has no steps; this trainer needs "
                'one of type "luke_pretraining".'
            )
        super().__init__(
            model=model,
            optimizer=optimizer,
            data_loader=data_loader,
            num_epochs=math.ceil(num_steps / data_loader.steps_per_epoch),
            **{"run_confidence_checks": False, **options},
        )
        self._num_steps = num_steps
        self._precision = _PRECISIONS[mixed_precision]
        if mixed_precision == "fp16":
            if self.cuda_device.type != "cuda":
                raise ConfigurationError(
                    'trainer.mixed_precision is "fp16", which needs a GPU; use "bf16" or null on this device.'
                )
            self._scaler = torch.amp.GradScaler("cuda")
        self._seed = seed
        self._log_every = log_every

    @overrides
    def _try_train(self) -> Tuple[Dict[str, Any], int]:
        started = time.time()
        first_step = self._steps_completed
        logger.info("Starting at step %d of %d.", first_step, self._num_steps)
        log_path = os.path.join(self._serialization_dir, LOG_FILE)
        self._log = StepLog(log_path, first_step) if self._primary else None
        self._pytorch_model.train()
        progress = Tqdm.tqdm(total=self._num_steps, initial=first_step, disable=not self._primary)
        steps = self._steps()
        self._window = StepWindow()
        with progress, SignalGuard() as self._guard:
            if first_step and self._validation_is_due():
                # The run was interrupted during this validation.
                with self._window.paused():
                    self._validate()
                    self._end_epoch()
            while self._steps_completed < self._num_steps:
                step, totals = self._agree_on_step(steps)
                sums = self._train_step(step, totals)
                self._window.add(sums)
                progress.update()
                self._after_step(step, sums, progress)
            self._metrics["training_duration"] = str(datetime.timedelta(seconds=int(time.time() - started)))
            self._validate()
        self._save_final_weights()
        return self._metrics, self._num_epochs - 1

    def _steps(self) -> Iterator[Step]:
        """The steps of the data from where the training is, epoch after epoch."""
        epoch, start = self._epochs_completed, self._batches_in_epoch_completed
        while True:
            yield from self.data_loader.steps(epoch, start)
            epoch, start = epoch + 1, 0

    def _agree_on_step(self, steps: Iterator[Step]) -> Tuple[Step, Dict[str, int]]:
        """
        The next step, and its totals over all processes. If any process is to save, stop or fail, all do so
        here.
        """
        step, error = self._next_step(steps)
        names = self.data_loader.total_names
        # The clock is that of the first process.
        due = self._primary and self._checkpointer is not None and self._checkpointer.is_due_by_clock()
        own = RunStatus(
            stopping=int(self._guard.requested),
            saving=int(due),
            failing=int(error is not None),
            missing=int(step is None or not step.batches),
        )
        own_totals = [0 if step is None else step.totals[name] for name in names]
        sums = [int(value) for value in sum_over_processes([*own, *own_totals], self.cuda_device)]
        status = RunStatus(*sums[: len(own)])
        if status.saving and not status.stopping:
            with self._window.paused():
                self._save_checkpoint()
        if status.stopping:
            self._stop()
        if status.failing:
            fail_together(error)
        if step is None or status.missing:
            raise ConfigurationError(
                f"Step {self._steps_completed} of the data has no batch for {status.missing} of "
                f"{self._world_size} processes; use fewer of them, or a larger global_batch_size."
            )
        return step, dict(zip(names, sums[len(own) :], strict=True))

    def _next_step(self, steps: Iterator[Step]) -> Tuple[Optional[Step], Optional[Exception]]:
        """
        The next step, or the error that prevents it. Neither if the run is to stop: the data loader's workers
        may have ended already.
        """
        if self._guard.requested:
            return None, None
        try:
            return next(steps), None
        except Exception as error:
            return None, None if self._guard.requested else error

    def _train_step(self, step: Step, totals: Dict[str, int]) -> StepSums:
        """One update."""
        self._seed_random_numbers()
        self.optimizer.zero_grad()
        sums = torch.zeros(len(StepSums._fields), dtype=torch.float64, device=self.cuda_device)
        self._outputs: List[Dict[str, Any]] = []
        for number, batch in enumerate(step.batches, start=1):
            batch = to_device(batch, self.cuda_device)
            # Gradients are exchanged with those of the last micro-batch.
            with self._without_exchange() if number < len(step.batches) else nullcontext():
                with self._autocast():
                    outputs = self._pytorch_model(**batch, **totals)
                sums += batch_sums(batch, outputs["loss"])
                # The exchange takes the mean over the processes, and each loss is a part of a sum.
                outputs["loss"] = outputs["loss"] * self._world_size
                self._backward(outputs)
            self._outputs.append(
                {name: value.detach() for name, value in outputs.items() if _is_scalar(value)}
            )
        step_sums = StepSums(*sum_over_processes(sums, self.cuda_device))
        if not math.isfinite(step_sums.loss):
            raise ValueError(
                f"The loss of step {self._steps_completed} is {step_sums.loss}. The weights are still those "
                "of the step before; the last checkpoint is older."
            )
        self._update()
        self._steps_completed += 1
        return step_sums

    def _seed_random_numbers(self) -> None:
        """A run that resumes at this step draws the same numbers as one that reaches it."""
        sequence = np.random.SeedSequence([self._seed, self._steps_completed, self._rank])
        seeds = [int(seed) for seed in sequence.generate_state(3)]
        random.seed(seeds[0])
        np.random.seed(seeds[1])
        torch.manual_seed(seeds[2])

    def _without_exchange(self) -> AbstractContextManager:
        if self._ddp_wrapped_model is None:
            return nullcontext()
        wrapper: Any = self._ddp_wrapped_model.model
        return wrapper.no_sync()

    def _backward(self, outputs: Dict[str, Any]) -> None:
        called = False
        for callback in self._callbacks:
            called |= callback.on_backward(self, outputs, called)
        if not called:
            loss: torch.Tensor = outputs["loss"]
            if self._scaler is not None:
                loss = self._scaler.scale(loss)
            loss.backward()

    def _update(self) -> None:
        self._gradient_norm = self.rescale_gradients()
        self.clip_gradient()
        if self._learning_rate_scheduler is not None:
            self._learning_rate_scheduler.step_batch(self._steps_completed + 1)
        if self._scaler is None:
            self.optimizer.step()
        else:
            self._scaler.step(self.optimizer)
            self._scaler.update()

    def _after_step(self, step: Step, sums: StepSums, progress: Any) -> None:
        epoch = (self._steps_completed - 1) // self.data_loader.steps_per_epoch
        number = self._steps_completed - epoch * self.data_loader.steps_per_epoch
        self._metrics.update(epoch=epoch, step=self._steps_completed)
        is_end = number == self.data_loader.steps_per_epoch or self._steps_completed == self._num_steps
        # A validation resets the model's metrics.
        if is_end or self._steps_completed % self._log_every == 0 or self._validation_is_due():
            self._log_figures(epoch, progress)
        batch_metrics = {
            name.removeprefix("training_"): value
            for name, value in self._metrics.items()
            if name.startswith("training_") and isinstance(value, float)
        }
        for callback in self._callbacks:
            callback.on_batch(
                self,
                step.batches,
                self._outputs,
                {**batch_metrics, "batch_loss": sums.loss},
                epoch,
                number,
                is_training=True,
                is_primary=self._primary,
                batch_grad_norm=self._gradient_norm,
            )
        with self._window.paused():
            if self._validation_is_due():
                self._validate()
            self._end_epoch()
            if self._checkpointer is not None and self._checkpointer.is_due_by_steps(self._steps_completed):
                self._save_checkpoint()

    def _log_figures(self, epoch: int, progress: Any) -> None:
        figures = {
            **self._window.figures(),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            **self.model.get_metrics(reset=True),
        }
        self._window.reset()
        self._metrics.update({f"training_{name}": value for name, value in figures.items()})
        if self._log is not None:
            self._log.write({"step": self._steps_completed, "epoch": epoch, **figures})
        shown = {name: value for name, value in figures.items() if name.endswith(_SHOWN)}
        progress.set_description(training_util.description_from_metrics(shown), refresh=False)

    def _end_epoch(self) -> None:
        """If this is the end of one."""
        if self._batches_in_epoch_completed:
            return
        epoch = self._epochs_completed - 1
        if self._primary:
            path = os.path.join(self._serialization_dir, f"metrics_epoch_{epoch}.json")
            common_util.dump_metrics(path, self._metrics)
        for callback in self._callbacks:
            callback.on_epoch(self, metrics=self._metrics, epoch=epoch, is_primary=self._primary)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() == 0
