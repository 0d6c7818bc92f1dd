"""Pretraining by predicting masked words and masked entities: Yamada et al., EMNLP 2020, section 3.3."""

from luke_allennlp.pretraining.loader import PretrainingDataLoader
from luke_allennlp.pretraining.masking import LukeMasking, Masking
from luke_allennlp.pretraining.model import LukePretrainingModel
from luke_allennlp.pretraining.predictor import PretrainingPredictor
from luke_allennlp.pretraining.reader import PretrainingReader

__all__ = [
    "LukeMasking",
    "LukePretrainingModel",
    "Masking",
    "PretrainingDataLoader",
    "PretrainingPredictor",
    "PretrainingReader",
]
