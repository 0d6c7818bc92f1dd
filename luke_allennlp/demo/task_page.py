"""What the page has for a task."""

import os
from typing import Any, ClassVar, Dict, List, Sequence, Tuple

from luke_allennlp.common.requirements import required
from luke_allennlp.pipelines import Pipeline

Results = Tuple[Any, ...]
"""The values of a task's outputs."""

TOP = 8
"""The most bars of a picture."""


class TaskPage:
    """
    The inputs of a task, its outputs, and what a model makes of the ones for the others. There is a subclass
    for each task.

    # Parameters

    pipeline : `Pipeline`
        Of the task.
    """

    task: ClassVar[str]
    title: ClassVar[str]
    hint: ClassVar[str]
    """A sentence above the inputs."""

    def __init__(self, pipeline: Pipeline[Any]) -> None:
        self.pipeline = pipeline

    def inputs(self) -> List[Any]:
        """Text boxes of gradio, with an example filled in."""
        raise NotImplementedError

    def outputs(self) -> List[Any]:
        """Components of gradio."""
        raise NotImplementedError

    def predict(self, *values: str) -> Results:
        """The outputs' values for the inputs'. Raises a `ConfigurationError` if one is wrong."""
        raise NotImplementedError


def gradio() -> Any:
    """The package, which is told to report nothing before it is imported."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    return required("gradio", "demo", "the page of `allennlp demo` is made with it")


def text_box(label: str, value: str, lines: int = 1, **options: Any) -> Any:
    """An input."""
    return gradio().Textbox(label=label, value=value, lines=lines, max_lines=max(lines, 12), **options)


def highlighted(label: str, **options: Any) -> Any:
    """A text with coloured parts."""
    return gradio().HighlightedText(label=label, combine_adjacent=False, **options)


def bars(label: str, **options: Any) -> Any:
    """Labels with a bar each, as long as their probability."""
    return gradio().Label(label=label, num_top_classes=TOP, **options)


def highest(pairs: Sequence[Tuple[str, float]]) -> Dict[str, float]:
    """For `bars`: the highest probability of each name."""
    best: Dict[str, float] = {}
    for name, score in pairs:
        best[name] = max(score, best.get(name, 0.0))
    return best
