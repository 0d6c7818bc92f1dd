"""Relation classification: TACRED, SemEval-2010 Task 8, KBP37 and any corpus like them."""

from luke_allennlp.tasks.relation_classification.metric import RelationMetric
from luke_allennlp.tasks.relation_classification.model import RelationModel
from luke_allennlp.tasks.relation_classification.predictor import RelationPredictor
from luke_allennlp.tasks.relation_classification.reader import RelationReader

__all__ = ["RelationMetric", "RelationModel", "RelationPredictor", "RelationReader"]
