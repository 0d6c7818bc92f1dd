"""The trainer as configs construct it."""

import re
from typing import List, Optional, Union

import torch
from allennlp.common import Lazy
from allennlp.common import util as common_util
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader
from allennlp.models import Model
from allennlp.nn.parallel import DdpAccelerator, DdpWrappedModel, TorchDdpAccelerator
from allennlp.training import Trainer, TrainerCallback
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.optimizers import Optimizer
from overrides import overrides

from luke_allennlp.training.checkpointing import StepCheckpointer
from luke_allennlp.training.step_trainer import StepTrainer


@Trainer.register("luke_pretraining", constructor="from_partial_objects")
class PretrainingTrainer(StepTrainer):
    """
    Registered as a `Trainer` with name "luke_pretraining".

    Trains in steps. A step is one update: the data loader says which micro-batches make it, the loss is the
    mean over the masked positions of all of them on all devices, and gradients are exchanged once. So neither
    the number of devices nor the size of the micro-batches changes an update, except for what dropout draws.

    It writes `steps.jsonl`, a line of figures for each `log_every` steps, and checkpoints, from which
    `allennlp train --recover` resumes at the very step, to the bit. Ctrl-C and SIGTERM end the run after the
    current step, with a checkpoint; a validation is broken off, and repeated when the run resumes.

    # Parameters

    model : `Model`
    data_loader : `DataLoader`
        "luke_pretraining", or another one that `StepTrainer` takes.
    num_steps : `int`
        The number of updates. The data is repeated as often as that takes.
    mixed_precision : `str`, optional (default = `None`)
        "bf16", "fp16" (with gradient scaling, on GPUs) or `None`.
    seed : `int`, optional (default = `0`)
        Of dropout.
    log_every : `int`, optional (default = `10`)
        The number of steps between two lines of `steps.jsonl`. There is also one at the end of each epoch and
        before each validation.
    validate_every : `int`, optional (default = `None`)
        The number of steps between two validations. `None`: one at the end of each epoch. With a
        `validation_data_loader` there is always one after the last step.
    validation_metric : `str`, optional (default = `None`)
        If given, such as "-loss", the archive gets the weights with the best value; otherwise the last.
    validation_data_loader : `DataLoader`, optional (default = `None`)
    no_grad : `List[str]`, optional (default = `None`)
        Regular expressions of the parameters that are not trained.
    optimizer : `Lazy[Optimizer]`, optional (default = `Optimizer.default`)
    learning_rate_scheduler : `Lazy[LearningRateScheduler]`, optional (default = `None`)
        It is told that there is one epoch, of `num_steps` steps.
    checkpointer : `Lazy[StepCheckpointer]`, optional (default = `StepCheckpointer()`)
        With `save_every_num_steps` (1000), `save_every_num_minutes` (30) and `keep_most_recent_by_count` (2),
        each of which may be `null`.
    options : `Any`
        As of `GradientDescentTrainer`: `serialization_dir`, `cuda_device`, `grad_norm`, `grad_clipping`,
        `callbacks`, `distributed`, `local_rank`, `world_size`, `enable_default_callbacks`,
        `run_confidence_checks` (by default false: the check takes the bias before the LayerNorm in RoBERTa's
        head for a mistake).
    """

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
        """With what a config gives."""
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
                    "This trainer does not take a sharded model; omit distributed.ddp_accelerator."
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
