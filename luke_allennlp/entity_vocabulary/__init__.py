"""Titles of entities and their ids, in the formats of the releases."""

from luke_allennlp.entity_vocabulary.names import MASK, MASK2, PAD, UNK, full_name, is_special
from luke_allennlp.entity_vocabulary.sources import check_same_entities, read_entity_vocabulary
from luke_allennlp.entity_vocabulary.vocabulary import ENTITY_VOCABULARY_FILE, EntityVocabulary

__all__ = [
    "ENTITY_VOCABULARY_FILE",
    "EntityVocabulary",
    "MASK",
    "MASK2",
    "PAD",
    "UNK",
    "check_same_entities",
    "full_name",
    "is_special",
    "read_entity_vocabulary",
]
