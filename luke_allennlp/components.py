"""
Imports everything that registers itself with AllenNLP. Tasks are found by their folders: there is no list of
them to edit.
"""

import importlib
import pkgutil

from luke_allennlp import commands, linking, tasks, token_embedders, training
from luke_allennlp.data import token_indexer, word_tokenizer
from luke_allennlp.pretraining import loader, masking, model, predictor, reader

__all__ = [
    "commands",
    "linking",
    "loader",
    "masking",
    "model",
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
