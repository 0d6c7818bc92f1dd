"""The LUKE encoder: a transformer over the tokens of a text and its entities."""

from typing import Any, Dict, NamedTuple, Optional

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from luke_allennlp.common.encoder_config import EncoderConfig
from luke_allennlp.modules.layer import LukeLayer
from luke_allennlp.modules.packing import Packing


class TokenEmbeddings(nn.Module):
    """
    Token, position and segment embeddings, summed and normalised, as in RoBERTa and BERT.

    # Parameters

    config : `EncoderConfig`
        If it has a `position_start`, positions count from there, padding included, as in BERT (0). Otherwise
        they count as in RoBERTa: from `pad_token_id + 1`, with padding at `pad_token_id`.
    """

    def __init__(self, config: EncoderConfig) -> None:
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

    def positions(self, token_ids: Tensor) -> Tensor:
        """Rows of the position embeddings. Shapes: (batch, tokens) -> (batch, tokens)."""
        if self.position_start is None:
            is_token = token_ids.ne(self.padding_id).long()
            return is_token.cumsum(dim=1) * is_token + self.padding_id
        positions = torch.arange(token_ids.size(1), device=token_ids.device) + self.position_start
        return positions.expand_as(token_ids)

    def forward(
        self, token_ids: Tensor, positions: Tensor, token_type_ids: Optional[Tensor] = None
    ) -> Tensor:
        """
        Segments are 0 everywhere if not given.

        Shapes: (rows), (rows), (rows) -> (rows, hidden).
        """
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

    config : `EncoderConfig`
        If `entity_emb_size` differs from `hidden_size`, a linear layer without bias projects the table's
        rows. `entity_pad_token_id` (default 0) is the row that gets no gradient.
    """

    def __init__(self, config: EncoderConfig) -> None:
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
            Rows of the entity table. Shape: (rows).
        entity_spans : `Tensor`
            First and last token position, inclusive, counted from 0 with the sequence's first special token;
            (-1, -1) for an entity without a mention, whose position embedding is 0. Shape: (rows, 2).

        # Returns

        `Tensor`
            Shape: (rows, hidden).
        """
        embedded = self.entity_embeddings(entity_ids)
        if self.entity_embedding_dense is not None:
            embedded = self.entity_embedding_dense(embedded)
        embedded = embedded + self._mean_position(entity_spans) + self.token_type_embeddings.weight[0]
        return self.dropout(self.LayerNorm(embedded))

    def _mean_position(self, spans: Tensor) -> Tensor:
        table = self.position_embeddings.weight
        positions = torch.arange(table.size(0), device=spans.device)
        # Shape: (rows, positions)
        covered = (positions >= spans[..., :1]) & (positions <= spans[..., 1:])
        covered = covered.to(table.dtype)
        # A product with the table instead of a gather of (rows, span length, hidden): no such
        # tensor is made, and the gradient of the table is a product too, not a scattered sum. It stays in the
        # table's precision.
        with torch.autocast(spans.device.type, enabled=False):
            return covered @ table / covered.sum(dim=-1, keepdim=True).clamp(min=1)


class LukeEncoderOutput(NamedTuple):
    """The last layer's states. Shapes: (batch, tokens, hidden), (batch, entities, hidden)."""

    tokens: Tensor
    entities: Tensor


class LukeLayers(nn.Module):
    """The stack of layers, named `encoder` in the released weights."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(LukeLayer(config) for _ in range(config.num_hidden_layers))
        self.gradient_checkpointing = False

    def forward(self, hidden: Tensor, packing: Packing) -> Tensor:
        """Parameters and shapes as `EntityAwareSelfAttention.forward`."""
        for layer in self.layer:
            if self.gradient_checkpointing and self.training:
                hidden = checkpoint(layer, hidden, packing, use_reentrant=False)
            else:
                hidden = layer(hidden, packing)
        return hidden


class LukeEncoder(nn.Module):
    """
    The LUKE encoder: Yamada et al., EMNLP 2020, section 3.

    Its parameters have the names of `transformers.LukeModel`, which are those of the original release, so
    that a state dict passes between them unchanged. The pooler in those files is accepted and ignored: no
    task uses it. A new encoder has random weights.

    # Parameters

    config : `EncoderConfig`
        As of `transformers`. `position_start`, `entity_pad_token_id` and `span_attention` are read where they
        are set, see `TokenEmbeddings`, `EntityEmbeddings` and `EntityAwareSelfAttention`.

    # Raises

    `ValueError`
        `hidden_size` is not a multiple of `num_attention_heads`, or there is no such `hidden_act` or
        `span_attention`.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = TokenEmbeddings(config)
        self.entity_embeddings = EntityEmbeddings(config)
        self.encoder = LukeLayers(config)
        self.apply(self.initialise)
        self.independent_spans = getattr(config, "span_attention", "full") == "independent"
        if self.independent_spans:  # nothing uses them: distributed training would wait for their gradients
            for name, parameter in self.named_parameters():
                parameter.requires_grad_(".w2e_query." not in name)

    def forward(
        self,
        token_ids: Tensor,
        token_mask: Optional[Tensor] = None,
        entity_ids: Optional[Tensor] = None,
        entity_spans: Optional[Tensor] = None,
        entity_mask: Optional[Tensor] = None,
        token_type_ids: Optional[Tensor] = None,
        with_padding: bool = False,
        text_indices: Optional[Tensor] = None,
    ) -> LukeEncoderOutput:
        """
        # Parameters

        token_ids : `Tensor`
            With the special tokens around the text. Shape: (batch, tokens).
        token_mask : `Tensor`, optional (default = `None`)
            True (or 1) for tokens, False (or 0) for padding; no padding if not given. Shape: (batch, tokens).
        entity_ids : `Tensor`, optional (default = `None`)
            Rows of the entity table; no entities if not given. Shape: (batch, entities).
        entity_spans : `Tensor`, optional (default = `None`)
            First and last token position of each entity, inclusive, counted from 0 with `<s>`; (-1, -1) for
            none. Required with `entity_ids`. Shape: (batch, entities, 2).
        entity_mask : `Tensor`, optional (default = `None`)
            As `token_mask`, for entities. Shape: (batch, entities).
        token_type_ids : `Tensor`, optional (default = `None`)
            Segments, 0 if not given. Shape: (batch, tokens).
        with_padding : `bool`, optional (default = `False`)
            Whether to compute states of padding too, which nothing attends to, as other implementations do.
        text_indices : `Tensor`, optional (default = `None`)
            With independent spans, the text of each row of entities, so that rows can share a text; by
            default each has its own. Shape: (batch of entities,).

        # Returns

        `LukeEncoderOutput`
            `tokens`, shape (batch, tokens, hidden), and `entities`, shape (batch, entities, hidden); without
            entities the latter has no rows. By default, the states of padding are 0.

        # Raises

        `ValueError`
            `entity_ids` without `entity_spans`, or texts are shared by entities that are not independent.
        """
        if text_indices is not None and not self.independent_spans:
            raise ValueError("texts are shared, which needs a config with span_attention 'independent'")
        if entity_ids is not None and entity_spans is None:
            raise ValueError("entity_ids without entity_spans; give the spans of the entities")
        packing = Packing(
            _as_mask(token_mask, token_ids),
            None if entity_ids is None else _as_mask(entity_mask, entity_ids),
            with_padding,
            text_indices,
        )
        types = None if token_type_ids is None else packing.pack_tokens(token_type_ids)
        positions = packing.pack_tokens(self.embeddings.positions(token_ids))
        hidden = self.embeddings(packing.pack_tokens(token_ids), positions, types)
        if entity_ids is not None and entity_spans is not None:
            entities = packing.pack_entities(entity_ids), packing.pack_entities(entity_spans)
            hidden = torch.cat([hidden, self.entity_embeddings(*entities)])
        hidden = self.encoder(hidden, packing)
        return LukeEncoderOutput(
            packing.unpack_tokens(hidden[: packing.num_tokens]),
            packing.unpack_entities(hidden[packing.num_tokens :]),
        )

    def compile_layers(self) -> None:
        """
        Compiles what follows attention in each layer, by `torch.compile`, at its first use: biases,
        activation, dropout, residual and normalisation become one kernel between two products. Once for
        training and once for evaluation of layers of a size, for any lengths. Needs a C++ compiler, or Triton
        on GPUs.
        """
        for layer in self.encoder.modules():
            if isinstance(layer, LukeLayer):
                layer.compiled = True

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether the layers' activations are recomputed in the backward pass rather than kept."""
        return self.encoder.gradient_checkpointing

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, value: bool) -> None:
        self.encoder.gradient_checkpointing = value

    def _load_from_state_dict(self, state_dict: Dict[str, Any], prefix: str, *args: Any) -> None:
        # Not a hook: torch 2.4 has no public way to register one. The dictionary is torch's own copy.
        for name in [name for name in state_dict if name.startswith(f"{prefix}pooler.")]:
            del state_dict[name]
        state_dict.pop(f"{prefix}embeddings.position_ids", None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def initialise(self, module: nn.Module) -> None:
        """Gives one module random weights."""
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()


def _as_mask(mask: Optional[Tensor], ids: Tensor) -> Tensor:
    return torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
