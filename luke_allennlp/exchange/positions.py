"""Models that number positions as BERT does, and Hugging Face's LUKE, which numbers them as RoBERTa does."""

from typing import Any, Dict

import torch
from torch import Tensor

from luke_allennlp.checkpoints.names import ENTITY_POSITIONS, WORD_POSITIONS


def move_positions(tensors: Dict[str, Tensor], config: Dict[str, Any], start: int) -> str:
    """
    Moves the rows of the words' positions from `start` to where `LukeModel` looks for them, behind the id of
    padding; the entities' positions, which it counts from 0, only get as many rows.

    # Parameters

    tensors : `Dict[str, Tensor]`
        By Hugging Face's names. Changed.
    config : `Dict[str, Any]`
        Of `LukeConfig`. Its `max_position_embeddings` is changed.
    start : `int`
        The row of the first position.

    # Returns

    `str`
        What the card must say.
    """
    rows = int(config["pad_token_id"] or 0) + 1 - start
    for name, sides in ((WORD_POSITIONS, (rows, 0)), (ENTITY_POSITIONS, (0, rows))):
        table = tensors[f"luke.{name}"]
        before, after = (table.new_zeros(count, table.size(1)) for count in sides)
        tensors[f"luke.{name}"] = torch.cat([before, table, after])
    config["max_position_embeddings"] = len(tensors[f"luke.{WORD_POSITIONS}"])
    return (
        "It comes from BERT: a text is [CLS] text [SEP], and a pair [CLS] first [SEP] second [SEP] with "
        "token_type_ids that are 1 from the second on, padded at the end, in the tokens of BERT's tokenizer. "
        f"The words' positions are moved by {rows} to where LukeModel looks for them."
    )
