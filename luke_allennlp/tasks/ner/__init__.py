"""Named entity recognition: CoNLL-2003 and any corpus like it."""

from luke_allennlp.tasks.ner.metric import NerMetric
from luke_allennlp.tasks.ner.model import NerModel
from luke_allennlp.tasks.ner.predictor import NerPredictor
from luke_allennlp.tasks.ner.reader import NerReader

__all__ = ["NerMetric", "NerModel", "NerPredictor", "NerReader"]
