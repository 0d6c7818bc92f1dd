"""A layer of the transformer: entity-aware self-attention, and a feed-forward block."""

from typing import TYPE_CHECKING, Callable, Dict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from transformers import LukeConfig


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: Dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "relu": F.relu,
    "silu": F.silu,
    "swish": F.silu,
    "tanh": torch.tanh,
}


class EntityAwareSelfAttention(nn.Module):
    """
    Multi-head self-attention in which the query depends on the kinds of the attending and of the attended
    item (token or entity): Yamada et al., EMNLP 2020, section 3.2.

    One ordinary attention of doubled width computes the four kinds of score: a token's row has the query
    `[query | w2e_query]`, an entity's row `[e2w_query | e2e_query]`; a token's column has the key
    `[key | 0]`, an entity's column `[0 | key]`. Each product then involves just the one query that the pair
    calls for, and one fused kernel serves the layer.

    # Parameters

    config : `LukeConfig`
        `hidden_size`, `num_attention_heads`, `attention_probs_dropout_prob` and `use_entity_aware_attention`
        are read. Without entity-aware attention there is only `query`.

    # Raises

    `ValueError`
        `hidden_size` is not a multiple of `num_attention_heads`.
    """

    def __init__(self, config: "LukeConfig") -> None:
        super().__init__()
        if config.hidden_size % config.num_attention_heads:
            raise ValueError(
                f"hidden_size {config.hidden_size} is not a multiple of num_attention_heads "
                f"{config.num_attention_heads}"
            )
        self.num_heads = config.num_attention_heads
        self.head_size = config.hidden_size // config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.entity_aware = config.use_entity_aware_attention

        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        if self.entity_aware:
            self.w2e_query = nn.Linear(config.hidden_size, config.hidden_size)
            self.e2w_query = nn.Linear(config.hidden_size, config.hidden_size)
            self.e2e_query = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, bias: Tensor, num_tokens: int) -> Tensor:
        """
        # Parameters

        hidden : `Tensor`
            Tokens, then entities. Shape: (batch, tokens + entities, hidden).
        bias : `Tensor`
            Added to the scores: 0 for what may be attended, the type's minimum for padding.
            Shape: (batch, 1, 1, tokens + entities), of the type in which the queries are computed.
        num_tokens : `int`
            How many of the rows are tokens.

        # Returns

        `Tensor`
            The context of each row, before the output projection. Shape as `hidden`.
        """
        key = self._split_heads(self.key(hidden))
        value = self._split_heads(self.value(hidden))
        if self.entity_aware and num_tokens < hidden.size(1):
            # Shape (both): (batch, heads, tokens + entities, 2 * head size)
            query = self._entity_aware_query(hidden[:, :num_tokens], hidden[:, num_tokens:])
            key = torch.cat(
                [
                    F.pad(key[:, :, :num_tokens], (0, self.head_size)),
                    F.pad(key[:, :, num_tokens:], (self.head_size, 0)),
                ],
                dim=2,
            )
            if hidden.device.type == "cpu":
                # The CPU's fused kernel wants one width for all three; without it the whole score matrix is
                # built.
                value = F.pad(value, (0, self.head_size))
        else:
            query = self._split_heads(self.query(hidden))

        context = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=bias,
            dropout_p=self.dropout if self.training else 0.0,
            scale=self.head_size**-0.5,
        )
        # Shape: (batch, tokens + entities, heads, head size)
        context = context[..., : self.head_size].transpose(1, 2)
        return context.reshape(hidden.shape)

    def _entity_aware_query(self, tokens: Tensor, entities: Tensor) -> Tensor:
        from_tokens = [self._split_heads(layer(tokens)) for layer in (self.query, self.w2e_query)]
        from_entities = [self._split_heads(layer(entities)) for layer in (self.e2w_query, self.e2e_query)]
        return torch.cat([torch.cat(from_tokens, dim=-1), torch.cat(from_entities, dim=-1)], dim=2)

    def _split_heads(self, projected: Tensor) -> Tensor:
        # Shape: (batch, heads, length, head size)
        return projected.unflatten(-1, (self.num_heads, self.head_size)).transpose(1, 2)


class ResidualOutput(nn.Module):
    """
    Projection, dropout, residual connection and layer normalisation.

    # Parameters

    input_size : `int`
        The width before the projection to `hidden_size`.
    """

    def __init__(self, config: "LukeConfig", input_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(input_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, projected: Tensor, residual: Tensor) -> Tensor:
        """Shapes: (batch, length, input size), (batch, length, hidden) -> (batch, length, hidden)."""
        return self.LayerNorm(self.dropout(self.dense(projected)) + residual)


class AttentionBlock(nn.Module):
    """
    Self-attention with its output projection, named `self` and `output` as in the released weights.

    # Raises

    `ValueError`
        As `EntityAwareSelfAttention`.
    """

    def __init__(self, config: "LukeConfig") -> None:
        super().__init__()
        self.self = EntityAwareSelfAttention(config)
        self.output = ResidualOutput(config, config.hidden_size)

    def forward(self, hidden: Tensor, bias: Tensor, num_tokens: int) -> Tensor:
        """Parameters and shapes as `EntityAwareSelfAttention.forward`."""
        return self.output(self.self(hidden, bias, num_tokens), hidden)


class FeedForward(nn.Module):
    """
    The widening half of the feed-forward block, named `intermediate` in the released weights.

    # Parameters

    config : `LukeConfig`
        `hidden_size`, `intermediate_size` and `hidden_act`, one of `ACTIVATIONS`, are read.

    # Raises

    `ValueError`
        `hidden_act` is not supported.
    """

    def __init__(self, config: "LukeConfig") -> None:
        super().__init__()
        if config.hidden_act not in ACTIVATIONS:
            raise ValueError(
                f"hidden_act {config.hidden_act!r} is not one of {', '.join(sorted(ACTIVATIONS))}"
            )
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, hidden: Tensor) -> Tensor:
        """Shapes: (batch, length, hidden) -> (batch, length, intermediate)."""
        return self.activation(self.dense(hidden))


class LukeLayer(nn.Module):
    """
    A transformer layer (post-norm) over tokens and entities; only the queries distinguish the two.
    """

    def __init__(self, config: "LukeConfig") -> None:
        super().__init__()
        self.attention = AttentionBlock(config)
        self.intermediate = FeedForward(config)
        self.output = ResidualOutput(config, config.intermediate_size)

    def forward(self, hidden: Tensor, bias: Tensor, num_tokens: int) -> Tensor:
        """Parameters and shapes as `EntityAwareSelfAttention.forward`."""
        attended = self.attention(hidden, bias, num_tokens)
        return self.output(self.intermediate(attended), attended)
