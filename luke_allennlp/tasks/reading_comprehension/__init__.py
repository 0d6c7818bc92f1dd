"""Extractive QA: SQuAD 1.1 and 2.0, with linked entities."""

from luke_allennlp.tasks.reading_comprehension.metric import ReadingComprehensionMetric
from luke_allennlp.tasks.reading_comprehension.model import ReadingComprehensionModel
from luke_allennlp.tasks.reading_comprehension.predictor import ReadingComprehensionPredictor
from luke_allennlp.tasks.reading_comprehension.reader import ReadingComprehensionReader

__all__ = [
    "ReadingComprehensionMetric",
    "ReadingComprehensionModel",
    "ReadingComprehensionPredictor",
    "ReadingComprehensionReader",
]
