"""A layer of the transformer: entity-aware self-attention, and a feed-forward block."""

from functools import lru_cache
from typing import Callable, Dict, List, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from luke_allennlp.common.encoder_config import EncoderConfig
from luke_allennlp.modules.attention_kernels import is_flash_available
from luke_allennlp.modules.grouped_attention import GroupedAttention
from luke_allennlp.modules.packed_attention import PackedAttention, PartialAttention
from luke_allennlp.modules.packing import Packing
from luke_allennlp.modules.padded_attention import padded_attention, padded_independent_attention
from luke_allennlp.modules.varlen_attention import VarlenAttention, is_varlen_available


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


SPAN_ATTENTIONS = ("full", "independent")


class EntityAwareSelfAttention(nn.Module):
    """
    Multi-head self-attention in which the query depends on the kinds of the attending and of the attended
    item (token or entity): Yamada et al., EMNLP 2020, section 3.2.

    # Parameters

    config : `EncoderConfig`
        `hidden_size`, `num_attention_heads`, `attention_probs_dropout_prob`, `use_entity_aware_attention` and
        `span_attention`, where it is set, are read. Without entity-aware attention there is only `query`.
        With `span_attention` "independent", tokens do not attend to entities, and an entity attends to tokens
        and itself; `w2e_query` is not used.

    # Raises

    `ValueError`
        `hidden_size` is not a multiple of `num_attention_heads`, or there is no such `span_attention`.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        if config.hidden_size % config.num_attention_heads:
            raise ValueError(
                f"hidden_size {config.hidden_size} is not a multiple of num_attention_heads "
                f"{config.num_attention_heads}"
            )
        span_attention = getattr(config, "span_attention", "full")
        if span_attention not in SPAN_ATTENTIONS:
            raise ValueError(
                f"span_attention is {span_attention!r}; expected one of {', '.join(SPAN_ATTENTIONS)}"
            )
        self.independent = span_attention == "independent"
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

    def forward(self, hidden: Tensor, packing: Packing) -> Tensor:
        """
        # Parameters

        hidden : `Tensor`
            Tokens, then entities. Shape: (tokens + entities, hidden).

        # Returns

        `Tensor`
            The context of each row, before the output projection. Shape as `hidden`.
        """
        num_tokens = packing.num_tokens
        keys = [self.key, self.value]
        if self.entity_aware and packing.has_entities:
            of_entities = [] if self.independent else [self.w2e_query]
            tokens = self._project(hidden[:num_tokens], [self.query, *of_entities, *keys])
            entities = self._project(hidden[num_tokens:], [self.e2w_query, self.e2e_query, *keys])
        else:
            rows = self._project(hidden, [self.query, *keys])
            tokens, entities = rows[:num_tokens], rows[num_tokens:]
        dropout = self.dropout if self.training else 0.0
        context = attend(tokens, entities, packing, dropout, self.head_size**-0.5, self.independent)
        return context.flatten(1)

    def _project(self, hidden: Tensor, layers: List[nn.Linear]) -> Tensor:
        """Shape: (rows, layers, heads, head size)."""
        if hidden.device.type == "cpu" and hidden.size(0) < hidden.size(1):
            # Putting the weights side by side would take longer than what it saves.
            projected = torch.cat([layer(hidden) for layer in layers], dim=-1)
        else:
            # One product for all.
            weight = torch.cat([layer.weight for layer in layers])
            projected = F.linear(hidden, weight, torch.cat([layer.bias for layer in layers]))
        return projected.unflatten(-1, (-1, self.num_heads, self.head_size))


def attend(
    tokens: Tensor, entities: Tensor, packing: Packing, dropout: float, scale: float, independent: bool
) -> Tensor:
    """By the fastest way there is. Parameters and shapes as of `PackedAttention`."""
    partial: Optional[PartialAttention] = None
    if packing.with_padding:
        pass
    elif tokens.device.type == "cpu" and is_flash_available(tokens.dtype):
        partial = GroupedAttention(dropout)
    elif tokens.device.type == "cuda" and is_varlen_available(tokens.dtype, tokens.size(-1), tokens.device):
        partial = VarlenAttention(dropout)
    if partial is not None:
        return PackedAttention.apply(tokens, entities, packing, partial, scale, independent)
    padded = padded_independent_attention if independent else padded_attention
    return padded(tokens, entities, packing, dropout, scale)


class ResidualOutput(nn.Module):
    """
    Projection, dropout, residual connection and layer normalisation.

    # Parameters

    input_size : `int`
        The width before the projection to `hidden_size`.
    """

    def __init__(self, config: EncoderConfig, input_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(input_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, projected: Tensor, residual: Tensor) -> Tensor:
        """Shapes: (rows, input size), (rows, hidden) -> (rows, hidden)."""
        return self.LayerNorm(self.dropout(self.dense(projected)) + residual)


class AttentionBlock(nn.Module):
    """
    Self-attention and its output projection, named `self` and `output` as in the released weights.

    # Raises

    `ValueError`
        As `EntityAwareSelfAttention`.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.self = EntityAwareSelfAttention(config)
        self.output = ResidualOutput(config, config.hidden_size)


class FeedForward(nn.Module):
    """
    The widening half of the feed-forward block, named `intermediate` in the released weights.

    # Parameters

    config : `EncoderConfig`
        `hidden_size`, `intermediate_size` and `hidden_act`, one of `ACTIVATIONS`, are read.

    # Raises

    `ValueError`
        `hidden_act` is not supported.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        if config.hidden_act not in ACTIVATIONS:
            raise ValueError(
                f"hidden_act {config.hidden_act!r} is not one of {', '.join(sorted(ACTIVATIONS))}"
            )
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, hidden: Tensor) -> Tensor:
        """Shapes: (rows, hidden) -> (rows, intermediate)."""
        return self.activation(self.dense(hidden))


class LukeLayer(nn.Module):
    """
    A transformer layer (post-norm) over tokens and entities; only the queries distinguish the two.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.attention = AttentionBlock(config)
        self.intermediate = FeedForward(config)
        self.output = ResidualOutput(config, config.intermediate_size)
        self.compiled = False

    def forward(self, hidden: Tensor, packing: Packing) -> Tensor:
        """Parameters and shapes as `EntityAwareSelfAttention.forward`."""
        context = self.attention.self(hidden, packing)
        return (_compiled_rest() if self.compiled else _rest)(self, context, hidden)


def _rest(layer: LukeLayer, context: Tensor, hidden: Tensor) -> Tensor:
    """What follows attention, and treats each row alone. Shapes: (rows, hidden) -> (rows, hidden)."""
    attended = layer.attention.output(context, hidden)
    return layer.output(layer.intermediate(attended), attended)


@lru_cache(maxsize=None)
def _compiled_rest() -> Callable[[LukeLayer, Tensor, Tensor], Tensor]:
    """
    One graph for all layers of a size and all numbers of rows, in each of training and evaluation. torch
    compiles a few variants in a process, and runs further ones as they are.
    """
    return torch.compile(_rest, dynamic=True)
