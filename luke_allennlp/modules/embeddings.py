"""The input embeddings of words and of entities."""

from typing import TYPE_CHECKING, Optional

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import LukeConfig


class WordEmbeddings(nn.Module):
    """
    Word, position and segment embeddings, summed and normalised, as RoBERTa and BERT have them.

    # Parameters

    config : `LukeConfig`
        Beside the usual sizes, `position_start` is read if it is there: the position of the first word,
        counted without regard to padding, as BERT does (0). Without it words are numbered as RoBERTa does:
        from `pad_token_id + 1`, padding keeping `pad_token_id`.
    """

    def __init__(self, config: "LukeConfig") -> None:
        super().__init__()
        self.padding_id = int(config.pad_token_id or 0)
        self.position_start: Optional[int] = getattr(config, "position_start", None)
        self.word_embeddings = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=self.padding_id
        )
        self.position_embeddings = nn.Embedding(
            config.max_position_embeddings,
            config.hidden_size,
            padding_idx=self.padding_id if self.position_start is None else None,
        )
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, word_ids: Tensor, word_type_ids: Optional[Tensor] = None) -> Tensor:
        """
        # Parameters

        word_ids : `Tensor`
            Shape: (batch, words).
        word_type_ids : `Tensor`, optional (default = `None`)
            Segments; 0 everywhere if not given. Shape: (batch, words).

        # Returns

        `Tensor`
            Shape: (batch, words, hidden).
        """
        if self.position_start is None:
            is_word = word_ids.ne(self.padding_id).long()
            positions = is_word.cumsum(dim=1) * is_word + self.padding_id
        else:
            positions = torch.arange(word_ids.size(1), device=word_ids.device) + self.position_start
        if word_type_ids is None:
            types = self.token_type_embeddings.weight[0]
        else:
            types = self.token_type_embeddings(word_type_ids)
        embedded = self.word_embeddings(word_ids) + self.position_embeddings(positions) + types
        return self.dropout(self.LayerNorm(embedded))


class EntityEmbeddings(nn.Module):
    """
    Entity, mean position and type embeddings, summed and normalised: Yamada et al., EMNLP 2020, section 3.1.

    The position embeddings are a table of their own. An entity's position is the mean of the rows of its
    words.

    # Parameters

    config : `LukeConfig`
        `entity_emb_size` may differ from `hidden_size`: a linear layer without bias then lifts the table's
        rows. `entity_pad_token_id` is read if it is there (default 0): the row that gets no gradient.
    """

    def __init__(self, config: "LukeConfig") -> None:
        super().__init__()
        self.entity_embeddings = nn.Embedding(
            config.entity_vocab_size,
            config.entity_emb_size,
            padding_idx=getattr(config, "entity_pad_token_id", 0),
        )
        self.entity_embedding_dense: Optional[nn.Linear] = None
        if config.entity_emb_size != config.hidden_size:
            self.entity_embedding_dense = nn.Linear(config.entity_emb_size, config.hidden_size, bias=False)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, entity_ids: Tensor, entity_spans: Tensor) -> Tensor:
        """
        # Parameters

        entity_ids : `Tensor`
            Rows of the entity table. Shape: (batch, entities).
        entity_spans : `Tensor`
            First and last word position, inclusive, counted from 0 with the sequence's first special token;
            (-1, -1) for an entity that stands nowhere, whose position embedding is 0.
            Shape: (batch, entities, 2).

        # Returns

        `Tensor`
            Shape: (batch, entities, hidden).
        """
        embedded = self.entity_embeddings(entity_ids)
        if self.entity_embedding_dense is not None:
            embedded = self.entity_embedding_dense(embedded)
        embedded = embedded + self._mean_position(entity_spans) + self.token_type_embeddings.weight[0]
        return self.dropout(self.LayerNorm(embedded))

    def _mean_position(self, spans: Tensor) -> Tensor:
        table = self.position_embeddings.weight
        positions = torch.arange(table.size(0), device=spans.device)
        # Shape: (batch, entities, positions)
        covered = (positions >= spans[..., :1]) & (positions <= spans[..., 1:])
        covered = covered.to(table.dtype)
        # A product with the table instead of a gather of (batch, entities, span length, hidden): no such
        # tensor is made, and the gradient of the table is a product too, not a scattered sum. It stays in the
        # table's precision.
        with torch.autocast(spans.device.type, enabled=False):
            return covered @ table / covered.sum(dim=-1, keepdim=True).clamp(min=1)
