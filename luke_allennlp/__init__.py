"""
LUKE, a transformer over words and entities, as components of AllenNLP. Importing the package registers all of
them.
"""

from luke_allennlp import (
    cloze_qa,
    commands,
    entity_typing,
    ner,
    pretraining,
    reading_comprehension,
    relation_classification,
    token_embedders,
    training,
)
from luke_allennlp.data import token_indexer, word_tokenizer

__version__ = "0.1.0"

__all__ = [
    "cloze_qa",
    "commands",
    "entity_typing",
    "ner",
    "pretraining",
    "reading_comprehension",
    "relation_classification",
    "token_embedders",
    "token_indexer",
    "training",
    "word_tokenizer",
]
