"""Training that counts in steps: updates of many micro-batches, the same on any number of devices."""

import datetime
import logging
import math
import os
import random
import re
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Dict, Iterator, List, NoReturn, Optional, Tuple, Union

import numpy as np
import torch
from allennlp.common import Lazy, Tqdm
from allennlp.common import util as common_util
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader
from allennlp.models import Model
from allennlp.nn.parallel import DdpAccelerator, DdpWrappedModel, TorchDdpAccelerator
from allennlp.training import Trainer, TrainerCallback
from allennlp.training import util as training_util
from allennlp.training.callbacks.log_writer import LogWriterCallback
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.optimizers import Optimizer
from overrides import overrides

from luke_allennlp.pretraining import recovery  # noqa: F401
from luke_allennlp.pretraining.agreement import Agreement, fail_together, sum_over_processes
from luke_allennlp.pretraining.checkpointer import StepCheckpointer
from luke_allennlp.pretraining.interruption import Interruption
from luke_allennlp.pretraining.step_checkpoints import StepCheckpoints
from luke_allennlp.pretraining.step_log import StepLog
from luke_allennlp.pretraining.step_sums import StepSums, StepWindow, batch_sums
from luke_allennlp.pretraining.to_device import to_device

logger = logging.getLogger(__name__)

LOG_FILE = "steps.jsonl"
# What of the figures is in the progress bar.
_SHOWN = ("loss", "accuracy", "words_per_second")
_PRECISIONS = {None: None, "bf16": torch.bfloat16, "fp16": torch.float16}


@Trainer.register("luke_pretraining", constructor="from_partial_objects")
class PretrainingTrainer(StepCheckpoints):
    """
    Registered as a `Trainer` with name "luke_pretraining".

    A `GradientDescentTrainer` that counts in steps. A step is one update: the data loader says which
    micro-batches make it, the loss is the mean over the masked positions of all of them on all devices, and
    gradients are exchanged once. So neither the number of devices nor the size of the micro-batches changes
    an update, but for what dropout draws.

    With a `serialization_dir` it writes `steps.jsonl`, a line of figures for each `log_every` steps, and
    checkpoints, from which `allennlp train --recover` goes on at the very step. Random numbers, as of
    dropout, depend on the seed, the step and the process alone, so that no state of a generator is needed
    for that. Ctrl-C and SIGTERM end the run after the step they come in, with a checkpoint; a validation is
    left, and done when the run goes on.

    The constructor that is registered is `from_partial_objects`, which takes the same options.

    # Parameters

    model : `Model`
    optimizer : `torch.optim.Optimizer`
        Such as `fused_adamw` or `zero_adamw`.
    data_loader : `DataLoader`
        "luke_pretraining", or another one with `steps_per_epoch` and `steps(epoch, start_step)`.
    num_steps : `int`
        How many updates to make. The data is gone through as often as that takes.
    mixed_precision : `str`, optional (default = `None`)
        "bf16", "fp16" (with gradient scaling, on GPUs) or `None`.
    seed : `int`, optional (default = `0`)
        Of dropout.
    log_every : `int`, optional (default = `10`)
        The number of steps between two lines of `steps.jsonl`. There is one at the end of each epoch and
        before each validation, too.
    validate_every : `int`, optional (default = `None`)
        The number of steps between two validations. `None`: one at the end of each epoch. There is one after
        the last step in any case, if there is a `validation_data_loader`.
    validation_metric : `str`, optional (default = `None`)
        If given, such as "-loss", the archive holds the weights with the best value; otherwise the last.
    validation_data_loader : `DataLoader`, optional (default = `None`)
    checkpointer : `StepCheckpointer`, optional (default = `None`)
        With `save_every_num_steps` (1000), `save_every_num_minutes` (30) and `keep_most_recent_by_count` (2),
        each of which may be `null`.
    options : `Any`
        As of `GradientDescentTrainer`: `serialization_dir`, `checkpointer`, `cuda_device`, `grad_norm`,
        `grad_clipping`, `learning_rate_scheduler`, `callbacks`, `distributed`, `local_rank`, `world_size`,
        `ddp_wrapped_model`, `enable_default_callbacks`, `run_confidence_checks` (by default false: RoBERTa's
        head has a bias before its LayerNorm, which the check takes for a mistake).
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
        validate_every: Optional[int] = None,
        validation_metric: Optional[str] = None,
        validation_data_loader: Optional[DataLoader] = None,
        **options: Any,
    ) -> None:
        for name, value in (
            ("num_steps", num_steps),
            ("log_every", log_every),
            ("validate_every", validate_every),
        ):
            if value is not None and value < 1:
                raise ConfigurationError(
                    f"trainer.{name} is {value}; expected a number of steps, at least 1."
                )
        if mixed_precision not in _PRECISIONS:
            raise ConfigurationError(
                f'trainer.mixed_precision is "{mixed_precision}"; expected "bf16", "fp16" or null.'
            )
        if validation_metric is not None and validation_data_loader is None:
            raise ConfigurationError(
                "trainer.validation_metric is given, and there is no validation data to choose the best "
                "weights by; give validation_data_path."
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
            validation_metric=validation_metric or "-loss",
            keep_best=validation_metric is not None,
            num_epochs=math.ceil(num_steps / data_loader.steps_per_epoch),
            **{"run_confidence_checks": False, **options},
        )
        if validation_data_loader is not None:
            validation_data_loader.set_target_device(self.cuda_device)
        self._validation_data_loader: Any = validation_data_loader
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
        self._validate_every = validate_every or data_loader.steps_per_epoch

    @overrides
    def _try_train(self) -> Tuple[Dict[str, Any], int]:
        started = time.time()
        first_step = self._steps_completed
        logger.info("Beginning at step %d of %d.", first_step, self._num_steps)
        self._log = self._make_log()
        self._pytorch_model.train()
        progress = Tqdm.tqdm(total=self._num_steps, initial=first_step, disable=not self._primary)
        steps = self._steps()
        self._window = StepWindow()
        with progress, Interruption() as self._interruption:
            if first_step and self._validation_is_due():
                # The run was interrupted in it.
                with self._window.paused():
                    self._validate()
                    self._end_epoch()
            while self._steps_completed < self._num_steps:
                step, error = self._next_step(steps)
                agreement = self._agree(step, error)
                if agreement.saving and not agreement.stopping:
                    with self._window.paused():
                        self._save_checkpoint()
                if agreement.stopping:
                    self._stop()
                if agreement.failing:
                    fail_together(error)
                if agreement.missing:
                    raise ConfigurationError(
                        f"Step {self._steps_completed} of the data has no batch for {agreement.missing} of "
                        f"{self._world_size} processes; use fewer of them, or a larger global_batch_size."
                    )
                sums = self._train_step(step, agreement)
                self._window.add(sums)
                progress.update()
                self._after_step(step, sums, progress)
            self._metrics["training_duration"] = str(datetime.timedelta(seconds=int(time.time() - started)))
            self._validate()
        self._keep_weights()
        return self._metrics, self._num_epochs - 1

    def _steps(self) -> Iterator[Any]:
        """The steps of the data from where the training is, epoch after epoch."""
        epoch, start = self._epochs_completed, self._batches_in_epoch_completed
        while True:
            yield from self.data_loader.steps(epoch, start)
            epoch, start = epoch + 1, 0

    def _stop(self) -> NoReturn:
        """Ends an interrupted run."""
        self._save_checkpoint()
        logger.info("Interrupted after step %d; a checkpoint is saved.", self._steps_completed)
        self._wait_for_all()
        raise self._interruption.exception()

    def _next_step(self, steps: Iterator[Any]) -> Tuple[Optional[Any], Optional[Exception]]:
        """
        The next step, or why there is none. Neither if the run is to end: the data loader's processes may
        have ended already.
        """
        if self._interruption.requested:
            return None, None
        try:
            return next(steps), None
        except Exception as error:
            return None, None if self._interruption.requested else error

    def _agree(self, step: Optional[Any], error: Optional[Exception]) -> Agreement:
        """What holds for all processes; the clock is that of the first one."""
        due = self._primary and self._checkpointer is not None and self._checkpointer.is_due_by_clock()
        own = Agreement(
            masked_words=step.masked_words if step is not None else 0,
            masked_entities=step.masked_entities if step is not None else 0,
            stopping=int(self._interruption.requested),
            saving=int(due),
            failing=int(error is not None),
            missing=int(step is None or not step.batches),
        )
        return own.of_all(self.cuda_device)

    def _train_step(self, step: Any, agreement: Agreement) -> StepSums:
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
                    outputs = self._pytorch_model(
                        **batch,
                        word_total=agreement.masked_words,
                        entity_total=agreement.masked_entities,
                    )
                sums += batch_sums(batch, outputs["loss"])
                # The exchange takes the mean over the processes, and each loss is a part of a sum.
                outputs["loss"] = outputs["loss"] * self._world_size
                self._backward(outputs)
            self._outputs.append(
                {name: value.detach() for name, value in outputs.items() if _is_scalar(value)}
            )
        totals = StepSums(*sum_over_processes(sums, self.cuda_device))
        if not math.isfinite(totals.loss):
            raise ValueError(
                f"The loss of step {self._steps_completed} is {totals.loss}. The weights are still those of "
                "the step before; the last checkpoint is older."
            )
        self._update()
        self._steps_completed += 1
        return totals

    def _seed_random_numbers(self) -> None:
        """So that a run that goes on at this step draws what one that comes to it would."""
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

    def _autocast(self) -> AbstractContextManager:
        return torch.autocast(
            self.cuda_device.type, dtype=self._precision, enabled=self._precision is not None
        )

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

    def _after_step(self, step: Any, sums: StepSums, progress: Any) -> None:
        epoch = (self._steps_completed - 1) // self.data_loader.steps_per_epoch
        number = self._steps_completed - epoch * self.data_loader.steps_per_epoch
        self._metrics.update(epoch=epoch, step=self._steps_completed)
        is_end = number == self.data_loader.steps_per_epoch or self._steps_completed == self._num_steps
        # A validation begins the sums of the model's figures anew.
        if is_end or self._steps_completed % self._log_every == 0 or self._validation_is_due():
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
        batch_metrics = {**self._last("training_"), "batch_loss": sums.loss}
        for callback in self._callbacks:
            callback.on_batch(
                self,
                step.batches,
                self._outputs,
                batch_metrics,
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

    def _last(self, prefix: str) -> Dict[str, float]:
        """The latest figures of a kind, without the prefix of their names."""
        return {
            name[len(prefix) :]: value
            for name, value in self._metrics.items()
            if name.startswith(prefix) and isinstance(value, float)
        }

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

    def _validation_is_due(self) -> bool:
        return self._steps_completed % self._validate_every == 0 and not self._is_validated()

    def _is_validated(self) -> bool:
        return (
            self._validation_data_loader is None
            or self._metrics.get("validation_step") == self._steps_completed
        )

    def _validate(self) -> None:
        """Evaluates on the validation data, of which each process has its part."""
        if self._is_validated():
            return
        self._pytorch_model.eval()
        # What came in training since the figures were logged last does not belong here.
        self.model.get_metrics(reset=True)
        error = self._evaluate()
        self._pytorch_model.train()
        metrics = self.model.get_metrics(reset=True)
        own = Agreement(stopping=int(self._interruption.requested), failing=int(error is not None))
        agreement = own.of_all(self.cuda_device)
        if agreement.stopping:
            self._stop()
        if agreement.failing:
            fail_together(error)
        metrics["loss"] = sum(value for name, value in metrics.items() if name.endswith("_loss"))
        self._metrics.update({f"validation_{name}": value for name, value in metrics.items()})
        self._metrics["validation_step"] = self._steps_completed
        self._metric_tracker.add_metrics(metrics)
        if self._metric_tracker.is_best_so_far():
            self._metrics.update({f"best_validation_{name}": value for name, value in metrics.items()})
            self._metrics["best_validation_step"] = self._steps_completed
            if self._keep_best:
                self._best_model_filename = os.path.join(self._serialization_dir, "best.th")
                if self._primary:
                    self._save_model_state(self._best_model_filename)
        if self._log is not None:
            figures = {f"validation_{name}": value for name, value in metrics.items()}
            self._log.write({"step": self._steps_completed, **figures})
        for callback in self._callbacks:
            if isinstance(callback, LogWriterCallback) and self._primary:
                callback.log_scalars(metrics, log_prefix="validation")

    def _evaluate(self) -> Optional[Exception]:
        """Up to an interruption, or to an error in this process."""
        try:
            # Not the wrapper: processes may have different numbers of batches.
            for batch in self._validation_data_loader:
                if self._interruption.requested:
                    break
                with torch.no_grad(), self._autocast():
                    self.model(**to_device(batch, self.cuda_device))
        except Exception as error:
            return None if self._interruption.requested else error
        return None

    def _make_log(self) -> Optional[StepLog]:
        if not self._primary:
            return None
        return StepLog(os.path.join(self._serialization_dir, LOG_FILE), self._steps_completed)

    @classmethod
    @overrides(check_signature=False)
    def from_partial_objects(
        cls,
        model: Model,
        serialization_dir: str,
        data_loader: DataLoader,
        num_steps: int,
        mixed_precision: Optional[str] = None,
        seed: int = 0,
        log_every: int = 10,
        validate_every: Optional[int] = None,
        validation_metric: Optional[str] = None,
        validation_data_loader: Optional[DataLoader] = None,
        local_rank: int = 0,
        cuda_device: Optional[Union[int, torch.device]] = None,
        grad_norm: Union[float, bool] = False,
        grad_clipping: Optional[float] = None,
        distributed: bool = False,
        world_size: int = 1,
        no_grad: Optional[List[str]] = None,
        optimizer: Lazy[Optimizer] = Lazy(Optimizer.default),
        learning_rate_scheduler: Optional[Lazy[LearningRateScheduler]] = None,
        checkpointer: Optional[Lazy[StepCheckpointer]] = Lazy(StepCheckpointer),
        callbacks: Optional[List[Lazy[TrainerCallback]]] = None,
        enable_default_callbacks: bool = True,
        run_confidence_checks: bool = False,
        ddp_accelerator: Optional[DdpAccelerator] = None,
    ) -> "PretrainingTrainer":
        """
        As of `GradientDescentTrainer`, and of this class. A schedule is told that there is one epoch, of
        `num_steps` steps.
        """
        if cuda_device is None:
            cuda_device = 0 if torch.cuda.is_available() else -1
        # Before the model is wrapped, which waits for the gradients of what can have one.
        for name, parameter in model.named_parameters():
            if any(re.search(regex, name) for regex in no_grad or []):
                parameter.requires_grad_(False)
        wrapped: Optional[DdpWrappedModel] = None
        if distributed:
            accelerator = ddp_accelerator or TorchDdpAccelerator(cuda_device=cuda_device)
            model, wrapped = accelerator.wrap_model(model)
            if wrapped.is_sharded:
                raise ConfigurationError(
                    "This trainer does not take a sharded model; leave distributed.ddp_accelerator out."
                )
        elif cuda_device != -1:
            model = model.cuda(cuda_device)
        parameters = [[name, value] for name, value in model.named_parameters() if value.requires_grad]
        made_optimizer = optimizer.construct(model_parameters=parameters)
        schedule = None
        if learning_rate_scheduler is not None:
            schedule = learning_rate_scheduler.construct(
                optimizer=made_optimizer, num_epochs=1, num_steps_per_epoch=num_steps
            )
        made_checkpointer = None
        if checkpointer is not None:
            made_checkpointer = checkpointer.construct(serialization_dir=serialization_dir)
        made_callbacks = [
            callback.construct(serialization_dir=serialization_dir) for callback in callbacks or []
        ]
        common_util.log_frozen_and_tunable_parameter_names(model)
        return cls(
            model,
            made_optimizer,
            data_loader,
            num_steps=num_steps,
            mixed_precision=mixed_precision,
            seed=seed,
            log_every=log_every,
            validate_every=validate_every,
            validation_metric=validation_metric,
            validation_data_loader=validation_data_loader,
            serialization_dir=serialization_dir,
            checkpointer=made_checkpointer,
            cuda_device=cuda_device,
            grad_norm=grad_norm,
            grad_clipping=grad_clipping,
            learning_rate_scheduler=schedule,
            callbacks=made_callbacks,
            distributed=distributed,
            local_rank=local_rank,
            world_size=world_size,
            enable_default_callbacks=enable_default_callbacks,
            run_confidence_checks=run_confidence_checks,
            ddp_wrapped_model=wrapped,
        )


def _is_scalar(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() == 0
