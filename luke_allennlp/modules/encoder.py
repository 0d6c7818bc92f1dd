"""LUKE: a transformer over the words of a text and the entities in it."""

from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from luke_allennlp.modules.embeddings import EntityEmbeddings, WordEmbeddings
from luke_allennlp.modules.layer import LukeLayer

if TYPE_CHECKING:
    from transformers import LukeConfig


class LukeEncoderOutput(NamedTuple):
    """
    The last layer's states.

    # Parameters

    words : `Tensor`
        Shape: (batch, words, hidden).
    entities : `Tensor`
        Shape: (batch, entities, hidden).
    """

    words: Tensor
    entities: Tensor


class LukeLayers(nn.Module):
    """
    The stack of layers, named `encoder` in the released weights.

    # Parameters

    config : `LukeConfig`
    """

    def __init__(self, config: "LukeConfig") -> None:
        super().__init__()
        self.layer = nn.ModuleList(LukeLayer(config) for _ in range(config.num_hidden_layers))
        self.gradient_checkpointing = False

    def forward(self, hidden: Tensor, bias: Tensor, num_words: int) -> Tensor:
        """Parameters and shapes as `EntityAwareSelfAttention.forward`."""
        for layer in self.layer:
            if self.gradient_checkpointing and self.training:
                hidden = checkpoint(layer, hidden, bias, num_words, use_reentrant=False)
            else:
                hidden = layer(hidden, bias, num_words)
        return hidden


class LukeEncoder(nn.Module):
    """
    The LUKE encoder: Yamada et al., EMNLP 2020, section 3.

    Its parameters have the names of `transformers.LukeModel`, which are those of the original release, so
    that a state dict passes between them unchanged. The pooler of those files is accepted and left out: no
    task uses it. A new encoder has random weights.

    # Parameters

    config : `LukeConfig`
        As of `transformers`. `position_start` and `entity_pad_token_id` are read where they are set, see
        `WordEmbeddings` and `EntityEmbeddings`.

    # Raises

    `ValueError`
        `hidden_size` is not a multiple of `num_attention_heads`, or there is no such `hidden_act`.
    """

    def __init__(self, config: "LukeConfig") -> None:
        super().__init__()
        self.config = config
        self.embeddings = WordEmbeddings(config)
        self.entity_embeddings = EntityEmbeddings(config)
        self.encoder = LukeLayers(config)
        self.apply(self.initialise)

    def forward(
        self,
        word_ids: Tensor,
        word_mask: Optional[Tensor] = None,
        entity_ids: Optional[Tensor] = None,
        entity_spans: Optional[Tensor] = None,
        entity_mask: Optional[Tensor] = None,
        word_type_ids: Optional[Tensor] = None,
    ) -> LukeEncoderOutput:
        """
        # Parameters

        word_ids : `Tensor`
            Sub-words with the special tokens around them. Shape: (batch, words).
        word_mask : `Tensor`, optional (default = `None`)
            True (or 1) for words, False (or 0) for padding; all words if not given. Shape: (batch, words).
        entity_ids : `Tensor`, optional (default = `None`)
            Rows of the entity table; no entities if not given. Shape: (batch, entities).
        entity_spans : `Tensor`, optional (default = `None`)
            First and last word position of each entity, inclusive, counted from 0 with `<s>`; (-1, -1) stands
            nowhere. Needed with `entity_ids`. Shape: (batch, entities, 2).
        entity_mask : `Tensor`, optional (default = `None`)
            As `word_mask`, for entities. Shape: (batch, entities).
        word_type_ids : `Tensor`, optional (default = `None`)
            Segments of the words, 0 if not given. Shape: (batch, words).

        # Returns

        `LukeEncoderOutput`
            `words`, shape (batch, words, hidden), and `entities`, shape (batch, entities, hidden); without
            entities the latter has no rows.

        # Raises

        `ValueError`
            `entity_ids` without `entity_spans`.
        """
        num_words = word_ids.size(1)
        hidden = self.embeddings(word_ids, word_type_ids)
        mask = _as_mask(word_mask, word_ids)
        if entity_ids is not None:
            if entity_spans is None:
                raise ValueError(
                    "entity_ids came without entity_spans: where the entities stand must be given"
                )
            hidden = torch.cat([hidden, self.entity_embeddings(entity_ids, entity_spans)], dim=1)
            mask = torch.cat([mask, _as_mask(entity_mask, entity_ids)], dim=1)
        hidden = self.encoder(hidden, self._attention_bias(mask, hidden), num_words)
        return LukeEncoderOutput(hidden[:, :num_words], hidden[:, num_words:])

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether the layers' inner states are computed anew in the backward pass rather than kept."""
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

    @staticmethod
    def _attention_bias(mask: Tensor, hidden: Tensor) -> Tensor:
        device_type = hidden.device.type
        autocast = torch.is_autocast_enabled(device_type)
        dtype = torch.get_autocast_dtype(device_type) if autocast else hidden.dtype
        # The minimum rather than -inf: a row without any token then gives numbers, not NaN.
        bias = torch.zeros(mask.shape, dtype=dtype, device=hidden.device)
        # Shape: (batch, 1, 1, words + entities)
        return bias.masked_fill_(~mask, torch.finfo(dtype).min)[:, None, None, :]

    def initialise(self, module: nn.Module) -> None:
        """
        Gives one module random weights.

        # Parameters

        module : `nn.Module`
        """
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()


def _as_mask(mask: Optional[Tensor], ids: Tensor) -> Tensor:
    return torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
