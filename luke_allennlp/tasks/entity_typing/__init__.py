"""Entity typing: Open Entity and any corpus like it."""

from luke_allennlp.tasks.entity_typing.metric import EntityTypingMetric
from luke_allennlp.tasks.entity_typing.model import EntityTypingModel
from luke_allennlp.tasks.entity_typing.predictor import EntityTypingPredictor
from luke_allennlp.tasks.entity_typing.reader import EntityTypingReader

__all__ = ["EntityTypingMetric", "EntityTypingModel", "EntityTypingPredictor", "EntityTypingReader"]
