"""The small files of a checkpoint that an archive brings along."""

from pathlib import Path
from typing import Sequence

from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.archives import rows_of
from luke_allennlp.common.files import write_json
from luke_allennlp.data.tokenizer_files import copy_tokenizer, tokenizer_files
from luke_allennlp.entity_vocabulary import ENTITY_VOCABULARY_FILE
from luke_allennlp.token_embedders.luke_embedder import LukeEmbedder

# What `load_encoder` sets again, from options of the embedder.
_SET_BY_OPTIONS = ("id2label", "label2id", "span_attention")


def write_small_files(embedder: LukeEmbedder, tokenizers: Sequence[str], target: Path) -> None:
    """
    Writes what an archive of a model needs of its checkpoint, besides weights, so that the embedder's options
    give the same encoder: its config, a tokenizer, and the entities of the table that the embedder has.

    # Parameters

    embedder : `LukeEmbedder`
    tokenizers : `Sequence[str]`
        The checkpoints whose tokenizer may be taken: the first that has one.
    target : `Path`
        A directory.

    # Raises

    `ConfigurationError`
        None of the checkpoints has a tokenizer.
    """
    tokenizer = next((name for name in tokenizers if tokenizer_files(name)), None)
    if tokenizer is None:
        raise ConfigurationError(f"There is no tokenizer in {', '.join(map(repr, tokenizers))}.")
    config = embedder.luke.config.to_dict()
    for key in _SET_BY_OPTIONS:
        config.pop(key, None)
    config["vocab_size"] -= len(embedder.markers)  # they follow it in the table
    write_json(target / "config.json", config)
    copy_tokenizer(tokenizer, target)
    if embedder.entities is None:
        embedder.entity_vocabulary().save(target / ENTITY_VOCABULARY_FILE)
    elif embedder.entities:
        write_json(target / ENTITY_VOCABULARY_FILE, rows_of(embedder.entities))
