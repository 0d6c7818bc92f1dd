"""The trainer as configs construct it."""

import inspect
import re
from typing import Any, List, Optional, Union

import torch
from allennlp.common import Lazy
from allennlp.common import util as common_util
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader
from allennlp.models import Model
from allennlp.nn.parallel import DdpAccelerator, DdpWrappedModel, TorchDdpAccelerator
from allennlp.training import Trainer, TrainerCallback
from allennlp.training.callbacks.should_validate import ShouldValidateCallback
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.optimizers import Optimizer
from overrides import overrides

from luke_allennlp.training.batch_steps import BatchSteps
from luke_allennlp.training.checkpoint_files import StepCheckpointer
from luke_allennlp.training.precision import Precision
from luke_allennlp.training.processes import least_over_processes
from luke_allennlp.training.step_trainer import StepTrainer
from luke_allennlp.training.steps import StepSource


@Trainer.register("luke", constructor="from_partial_objects")
class LukeTrainer(StepTrainer):
    """
    Registered as a `Trainer` with name "luke".

    Trains in steps. A step is one update: the data loader says which micro-batches make it, losses are means
    over the predictions of all of them on all devices, and gradients are exchanged once. So neither the
    number of devices nor the size of the micro-batches changes an update, except for what dropout draws.

    It writes `steps.jsonl`, a line for each step and each validation, and checkpoints, from which
    `allennlp train --recover` resumes at the very step, to the bit. Ctrl-C, SIGTERM and SIGUSR1 end the run
    before the next micro-batch (of several processes, the one after) with a checkpoint of the last step and
    the exit code 75. An interrupted validation is repeated when the run resumes.

    # Parameters

    model : `Model`
    data_loader : `DataLoader`
        "luke", "luke_pretraining", or any other: then each step has `num_gradient_accumulation_steps` of its
        batches, and a run that resumes reads the current epoch up to where it was.
    num_epochs : `int`, optional (default = `None`)
        How often to go through the data. Give this or `num_steps`.
    num_steps : `int`, optional (default = `None`)
        The number of updates. The data is repeated as often as that takes.
    precision : `str`, optional (default = `"auto"`)
        "bf16", "fp16" (with gradient scaling, on GPUs), `None` for float32, or "auto": "bf16" on GPUs that
        have it, otherwise float32. Weights, losses and the statistics of softmax and LayerNorm are float32.
    tf32 : `bool`, optional (default = `True`)
        Whether GPUs multiply float32 matrices in TF32, several times as fast.
    seed : `int`, optional (default = `0`)
        Of dropout, and of the order of the data if the data loader has none.
    log_every : `int`, optional (default = `10`)
        The number of steps between two lines of `steps.jsonl` that have the throughput and the model's
        training metrics, too. There is also one at the end of each epoch and before each validation.
    validate_every : `int`, optional (default = `None`)
        The number of steps between two validations. `None`: one at the end of each epoch. With a
        `validation_data_loader` there is always one after the last step.
    validation_metric : `str`, optional (default = `None`)
        Such as "+f1" or "-loss": by what the best weights are chosen, and `patience` counts.
    keep : `str`, optional (default = `None`)
        "best" or "last": which weights the archive gets. By default the best if there is a
        `validation_metric`.
    patience : `int`, optional (default = `None`)
        After how many validations without a better value to stop.
    validation_data_loader : `DataLoader`, optional (default = `None`)
    num_gradient_accumulation_steps : `int`, optional (default = `1`)
        The batches of a step, of a data loader that has no steps itself.
    no_grad : `List[str]`, optional (default = `None`)
        Regular expressions of the parameters that are not trained.
    optimizer : `Lazy[Optimizer]`, optional (default = `Optimizer.default`)
    learning_rate_scheduler : `Lazy[LearningRateScheduler]`, optional (default = `None`)
        With `num_steps` it is told that there is one epoch of so many steps.
    checkpointer : `Lazy[StepCheckpointer]`, optional (default = `StepCheckpointer()`)
        With `save_every_num_steps` (1000), `save_every_num_minutes` (30) and `keep_most_recent_by_count` (2),
        each of which may be `null`.
    options : `Any`
        As of `GradientDescentTrainer`: `serialization_dir`, `cuda_device`, `grad_norm`, `grad_clipping`,
        `callbacks`, `distributed`, `local_rank`, `world_size`, `enable_default_callbacks`.
    """

    @classmethod
    @overrides(check_signature=False)
    def from_partial_objects(
        cls,
        model: Model,
        serialization_dir: str,
        data_loader: DataLoader,
        num_epochs: Optional[int] = None,
        num_steps: Optional[int] = None,
        precision: Optional[str] = "auto",
        tf32: bool = True,
        seed: int = 0,
        log_every: int = 10,
        validate_every: Optional[int] = None,
        validation_metric: Optional[str] = None,
        keep: Optional[str] = None,
        patience: Optional[int] = None,
        validation_data_loader: Optional[DataLoader] = None,
        local_rank: int = 0,
        cuda_device: Optional[Union[int, torch.device]] = None,
        grad_norm: Union[float, bool] = False,
        grad_clipping: Optional[float] = None,
        distributed: bool = False,
        world_size: int = 1,
        num_gradient_accumulation_steps: int = 1,
        no_grad: Optional[List[str]] = None,
        optimizer: Lazy[Optimizer] = Lazy(Optimizer.default),
        learning_rate_scheduler: Optional[Lazy[LearningRateScheduler]] = None,
        checkpointer: Optional[Lazy[StepCheckpointer]] = Lazy(StepCheckpointer),
        callbacks: Optional[List[Lazy[TrainerCallback]]] = None,
        enable_default_callbacks: bool = True,
        ddp_accelerator: Optional[DdpAccelerator] = None,
    ) -> "LukeTrainer":
        """With what a config gives."""
        lengths = {"num_epochs": num_epochs, "num_steps": num_steps}
        for name, value in {
            **lengths,
            "log_every": log_every,
            "validate_every": validate_every,
            "num_gradient_accumulation_steps": num_gradient_accumulation_steps,
        }.items():
            if value is not None and value < 1:
                raise ConfigurationError(f"trainer.{name} is {value}; expected a number of at least 1.")
        if seed < 0:
            raise ConfigurationError(f"trainer.seed is {seed}; expected 0 or more.")
        if (num_epochs is None) == (num_steps is None):
            raise ConfigurationError(f"trainer: give either num_epochs or num_steps; found {lengths}.")
        if cuda_device is None:
            cuda_device = 0 if torch.cuda.is_available() else -1
        # Before the model is wrapped, which waits for the gradients of what can have one.
        _freeze(model, no_grad or [])
        device = common_util.int_to_device(cuda_device)
        settings = Precision(precision, tf32, device)
        source = _source(data_loader, model, num_gradient_accumulation_steps, seed)
        wrapped: Optional[DdpWrappedModel] = None
        if distributed:
            accelerator = ddp_accelerator or TorchDdpAccelerator(cuda_device=cuda_device)
            model, wrapped = accelerator.wrap_model(model)
            if wrapped.is_sharded:
                raise ConfigurationError(
                    "This trainer does not take a sharded model; omit distributed.ddp_accelerator."
                )
        elif cuda_device != -1:
            model = model.cuda(cuda_device)
        estimates_max_tokens = getattr(data_loader, "max_tokens", 0) is None
        if estimates_max_tokens:
            # All processes pack the same micro-batches.
            max_tokens = least_over_processes(settings.max_tokens(model))
            data_loader.max_tokens = max_tokens  # type: ignore[attr-defined]
        parameters = [[name, value] for name, value in model.named_parameters() if value.requires_grad]
        made_optimizer = optimizer.construct(model_parameters=parameters)
        schedule = None
        if learning_rate_scheduler is not None:
            schedule = learning_rate_scheduler.construct(
                optimizer=made_optimizer,
                num_epochs=num_epochs or 1,
                num_steps_per_epoch=num_steps or source.steps_per_epoch,
            )
        made_checkpointer = None
        if checkpointer is not None:
            made_checkpointer = checkpointer.construct(serialization_dir=serialization_dir)
        made_callbacks = [
            callback.construct(serialization_dir=serialization_dir) for callback in callbacks or []
        ]
        if any(isinstance(callback, ShouldValidateCallback) for callback in made_callbacks):
            raise ConfigurationError(
                'trainer.callbacks: this trainer does not take "should_validate_callback"; give '
                "validate_every."
            )
        common_util.log_frozen_and_tunable_parameter_names(model)
        return cls(
            model,
            made_optimizer,
            source,
            num_steps=num_steps or (num_epochs or 0) * source.steps_per_epoch,
            estimates_max_tokens=estimates_max_tokens,
            precision=settings,
            seed=seed,
            data_loader=data_loader,
            log_every=log_every,
            validate_every=validate_every,
            validation_metric=validation_metric,
            keep=keep,
            patience=patience,
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
            ddp_wrapped_model=wrapped,
        )


def _freeze(model: Model, regexes: List[str]) -> None:
    for regex in regexes:
        try:
            found = [parameter for name, parameter in model.named_parameters() if re.search(regex, name)]
        except re.error as error:
            raise ConfigurationError(
                f'trainer.no_grad: "{regex}" is no regular expression ({error}).'
            ) from None
        if not found:
            raise ConfigurationError(f'trainer.no_grad: "{regex}" matches no parameter of the model.')
        for parameter in found:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigurationError("No parameter of the model is left to train; see trainer.no_grad.")


def _source(loader: Any, model: Model, batches_per_step: int, seed: int) -> StepSource:
    if not hasattr(loader, "steps"):
        return BatchSteps(loader, batches_per_step, seed)
    if batches_per_step != 1:
        raise ConfigurationError(
            f"trainer.num_gradient_accumulation_steps is {batches_per_step}, and the data loader "
            f"{type(loader).__name__} makes steps itself; set its batch_size to the instances of a step, and "
            "its max_tokens to what a device takes at once."
        )
    if hasattr(loader, "takes_loss_weights"):
        loader.takes_loss_weights = "loss_weights" in inspect.signature(model.forward).parameters
    return loader
