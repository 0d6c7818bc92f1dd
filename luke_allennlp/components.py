"""
Imports everything that registers itself with AllenNLP. Tasks are found by their folders: there is no list of
them to edit.
"""

import importlib
import pkgutil

from luke_allennlp import commands, linking, prediction, tasks, token_embedders, training
from luke_allennlp.data import token_indexer, word_tokenizer
from luke_allennlp.exchange import exportability
from luke_allennlp.pretraining import loader, masking, model, predictor, reader

__all__ = [
    "commands",
    "exportability",
    "linking",
    "loader",
    "masking",
    "model",
    "prediction",
    "predictor",
    "reader",
    "tasks",
    "token_embedders",
    "token_indexer",
    "training",
    "word_tokenizer",
]

for _task in pkgutil.iter_modules(tasks.__path__):
    importlib.import_module(f"{tasks.__name__}.{_task.name}")
