"""
Inputs and outputs of `allennlp predict` beside JSON lines.

Importing this module adds them to AllenNLP's `prediction_files`.
"""

from allennlp.commands import predict

from luke_allennlp.prediction.files import PredictionFiles, prediction_files
from luke_allennlp.training.hooks import add_hook

__all__ = ["PredictionFiles", "prediction_files"]

add_hook(predict, "prediction_files", prediction_files)
