"""The heads for masked tokens and masked entities, which score against the embedding tables."""

from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from luke_allennlp.common.encoder_config import EncoderConfig
from luke_allennlp.modules.chunked_cross_entropy import ChunkedLoss, chunked_cross_entropy
from luke_allennlp.modules.layer import ACTIVATIONS


class PredictionHead(nn.Module):
    """
    A transform of the states, and a bias for each row of an embedding table that is passed to each call.

    # Parameters

    rows : `int`
        Of the table.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(rows))

    def forward(self, states: Tensor) -> Tensor:
        """
        Maps states to what is multiplied with the rows of the table.

        Shapes: (positions, hidden) -> (positions, size of a row).
        """
        raise NotImplementedError

    def scores(self, states: Tensor, table: Tensor) -> Tensor:
        """
        Returns the logit of each row.

        Shapes: (positions, hidden), (rows, size) -> (positions, rows).
        """
        return F.linear(self(states), table, self.bias)

    def loss(
        self, states: Tensor, table: Tensor, targets: Tensor, chunk_size: Optional[int] = None
    ) -> ChunkedLoss:
        """
        # Parameters

        states : `Tensor`
            Shape: (positions, hidden).
        table : `Tensor`
            Shape: (rows, size).
        targets : `Tensor`
            The right rows. Shape: (positions,).
        chunk_size : `int`, optional (default = `None`)
            How many rows are scored at once.
        """
        return chunked_cross_entropy(self(states), table, self.bias, targets, chunk_size)


class WordHead(PredictionHead):
    """
    The head of RoBERTa's masked language model, with its parameters' names; BERT's computes the same.

    # Parameters

    config : `EncoderConfig`
        `hidden_act` is used for BERT; RoBERTa's head always has gelu.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config.vocab_size)
        is_bert = getattr(config, "word_model_type", None) == "bert"
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.hidden_act if is_bert else "gelu"]
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor) -> Tensor:
        return self.layer_norm(self.activation(self.dense(states)))


class EntityTransform(nn.Module):
    """From a state to the size of an entity's embedding."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.entity_emb_size)
        self.activation = ACTIVATIONS[config.hidden_act]
        self.LayerNorm = nn.LayerNorm(config.entity_emb_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor) -> Tensor:
        return self.LayerNorm(self.activation(self.dense(states)))


class EntityHead(PredictionHead):
    """
    The head for masked entities, as the released weights have it. (In Yamada et al., EMNLP 2020, section 3.3,
    the normalisation comes before a projection to the embeddings' size.)
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config.entity_vocab_size)
        self.transform = EntityTransform(config)

    def forward(self, states: Tensor) -> Tensor:
        return self.transform(states)
