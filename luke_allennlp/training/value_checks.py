"""Checks of a config's values: ranges of numbers, GPUs, the validation metric."""

from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import torch
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.data import BatchSampler, DataLoader, DatasetReader
from allennlp.modules import TokenEmbedder
from allennlp.training import GradientDescentTrainer, Trainer
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from luke_allennlp.tasks.base.model import TaskModel
from luke_allennlp.training.config_check import ConfiguredObject
from luke_allennlp.training.mistakes import Mistake, collected, raise_mistakes


class _Range(NamedTuple):
    description: str
    holds: Callable[[float], bool]


_COUNT = _Range("at least 1", lambda number: number >= 1)
_NOT_NEGATIVE = _Range("0 or more", lambda number: number >= 0)
_SHARE = _Range("a number from 0 to 1", lambda number: 0 <= number <= 1)

# Of the objects of a class, these options.
_RANGES: List[Tuple[type, Tuple[str, ...], _Range]] = [
    (Trainer, ("num_epochs", "num_gradient_accumulation_steps", "patience"), _COUNT),
    (Trainer, ("num_steps", "log_every", "validate_every"), _COUNT),
    (DataLoader, ("batch_size", "batches_per_epoch", "max_instances_in_memory"), _COUNT),
    (DataLoader, ("global_batch_size", "loss_batch_size", "max_tokens"), _COUNT),
    (Trainer, ("seed",), _NOT_NEGATIVE),
    (DataLoader, ("num_workers", "seed"), _NOT_NEGATIVE),
    (BatchSampler, ("batch_size",), _COUNT),
    (DatasetReader, ("max_instances",), _COUNT),
    (torch.optim.Optimizer, ("lr", "weight_decay", "eps"), _NOT_NEGATIVE),
    (LearningRateScheduler, ("warmup_ratio",), _SHARE),
    (LearningRateScheduler, ("warmup_steps",), _NOT_NEGATIVE),
    (TaskModel, ("dropout",), _SHARE),
    (TokenEmbedder, ("hidden_dropout", "attention_dropout"), _SHARE),
]


def check_numbers(objects: List[ConfiguredObject]) -> None:
    """Raises `ConfigMistakes` for numbers of epochs of 0, negative learning rates, and the like."""
    mistakes: List[Mistake] = []
    for path, cls, options in objects:
        if not isinstance(cls, type):
            continue
        for base, names, expected in _RANGES:
            for name in names if issubclass(cls, base) else ():
                with collected(mistakes, f"{path}.{name}"):
                    _check_number(f"{path}.{name}", options.get(name), expected)
        if issubclass(cls, torch.optim.Optimizer):
            for where, rate in _group_rates(f"{path}.parameter_groups", options.get("parameter_groups")):
                with collected(mistakes, where):
                    # With 0 a group stays as it is.
                    _check_number(where, rate, _NOT_NEGATIVE)
    raise_mistakes(mistakes)


def _check_number(path: str, value: Any, expected: _Range) -> None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not expected.holds(value):
        raise ConfigurationError(f"{path} is {value}; expected {expected.description}.")


def _group_rates(path: str, groups: Any) -> Iterator[Tuple[str, Any]]:
    for index, group in enumerate(groups if isinstance(groups, list) else []):
        if isinstance(group, list) and len(group) == 2 and isinstance(group[1], Mapping):
            yield f"{path}.{index}.1.lr", group[1].get("lr")


def check_devices(config: Dict[str, Any]) -> None:
    """Raises a `ConfigurationError` if the config names a GPU that does not exist, or float16 lacks one."""
    for block, name in (("trainer", "cuda_device"), ("distributed", "cuda_devices")):
        devices = (config.get(block) or {}).get(name)
        for device in devices if isinstance(devices, list) else [devices]:
            if isinstance(device, int):
                try:
                    check_for_gpu(device)
                except ConfigurationError as error:
                    raise ConfigurationError(f"{block}.{name}: {error.message}") from None
    trainer = config.get("trainer") or {}
    for name, value, other in (("use_amp", True, "false"), ("precision", "fp16", "bf16 or null")):
        if trainer.get(name) == value and not torch.cuda.is_available():
            raise ConfigurationError(
                f"trainer.{name}: float16 needs a GPU, and torch sees none here; set it to {other}."
            )


def check_validation_metric(objects: List[ConfiguredObject]) -> None:
    """
    Raises a `ConfigurationError` if `trainer.validation_metric` has no sign, or the model says which metrics
    it has and that is none of them.
    """
    trainer, model = (
        next((item for item in objects if item.path == key), None) for key in ("trainer", "model")
    )
    if trainer is None or not issubclass(trainer.cls, GradientDescentTrainer):
        return
    found = trainer.options.get("validation_metric")
    known = None if model is None else _metric_names(model)
    for metric in found if isinstance(found, list) else [found]:
        if not isinstance(metric, str):
            continue
        name = metric.lstrip("+-")
        if metric[:1] not in ("+", "-"):
            raise ConfigurationError(
                f'trainer.validation_metric is "{metric}"; write "+{name}" if more is better, "-{name}" if '
                "less is."
            )
        if known is not None and not any(fnmatchcase(metric[1:], pattern) for pattern in known):
            names = [pattern for pattern in known if "*" not in pattern]
            # `metrics.json` has it with this prefix.
            close = get_close_matches(name.removeprefix("validation_"), names, n=1, cutoff=0.4)
            hint = f'did you mean "{metric[0]}{close[0]}"? ' if close else ""
            raise ConfigurationError(
                f'trainer.validation_metric is "{metric}", which is no metric of this model; {hint}'
                f"Its metrics are: {', '.join(known)}."
            )


def _metric_names(model: ConfiguredObject) -> Optional[List[str]]:
    find = getattr(model.cls, "metric_names", None)
    names = None if find is None else find(model.options)
    if names is None:
        return None
    regularized = ["reg_loss"] if model.options.get("regularizer") else []
    return [*names, "loss", *regularized]
