"""How predictions are judged, one module a task, found by the task's name."""

import importlib
import pkgutil
from typing import Type

from allennlp.common.checks import ConfigurationError
from allennlp.models import Model

from luke_allennlp.report.judgements.base import Judge

__all__ = ["Judge", "judge_of"]


def judge_of(task: str, model: Model) -> Judge:
    """The judge of a task, such as "luke_ner". Raises a `ConfigurationError` for a task without one."""
    name = task.removeprefix("luke_")
    if name not in [module.name for module in pkgutil.iter_modules(__path__)]:
        raise ConfigurationError(f"Predictions of the task {task!r} cannot be judged.")
    judge: Type[Judge] = importlib.import_module(f"{__name__}.{name}").TaskJudge
    return judge(model)
