"""The tasks by the names that people type, and the libraries of their configs."""

from difflib import get_close_matches
from typing import Any, Dict

from allennlp.common.checks import ConfigurationError

TASKS: Dict[str, str] = {
    "ner": "ner named_entity_recognition entities tagging",
    "entity_typing": "typing types et",
    "relation_classification": "relations relation re relation_extraction",
    "cloze_qa": "cloze record",
    "reading_comprehension": "qa squad rc extractive_qa question_answering",
}
"""The tasks, each with its other names."""

LIBRARY = "luke_allennlp/training_configs/lib/{}.libsonnet"
"""What a task's config imports."""


def find_task(name: str) -> str:
    """The task that a name stands for. A `ConfigurationError` names the nearest if there is none."""
    names = {alias: task for task, others in TASKS.items() for alias in (task, *others.split())}
    typed = name.strip().lower().replace("-", "_").replace(" ", "_")
    if typed in names:
        return names[typed]
    close = get_close_matches(typed, names, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    raise ConfigurationError(f"{name!r} is no task; expected one of {', '.join(TASKS)}.{meant}")


def library_config(task: str, knobs: Dict[str, Any]) -> Dict[str, Any]:
    """The config that the task's library makes of knobs."""
    import json

    from allennlp.common.jsonnet_imports import import_file
    from allennlp.common.params import _environment_variables, evaluate_snippet

    settings = "".join(f", {json.dumps(name)}:: {json.dumps(value)}" for name, value in knobs.items())
    text = f"(import {json.dumps(LIBRARY.format(task))}) + {{ {settings.lstrip(', ')} }}"
    made = evaluate_snippet(task, text, ext_vars=_environment_variables(), import_callback=import_file)
    return json.loads(made)
