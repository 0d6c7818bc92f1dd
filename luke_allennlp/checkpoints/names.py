"""The names of parameters in checkpoints, and their names in the encoder."""

import re
from typing import Container, Iterable, Set

WORD_TABLE = "embeddings.word_embeddings.weight"
ENTITY_SIDE = "entity_embeddings."
ENTITY_TABLE = "entity_embeddings.entity_embeddings.weight"
WORD_POSITIONS = "embeddings.position_embeddings.weight"
ENTITY_POSITIONS = "entity_embeddings.position_embeddings.weight"
# BERT's names for the parts of its language-model head.
HEAD_OF_BERT = {
    "lm_head.dense.": "cls.predictions.transform.dense.",
    "lm_head.layer_norm.": "cls.predictions.transform.LayerNorm.",
    "lm_head.bias": "cls.predictions.bias",
}

# Of pretraining and of tasks; they are beside the encoder.
HEADS = ("lm_head.", "cls.", "entity_predictions.", "classifier.", "typing.", "scorer.", "qa_outputs.")
# What else a checkpoint may have besides the encoder: the pooler, and a buffer of old versions.
_LEFT_OUT = (*HEADS, "pooler.", "embeddings.position_ids")
EXTRA_QUERY = re.compile(r"\.attention\.self\.(w2e|e2w|e2e)_query\.")
_PREFIX = re.compile(r"^(luke|roberta|bert)\.")


def encoder_name(name: str) -> str:
    """The encoder's name of a parameter: without the model's prefix, with today's names for LayerNorm."""
    name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", _PREFIX.sub("", name))
    return re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)


def may_be_left_out(name: str) -> bool:
    """Whether a checkpoint may have a tensor of this name (of `encoder_name`) that the encoder does not."""
    # Extra queries are not used without entity-aware attention.
    return name.startswith(_LEFT_OUT) or EXTRA_QUERY.search(name) is not None


def query_of(name: str) -> str:
    """The parameter that an extra query is initialised from."""
    return EXTRA_QUERY.sub(".attention.self.query.", name)


def copied_queries(names: Iterable[str], tensors: Container[str]) -> Set[str]:
    """
    Which of the encoder's w2e, e2w and e2e queries are initialised from the word-to-word query: all or none.
    If the checkpoint has some of them, the others are missing.
    """
    extra = {name for name in names if EXTRA_QUERY.search(name)}
    return set() if any(name in tensors for name in extra) else extra
