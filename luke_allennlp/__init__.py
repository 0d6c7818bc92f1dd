"""
LUKE, a transformer over words and entities, as components of AllenNLP. Importing the package registers all of
them.
"""

from luke_allennlp import commands, entity_typing, ner, relation_classification, token_embedders, training
from luke_allennlp.data import token_indexer, word_tokenizer

__version__ = "0.1.0"

__all__ = [
    "commands",
    "entity_typing",
    "ner",
    "relation_classification",
    "token_embedders",
    "token_indexer",
    "training",
    "word_tokenizer",
]
