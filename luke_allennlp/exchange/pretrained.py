"""What an export of a pretrained model adds, so that Hugging Face's classes and tokenizer have their rows."""

from typing import Any, Dict, List, Tuple

import torch
from allennlp.models import Archive
from torch import Tensor

from luke_allennlp.checkpoints.model_files import archived_checkpoint
from luke_allennlp.checkpoints.names import WORD_TABLE
from luke_allennlp.data.tokenizer_files import tokenizer_files
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.exchange.forms import PRETRAINING

# Whose rows the two tokens that mark entities start as.
_STARTS = ("@", "#")
_WORD_ROWS = (f"luke.{WORD_TABLE}", "lm_head.bias")


def tokenizer_source(archive: Archive, model_name: str, place: str) -> str:
    """
    Where the tokenizer's files are: with the checkpoint that the model started from (`model_name`), else with
    the data. `place` is where the archive was unpacked.
    """
    if tokenizer_files(model_name):
        return model_name
    reader: Any = archive.validation_dataset_reader
    return archived_checkpoint(reader.tokenizer.model_name, place)


def add_entity_tokens(tensors: Dict[str, Tensor], source: str) -> Tuple[Dict[str, int], List[str]]:
    """
    Gives the word table and its head the rows of `<ent>` and `<ent2>`, copies of those of `@` and `#`, unless
    the tokenizer has them: Hugging Face's numbers them behind the words. Changes the tensors.

    # Returns

    `Tuple[Dict[str, int], List[str]]`
        The new tokens with their ids, and what is to be said of them.
    """
    tokenizer = WordTokenizer(source)
    new = {
        token: start
        for token, start in zip(PRETRAINING.published_markers, _STARTS, strict=True)
        if tokenizer.find(token) is None
    }
    if not new:
        return {}, []
    words = len(tensors[_WORD_ROWS[0]])
    rows = [tokenizer.unknown_id if (row := tokenizer.find(start)) is None else row for start in new.values()]
    for name in _WORD_ROWS:
        tensors[name] = torch.cat([tensors[name], tensors[name][rows]])
    note = (
        f"{' and '.join(new)}, with which Hugging Face's tokenizer can mark entities, are appended to the "
        f"words: copies of {' and '.join(new.values())}."
    )
    return {token: words + index for index, token in enumerate(new)}, [note]


def add_tied(tensors: Dict[str, Tensor]) -> None:
    """
    Adds the word head's own names for the word table and the bias: `transformers` 5 does not tie the table,
    and would leave the head's at random values.
    """
    for part, name in zip(("weight", "bias"), _WORD_ROWS, strict=True):
        tensors[f"lm_head.decoder.{part}"] = tensors[name].clone()
