"""
What may change in the config of a run that is resumed by `allennlp train --recover`.

Importing this module adds both functions to AllenNLP's `may_differ_on_recover`.
"""

import inspect
import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.training import GradientDescentTrainer, util
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from luke_allennlp.training.checkpoint_files import DIRECTORY
from luke_allennlp.training.hooks import add_hook
from luke_allennlp.training.warmup_ratio import LinearWithWarmupRatio

# The options with a run's length, by the trainer's type.
_LENGTHS = {
    None: ("num_epochs",),
    "gradient_descent": ("num_epochs",),
    "luke": ("num_steps", "num_epochs"),
}
# Updates of "luke" do not depend on these, except for what dropout draws.
_MAY_DIFFER = [
    "distributed",
    # With one GPU there is no "distributed", but a key that says which.
    "trainer.cuda_device",
    "trainer.checkpointer",
    "trainer.log_every",
    *(
        f"{loader}.{option}"
        for loader in ("data_loader", "validation_data_loader")
        for option in ("max_tokens", "num_workers")
    ),
]
# Each resumes with the other's averages.
_OPTIMIZERS = ("fused_adamw", "zero_adamw")


def may_differ(params: Params, *_: Any) -> List[str]:
    """
    The keys that may differ when a "luke" run resumes: where it runs, the size of micro-batches,
    what is saved and logged, and whether the optimizer's state is sharded.
    """
    trainer = _trainer(params)
    if trainer.get("type") != "luke":
        return []
    optimizer = trainer.get("optimizer") or {}
    return [*_MAY_DIFFER, *(["trainer.optimizer.type"] if optimizer.get("type") in _OPTIMIZERS else [])]


def may_extend(params: Params, recovered: Params, serialization_dir: Union[str, os.PathLike]) -> List[str]:
    """
    The key of the run's length, if the run is to become longer.

    # Parameters

    params : `Params`
        The config to resume with.
    recovered : `Params`
        The config of the run so far.

    # Raises

    `ConfigurationError`
        The run would become shorter, has no checkpoint left, or has a learning-rate schedule that cannot be
        extended.
    """
    trainer, before = _trainer(params), _trainer(recovered)
    names = _LENGTHS.get(trainer.get("type"), ())
    key = next((name for name in names if name in trainer), names[-1] if names else None)
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
    directory = Path(serialization_dir)
    has_trained = (directory / "model.tar.gz").exists() or any(directory.glob("metrics_epoch_*.json"))
    checkpoints = f"{DIRECTORY}/step-*" if trainer.get("type") == "luke" else "model_state_*.th"
    if has_trained and not any(directory.glob(checkpoints)):
        raise ConfigurationError(
            f"trainer.{key}: the run in {directory} has no checkpoint left ({checkpoints}), so it cannot be "
            "extended; start a new one in another directory."
        )
    _check_schedule(trainer.get("learning_rate_scheduler"), key)
    return [f"trainer.{key}"]


def _trainer(params: Params) -> Dict[str, Any]:
    return params.as_dict(quiet=True).get("trainer") or {}


def _length(trainer: Dict[str, Any], key: str) -> Optional[int]:
    default = inspect.signature(GradientDescentTrainer).parameters.get(key)
    length = trainer.get(key, default.default if default is not None else None)
    return length if isinstance(length, int) else None


def _check_schedule(scheduler: Any, key: str) -> None:
    name = scheduler.get("type") if isinstance(scheduler, dict) else scheduler
    if not isinstance(name, str):
        return
    class_, constructor = LearningRateScheduler.resolve_class_name(name)
    parameters = inspect.signature(getattr(class_, constructor) if constructor else class_).parameters
    if "num_epochs" in parameters and not issubclass(class_, LinearWithWarmupRatio):
        raise ConfigurationError(
            f'trainer.{key}: the learning-rate scheduler "{name}" would end at the previous length; only '
            'runs with "linear_with_warmup_ratio", or with a scheduler that does not depend on the number of '
            "epochs, can be extended."
        )


add_hook(util, "may_differ_on_recover", may_differ)
add_hook(util, "may_differ_on_recover", may_extend)
