"""The training loop: updates of many micro-batches, the same on any number of devices."""

import datetime
import itertools
import logging
import math
import random
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
import torch
from allennlp.models import Model
from overrides import overrides

from luke_allennlp.training.agreement import Agreement, RunStatus
from luke_allennlp.training.precision import Precision
from luke_allennlp.training.processes import fail_together, sum_over_processes, to_device
from luke_allennlp.training.reporting import DoneStep, ReportingTrainer
from luke_allennlp.training.signals import SignalGuard
from luke_allennlp.training.steps import Step, StepSource, batch_counts

logger = logging.getLogger(__name__)


class StepTrainer(ReportingTrainer):
    """
    A `GradientDescentTrainer` that counts in steps. A step is one update: its source says which micro-batches
    make it, and gradients are exchanged once. So neither the number of devices nor the size of the
    micro-batches changes an update, except for what dropout draws.

    Random numbers, as of dropout, depend on the seed, the step and the process alone. So a run resumes to the
    bit without the state of any generator.

    The processes tell each other with each micro-batch whether to stop or to save, and the loss of the step
    before; the answer is read with the next micro-batch, so that no device waits for it.

    # Parameters

    model : `Model`
        Its `forward` takes the batches and, as keywords, `loss_weights` and the totals of a `Step`.
    source : `StepSource`
    num_steps, seed, log_every
        As of `LukeTrainer`.
    precision : `Precision`
    options : `Any`
        As of `ReportingTrainer`.
    """

    def __init__(
        self,
        model: Model,
        optimizer: torch.optim.Optimizer,
        source: StepSource,
        num_steps: int,
        precision: Precision,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(
            model=model,
            optimizer=optimizer,
            source=source,
            num_steps=num_steps,
            num_epochs=math.ceil(num_steps / source.steps_per_epoch),
            run_confidence_checks=False,
            **options,
        )
        self._seed = seed
        self._precision = precision
        self._scaler = precision.scaler

    @overrides
    def _try_train(self) -> Tuple[Dict[str, Any], int]:
        started = time.time()
        first = self._fetched = self._steps_completed
        logger.info("Starting at step %d of %d.", first, self._num_steps)
        self._start_reporting(first)
        self._pytorch_model.train()
        self._agreement: Agreement[DoneStep] = Agreement(self.cuda_device, self._report)
        with self._progress, SignalGuard() as self._guard:
            if first:
                self._end_step()  # the run may have been interrupted in a validation
            steps = self._steps()
            step, error = self._fetch(steps)
            self._agree_on_start(error)
            while self._steps_completed < self._num_steps and not self._metric_tracker.should_stop_early():
                # The next step before this one, so that all know in time if one process cannot have it.
                following, found = self._fetch(steps)
                # The others hear of it with the first micro-batch of the step that is missing.
                error = error or found
                self._train_step(step, error)
                self._end_step()
                step = following
            self._agreement.settle()
            self._metrics["training_duration"] = str(datetime.timedelta(seconds=int(time.time() - started)))
            reported = self._epochs_reported, self._metrics.get("validation_step")
            self._validate()
            self._show(*reported)
            self._save_final_weights()
        if self._console is not None:
            self._console.end()
        return self._metrics, self._num_epochs - 1

    def _steps(self) -> Iterator[Step]:
        """The steps of the data from where the training is, epoch after epoch."""
        start = self._batches_in_epoch_completed
        for epoch in itertools.count(self._epochs_completed):
            yield from self._source.steps(epoch, start)
            start = 0

    def _fetch(self, steps: Iterator[Step]) -> Tuple[Optional[Step], Optional[Exception]]:
        """
        The next step, or the error that prevents it. Neither if the run is to stop: the source's workers may
        have ended already.
        """
        self._fetched += 1
        if self._guard.requested or self._fetched > self._num_steps:
            return None, None
        try:
            return next(steps), None
        except Exception as error:
            return None, None if self._guard.requested else error

    def _agree_on_start(self, error: Optional[Exception]) -> None:
        sums = sum_over_processes([self._guard.requested, error is not None], self.cuda_device)
        if sums[0]:
            self._stop()
        if sums[1]:
            fail_together(error)

    def _train_step(self, step: Optional[Step], error: Optional[Exception]) -> None:
        """One update, unless the run is to stop."""
        self._seed_random_numbers()
        self.optimizer.zero_grad()
        loss = torch.zeros((), dtype=torch.float64, device=self.cuda_device)
        outputs: List[Dict[str, Any]] = []
        totals = self._agree({} if step is None else step.totals, error)
        # A process without a step has said so during the step before.
        assert step is not None
        for number, (batch, weight) in enumerate(zip(step.batches, step.weights, strict=True), start=1):
            if number > 1:
                self._agree(dict.fromkeys(step.totals, 0), error)
            batch = to_device({**batch, **_loss_weights(weight)}, self.cuda_device)
            # Gradients are exchanged with those of the last micro-batch.
            with self._without_exchange() if number < len(step.batches) else nullcontext():
                with self._precision.autocast():
                    output = self._pytorch_model(**batch, **totals)
                if isinstance(weight, float) and weight != 1.0:
                    output["loss"] = output["loss"] * weight
                loss += output["loss"].detach()
                outputs.append({name: value.detach() for name, value in output.items() if _is_scalar(value)})
                # The exchange takes the mean over the processes, and each loss is a part of a sum.
                output["loss"] = output["loss"] * self._world_size
                if number == len(step.batches):
                    penalty = self.model.get_regularization_penalty()
                    if penalty is not None:
                        loss += penalty.detach() / self._world_size
                        output["loss"] = output["loss"] + penalty
                self._backward(output)
        norm = self._update()
        rate = self.optimizer.param_groups[0]["lr"]
        self._steps_completed += 1
        counts = torch.tensor([batch_counts(batch) for batch in step.batches], dtype=torch.float64).sum(0)
        sums = torch.cat([loss[None], counts.to(self.cuda_device, non_blocking=True)])
        self._agreement.finish(DoneStep(self._steps_completed, step.batches, outputs, rate, norm), sums)

    def _agree(self, totals: Dict[str, int], error: Optional[Exception]) -> Dict[str, Any]:
        """The totals of all processes, unless the run is to stop."""
        checkpointer = self._steps_checkpointer if self._primary else None
        own = RunStatus(
            stopping=self._guard.requested,
            saving=checkpointer is not None and checkpointer.is_due_by_clock(),
            failing=error is not None and not self._guard.requested,
        )
        status = self._agreement.listen(own)
        if status.stopping:
            self._agreement.settle()
            self._stop()
        if status.failing:
            fail_together(error)
        return self._agreement.send(own, totals)

    def _seed_random_numbers(self) -> None:
        """A run that resumes at this step draws the same numbers as one that reaches it."""
        sequence = np.random.SeedSequence([self._seed, self._steps_completed, self._rank])
        seeds = [int(seed) for seed in sequence.generate_state(3)]
        random.seed(seeds[0])
        np.random.seed(seeds[1])
        # Of the generators that are used: `torch.manual_seed` takes milliseconds for all others.
        torch.default_generator.manual_seed(seeds[2])
        if self.cuda_device.type == "cuda":
            torch.cuda.manual_seed(seeds[2])

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
            (loss if self._scaler is None else self._scaler.scale(loss)).backward()

    def _update(self) -> Optional[float]:
        norm = self.rescale_gradients()
        self.clip_gradient()
        if self._learning_rate_scheduler is not None:
            self._learning_rate_scheduler.step_batch(self._steps_completed + 1)
        if self._scaler is None:
            self.optimizer.step()
        else:
            self._scaler.step(self.optimizer)
            self._scaler.update()
        return norm

    def _end_step(self) -> None:
        """Validates, ends the epoch, and saves, if that is due."""
        is_due = self._validation_is_due()
        saving = bool(self._agreement.heard.saving)
        if self._steps_checkpointer is not None:
            saving |= self._steps_checkpointer.is_due_by_steps(self._steps_completed)
        if is_due or saving or self._reads_at_once or self._is_shown(self._steps_completed):
            self._agreement.settle()
        reported = self._epochs_reported, self._metrics.get("validation_step")
        with self._window.paused():
            self._metrics.update(
                epoch=(self._steps_completed - 1) // self._source.steps_per_epoch, step=self._steps_completed
            )
            if is_due:
                self._progress.clear()
                self._validate()
            self._end_epoch()
            self._show(*reported)
            if saving:
                self._save_checkpoint()
                self._agreement.heard = self._agreement.heard._replace(saving=0)


def _loss_weights(weight: Any) -> Dict[str, torch.Tensor]:
    return {"loss_weights": weight} if isinstance(weight, torch.Tensor) else {}


def _is_scalar(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() == 0
