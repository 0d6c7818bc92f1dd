"""
Whether a model can become one of Hugging Face's, known from its config, before it is trained.

Importing this module adds a line about it to what `allennlp train` says at its start.
"""

import json
from os import PathLike
from pathlib import Path
from typing import Any, Dict, List, Union

from allennlp.commands import train
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import read_object
from luke_allennlp.exchange.forms import PRETRAINING, TaskForm, form_of_model
from luke_allennlp.training.hooks import add_hook
from luke_allennlp.training.run_console import line


def why_not_exportable(config: Dict[str, Any]) -> List[str]:
    """
    # Parameters

    config : `Dict[str, Any]`
        Of `allennlp train`, or of an archive.

    # Returns

    `List[str]`
        What keeps `export-checkpoint` from exporting the model, each a part of a sentence whose subject is
        the model: "has span_attention ...". Empty if it can be exported.
    """
    model = config.get("model")
    model = {"type": model} if isinstance(model, str) else model
    if not isinstance(model, dict):
        return []
    try:
        form = form_of_model(str(model.get("type")))
    except ConfigurationError:
        return [f"is of type {model.get('type')!r}, for which Hugging Face's LUKE has no class"]
    embedder = model.get("embedder")
    if not isinstance(embedder, dict) or embedder.get("type") != "luke":
        return [_WORDS_ONLY]
    if form is PRETRAINING and model.get("entities") is False:
        return []  # exported as its backbone
    if embedder.get("entities") == [] or model.get("use_entities") is False:
        return [_WORDS_ONLY]
    reasons = []
    if embedder.get("span_attention") == "independent":
        reasons.append(
            'has span_attention "independent", which Hugging Face\'s LUKE cannot compute; only models with '
            '"full" can be exported'
        )
    return reasons + _problems_of_head(form, model)


_WORDS_ONLY = "is a model of words only, a baseline; only models with entities can be exported as LUKE"


def _problems_of_head(form: TaskForm, model: Dict[str, Any]) -> List[str]:
    if form is PRETRAINING or form.task == "luke_reading_comprehension":  # whose heads see what theirs see
        return []
    if model.get("use_entity_state") is False:
        return [
            "has use_entity_state false, so that its head sees no entities; expected true, as "
            f"{form.architecture or 'LukeModel'} of Hugging Face uses them"
        ]
    expected = form.features > 2  # of an entity: its first and last word besides itself
    found = model.get("use_word_states", expected)
    if form.architecture is None or found == expected:  # the former's head stays here
        return []
    return [
        f"has use_word_states {str(found).lower()}, so that its head sees other states of an entity than "
        f"{form.architecture} of Hugging Face, which are those with {str(expected).lower()}"
    ]


def say_why_not_exportable(directory: Union[str, PathLike]) -> None:
    """Says, when `allennlp train` starts a run, what keeps its model from being exported."""
    config = read_object(Path(directory) / "config.json")
    if '"luke' in json.dumps(config.get("model")):
        for reason in why_not_exportable(config):
            line("Export", f"`allennlp export-checkpoint` will refuse this model: it {reason}")


add_hook(train, "run_started", say_why_not_exportable)
