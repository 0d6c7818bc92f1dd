"""The input embeddings of tokens and of entities."""

from typing import TYPE_CHECKING, Optional

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import LukeConfig


class TokenEmbeddings(nn.Module):
    """
    Token, position and segment embeddings, summed and normalised, as in RoBERTa and BERT.

    # Parameters

    config : `LukeConfig`
        If it has a `position_start`, positions count from there, padding included, as in BERT (0). Otherwise
        they count as in RoBERTa: from `pad_token_id + 1`, with padding at `pad_token_id`.
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

    def forward(self, token_ids: Tensor, token_type_ids: Optional[Tensor] = None) -> Tensor:
        """
        # Parameters

        token_ids : `Tensor`
            Shape: (batch, tokens).
        token_type_ids : `Tensor`, optional (default = `None`)
            Segments; 0 everywhere if not given. Shape: (batch, tokens).

        # Returns

        `Tensor`
            Shape: (batch, tokens, hidden).
        """
        if self.position_start is None:
            is_token = token_ids.ne(self.padding_id).long()
            positions = is_token.cumsum(dim=1) * is_token + self.padding_id
        else:
            positions = torch.arange(token_ids.size(1), device=token_ids.device) + self.position_start
        if token_type_ids is None:
            types = self.token_type_embeddings.weight[0]
        else:
            types = self.token_type_embeddings(token_type_ids)
        embedded = self.word_embeddings(token_ids) + self.position_embeddings(positions) + types
        return self.dropout(self.LayerNorm(embedded))


class EntityEmbeddings(nn.Module):
    """
    Entity, mean position and type embeddings, summed and normalised: Yamada et al., EMNLP 2020, section 3.1.

    The position embeddings are a table of their own; an entity's is the mean over its tokens' positions.

    # Parameters

    config : `LukeConfig`
        If `entity_emb_size` differs from `hidden_size`, a linear layer without bias projects the table's
        rows. `entity_pad_token_id` (default 0) is the row that gets no gradient.
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
            First and last token position, inclusive, counted from 0 with the sequence's first special token;
            (-1, -1) for an entity without a mention, whose position embedding is 0.
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
