"""The original release's layout: its metadata.json, and where its tokenizer is."""

import re
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.model_files import (
    CONFIG_FILE,
    METADATA_FILE,
    find_file,
    local_directory,
    read_json,
)

# Required, because `checkpoints.config` has no defaults for them.
_REQUIRED = (
    *("bert_model_name", "vocab_size", "entity_vocab_size", "hidden_size", "num_hidden_layers"),
    *("num_attention_heads", "intermediate_size", "max_position_embeddings", "type_vocab_size"),
    "layer_norm_eps",
)
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


def original_config(model_name: str) -> Optional[Dict[str, Any]]:
    """
    The `model_config` in metadata.json of a checkpoint (directory, tarball or hub id) in the original
    release's layout, or `None` if it is not in that layout; config.json takes precedence.
    """
    if find_file(model_name, CONFIG_FILE) is not None or find_file(model_name, METADATA_FILE) is None:
        return None
    config = read_json(model_name, METADATA_FILE).get("model_config")
    if not isinstance(config, dict):
        raise ConfigurationError(
            f"The {METADATA_FILE} of {model_name!r} has 'model_config' of the type {type(config).__name__}; "
            "expected an object, as the original release has."
        )
    missing = [key for key in _REQUIRED if key not in config]
    if missing:
        raise ConfigurationError(
            f"The 'model_config' in {METADATA_FILE} of {model_name!r} lacks {', '.join(missing)}."
        )
    name = config["bert_model_name"]
    if not isinstance(name, str) or not _HUB_ID.fullmatch(name):
        raise ConfigurationError(
            f"The 'model_config' in {METADATA_FILE} of {model_name!r} has 'bert_model_name' = {name!r}; "
            "expected the hub id of a model, such as 'roberta-large'."
        )
    return config


def is_roberta(bert_model_name: str) -> bool:
    """Whether an original release is based on RoBERTa rather than BERT."""
    return "roberta" in bert_model_name


def tokenizer_sources(model_name: str, bert_model_name: str) -> Iterator[str]:
    """
    Where an original release's tokenizer may be, which it does not bring along: in a directory named as its
    backbone, inside of its own or beside it; or else on the hub. Yields the directories that exist, then the
    hub id.
    """
    inside, beside = local_directory(model_name), Path(model_name).expanduser().absolute().parent
    for folder in (inside, beside):
        if folder is not None and (folder / bert_model_name).is_dir():
            yield str(folder / bert_model_name)
    yield bert_model_name
