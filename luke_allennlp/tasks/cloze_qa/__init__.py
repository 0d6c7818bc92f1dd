"""Cloze-style question answering: ReCoRD and any data like it."""

from luke_allennlp.tasks.cloze_qa.metric import ClozeQaMetric
from luke_allennlp.tasks.cloze_qa.model import ClozeQaModel
from luke_allennlp.tasks.cloze_qa.predictor import ClozeQaPredictor
from luke_allennlp.tasks.cloze_qa.reader import ClozeQaReader

__all__ = ["ClozeQaMetric", "ClozeQaModel", "ClozeQaPredictor", "ClozeQaReader"]
