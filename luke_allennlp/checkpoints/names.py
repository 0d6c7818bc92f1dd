"""The names of a checkpoint's parameters, and what the encoder makes of them."""

import re
from typing import Container, Iterable, Set

WORD_TABLE = "embeddings.word_embeddings.weight"
ENTITY_SIDE = "entity_embeddings."
ENTITY_TABLE = "entity_embeddings.entity_embeddings.weight"
# What BERT calls the parts of its head for words.
HEAD_OF_BERT = {
    "lm_head.dense.": "cls.predictions.transform.dense.",
    "lm_head.layer_norm.": "cls.predictions.transform.LayerNorm.",
    "lm_head.bias": "cls.predictions.bias",
}

# What a checkpoint may hold beside the encoder: pretraining heads, task heads, the pooler, a buffer of old
# versions.
_LEFT_OUT = (
    "pooler.",
    "lm_head.",
    "cls.",
    "entity_predictions.",
    "classifier.",
    "typing.",
    "scorer.",
    "qa_outputs.",
    "embeddings.position_ids",
)
EXTRA_QUERY = re.compile(r"\.attention\.self\.(w2e|e2w|e2e)_query\.")
_PREFIX = re.compile(r"^(luke|roberta|bert)\.")


def encoder_name(name: str) -> str:
    """
    The encoder's name of a parameter: without the model's prefix, and with today's names of LayerNorm's
    parameters.
    """
    name = _PREFIX.sub("", name)
    return re.sub(
        r"LayerNorm\.gamma$", "LayerNorm.weight", re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
    )


def may_be_left_out(name: str) -> bool:
    """
    Whether a checkpoint may hold a tensor of this name (of the encoder's kind) that the encoder does not.
    """
    # Extra queries are left over when entity-aware attention is switched off.
    return name.startswith(_LEFT_OUT) or EXTRA_QUERY.search(name) is not None


def query_of(name: str) -> str:
    """What an extra query starts as."""
    return EXTRA_QUERY.sub(".attention.self.query.", name)


def copied_queries(names: Iterable[str], tensors: Container[str]) -> Set[str]:
    """
    Which of the encoder's w2e, e2w and e2e queries start as copies of the word-to-word query: all, or none.
    With some of them there, the others are missing.

    # Parameters

    names : `Iterable[str]`
        The encoder's parameters.
    tensors : `Container[str]`
        Those that the checkpoint has.
    """
    extra = {name for name in names if EXTRA_QUERY.search(name)}
    return set() if any(name in tensors for name in extra) else extra
