"""
Checks that a model attends to spans as its data and its weights expect.

Importing this module adds the check of archives to AllenNLP's `archive_checks`.
"""

import json
import logging
import os
from pathlib import Path
from typing import Sequence, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models import Model, archival

from luke_allennlp.token_embedders import LukeEmbedder
from luke_allennlp.training.config_check import ConfiguredObject, check_config
from luke_allennlp.training.hooks import add_hook

logger = logging.getLogger(__name__)


def check_shared_windows(objects: Sequence[ConfiguredObject]) -> None:
    """
    # Raises

    `ConfigurationError`
        A reader's sentences share windows, and the words of the embedder see the spans of one sentence.
    """
    options = {item.path: item.options for item in objects}
    wrong = [
        item.path
        for item in objects
        if _is_embedder(item)
        and item.options.get("entities") != []
        and options.get(item.path.rpartition(".")[0], {}).get("use_entity_state") is not False
        and _span_attention(item) == "full"
    ]
    for item in objects:
        if item.options.get("shared_windows") and wrong:
            raise ConfigurationError(
                f'{item.path}.shared_windows is true, and {wrong[0]}.span_attention is "full": words would '
                'see the spans of other sentences; set it to "independent", or shared_windows to false.'
            )


def check_archive(config: Params, serialization_dir: Union[str, os.PathLike]) -> None:
    """Warns if overrides change the attention that the archive's weights were trained with."""
    # Read as JSON: Jsonnet of an archive is not run.
    trained = json.loads((Path(serialization_dir) / archival.CONFIG_NAME).read_text(encoding="utf-8"))
    for item in check_config(config.get("model").duplicate(), Model):
        if not _is_embedder(item) or item.options.get("entities") == []:
            continue
        before = trained.get("model")
        for key in item.path.split("."):
            before = before.get(key) if isinstance(before, dict) else None
        if not isinstance(before, dict):  # another model
            continue
        attention = before.get("span_attention", "full")
        if attention != _span_attention(item):
            logger.warning(
                'model.%s.span_attention is "%s", and the model was trained with "%s": expect lower scores; '
                "train it again, or leave this as it was.",
                item.path,
                _span_attention(item),
                attention,
            )


def _is_embedder(item: ConfiguredObject) -> bool:
    return isinstance(item.cls, type) and issubclass(item.cls, LukeEmbedder)


def _span_attention(item: ConfiguredObject) -> str:
    return str(item.options.get("span_attention", "full"))


add_hook(archival, "archive_checks", check_archive)
