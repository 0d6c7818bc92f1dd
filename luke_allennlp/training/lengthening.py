"""Which runs `allennlp train --recover` can make longer than they were meant to be."""

import inspect
import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.training import GradientDescentTrainer, util
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from luke_allennlp.training.warmup_ratio import LinearWithWarmupRatio

# What says how long a run is, by the trainer's type.
_LENGTHS = {None: "num_epochs", "gradient_descent": "num_epochs", "luke_pretraining": "num_steps"}


def may_be_longer(params: Params, recovered: Params, serialization_dir: Union[str, os.PathLike]) -> List[str]:
    """
    Called by `allennlp train --recover` before anything is written.

    # Parameters

    params : `Params`
        The config of a run that is to go on.
    recovered : `Params`
        The config that the run has had so far.
    serialization_dir : `Union[str, os.PathLike]`
        Its directory.

    # Returns

    `List[str]`
        The key of its length, if the trainer is one whose runs can be lengthened.

    # Raises

    `ConfigurationError`
        The run would become shorter, has no checkpoint left to go on from, or has a learning-rate schedule
        that cannot be lengthened.
    """
    trainer, before = _trainer(params), _trainer(recovered)
    key = _LENGTHS.get(trainer.get("type"))
    if key is None or trainer.get("type") != before.get("type"):
        return []
    length, length_before = _length(trainer, key), _length(before, key)
    if length is None or length_before is None or length == length_before:
        return []
    if length < length_before:
        raise ConfigurationError(
            f"trainer.{key} is {length}, and the run in {serialization_dir} is one of {length_before}; "
            f"--recover takes that number, with -o '{{\"trainer.{key}\": {length_before}}}', or a larger one."
        )
    _check_checkpoints(Path(serialization_dir), key)
    _check_schedule(trainer.get("learning_rate_scheduler"), key)
    return [f"trainer.{key}"]


def _trainer(params: Params) -> Dict[str, Any]:
    return params.as_dict(quiet=True).get("trainer") or {}


def _length(trainer: Dict[str, Any], key: str) -> Optional[int]:
    default = inspect.signature(GradientDescentTrainer).parameters.get(key)
    length = trainer.get(key, default.default if default is not None else None)
    return length if isinstance(length, int) else None


def _check_checkpoints(directory: Path, key: str) -> None:
    has_trained = (directory / "model.tar.gz").exists() or any(directory.glob("metrics_epoch_*.json"))
    if has_trained and not any(directory.glob("model_state_*.th")):
        raise ConfigurationError(
            f"trainer.{key}: the run in {directory} has no checkpoint left (model_state_*.th and "
            "training_state_*.th), so that it cannot be lengthened; begin a new one in another directory."
        )


def _check_schedule(scheduler: Any, key: str) -> None:
    name = scheduler.get("type") if isinstance(scheduler, dict) else scheduler
    if not isinstance(name, str):
        return
    class_, constructor = LearningRateScheduler.resolve_class_name(name)
    parameters = inspect.signature(getattr(class_, constructor) if constructor else class_).parameters
    if "num_epochs" in parameters and not issubclass(class_, LinearWithWarmupRatio):
        raise ConfigurationError(
            f'trainer.{key}: the learning-rate scheduler "{name}" would end where the run was to end so '
            'far; only a run with "linear_with_warmup_ratio", or with a scheduler that does not depend on '
            "the number of epochs, can be lengthened."
        )


def _register() -> None:
    # The installed AllenNLP has it, if it was made by this checkout.
    registered = getattr(util, "may_differ_on_recover", None)
    if registered is not None and not any(check.__module__ == __name__ for check in registered):
        registered.append(may_be_longer)


_register()
