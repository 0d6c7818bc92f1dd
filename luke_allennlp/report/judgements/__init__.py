"""How predictions are judged, one module a task, found by the task's name."""

import importlib
import pkgutil
from typing import Type

from allennlp.common.checks import ConfigurationError

from luke_allennlp.report.judgements.base import Judge
from luke_allennlp.tasks.base.predictor import TaskPredictor

__all__ = ["Judge", "judge_of"]


def judge_of(predictor: TaskPredictor) -> Judge:
    """The judge of the predictor's task. Raises a `ConfigurationError` for a task without one."""
    name = predictor.task.removeprefix("luke_")
    if name not in [module.name for module in pkgutil.iter_modules(__path__)]:
        raise ConfigurationError(f"predictions of the task {predictor.task!r} cannot be judged")
    judge: Type[Judge] = importlib.import_module(f"{__name__}.{name}").TaskJudge
    return judge(predictor)
