"""One layer of the transformer."""

from typing import TYPE_CHECKING, Callable, Dict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from luke_allennlp.modules.attention import EntityAwareSelfAttention

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
