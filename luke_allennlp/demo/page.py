"""The page of a model."""

import logging
from typing import Any, Callable, Dict, List, Sequence, Type

from allennlp.common.checks import ConfigurationError

from luke_allennlp.demo.cloze_qa import ClozeQaPage
from luke_allennlp.demo.entity_typing import EntityTypingPage
from luke_allennlp.demo.ner import NerPage
from luke_allennlp.demo.reading_comprehension import ReadingComprehensionPage
from luke_allennlp.demo.relation_classification import RelationClassificationPage
from luke_allennlp.demo.task_page import TaskPage, gradio
from luke_allennlp.pipelines import Pipeline

logger = logging.getLogger(__name__)

_PAGES: Dict[str, Type[TaskPage]] = {
    page.task: page
    for page in (
        NerPage,
        EntityTypingPage,
        RelationClassificationPage,
        ClozeQaPage,
        ReadingComprehensionPage,
    )
}

_CSS = """
.gradio-container { max-width: 1100px !important; width: 100%; margin: 0 auto !important; }
#message { border-left: 4px solid #b91c1c; padding: 0.5em 1em; }
#message:not(:has(p)) { display: none; }
#entities table { width: 100%; border-collapse: collapse; }
#entities :is(th, td) { text-align: left; padding: 0.3em 0.6em; border: 0; border-bottom: 1px solid #8884; }
#results * { word-break: normal; overflow-wrap: anywhere; }
"""


def task_page(pipeline: Pipeline[Any]) -> TaskPage:
    """What the page has for the task of a pipeline. Raises a `ConfigurationError` if it has nothing."""
    if pipeline.task not in _PAGES:
        raise ConfigurationError(
            f"There is no page for the task {pipeline.task!r}; expected one of {', '.join(_PAGES)}."
        )
    return _PAGES[pipeline.task](pipeline)


def build_page(pipeline: Pipeline[Any], name: str, max_length: int) -> Any:
    """
    # Parameters

    pipeline : `Pipeline`
    name : `str`
        Of the model, for the page's head.
    max_length : `int`
        The most characters of all inputs together.

    # Returns

    `gradio.Blocks`
    """
    task = task_page(pipeline)
    gr = gradio()
    with gr.Blocks(title=f"{task.title}: {name}", analytics_enabled=False) as page:
        gr.Markdown(f"# {task.title}\nModel `{name}`{_labels(pipeline.labels)}. {task.hint}")
        with gr.Row():
            with gr.Column():
                inputs = task.inputs()
                button = gr.Button("Predict", variant="primary", elem_id="predict")
            with gr.Column(elem_id="results"):
                message = gr.Markdown("", elem_id="message")
                outputs = task.outputs()
        gr.on(
            [button.click, *(box.submit for box in inputs)],
            _answerer(task, [box.label for box in inputs], max_length, len(outputs)),
            inputs,
            [message, *outputs],
            api_visibility="private",
            # What is changed during a prediction counts.
            trigger_mode="always_last",
        )
    # The first prediction loads what the others need, and fails if any does.
    task.predict(*(box.value for box in inputs))
    # One at a time: the model uses all cores anyway.
    return page.queue(max_size=32, default_concurrency_limit=1)


def theme() -> Any:
    """With the fonts of the system: gradio's own themes fetch theirs."""
    gr = gradio()
    return gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def css() -> str:
    """What the theme has no option for."""
    return _CSS


def _answerer(task: TaskPage, labels: Sequence[str], max_length: int, num_outputs: int) -> Callable[..., Any]:
    """What the button calls: the message, which is empty if all is well, and the outputs."""

    def answer(*given: Any) -> List[Any]:
        values = [value or "" for value in given]
        try:
            _check(values, labels, max_length)
            return ["", *task.predict(*values)]
        except ConfigurationError as error:
            text = str(error).removeprefix("input 1: ").removeprefix("input 1, ")
            text = text[:1].upper() + text[1:]
        except Exception as error:
            logger.exception("The prediction has failed.")
            text = f"The prediction has failed ({type(error).__name__}); see the terminal."
        return [_plain(text), *[None] * num_outputs]

    return answer


def _check(values: Sequence[str], labels: Sequence[str], max_length: int) -> None:
    for value, label in zip(values, labels, strict=True):
        if not value.strip() and label != "Mention":
            raise ConfigurationError(f"{label}: the field is empty; enter some text.")
    length = sum(map(len, values))
    if length > max_length:
        raise ConfigurationError(
            f"These are {length:,} characters, and this page takes at most {max_length:,}; enter less, or "
            "start it with a larger --max-length."
        )


def _plain(text: str) -> str:
    """As Markdown that shows the text as it is."""
    return "".join(f"&#{ord(character)};" if character in _SPECIAL else character for character in text)


_SPECIAL = set("\\`*_{}[]()<>#+-!|~$&:\n")


def _labels(labels: Sequence[str]) -> str:
    if not labels:
        return ""
    first = ", ".join(f"`{label}`" for label in labels[:6])
    return f" predicts {first}" + (f" and {len(labels) - 6} more labels" if len(labels) > 6 else "")
