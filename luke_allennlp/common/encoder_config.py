"""The sizes and options of an encoder."""

from types import SimpleNamespace
from typing import Any, Dict, Optional

# What `LukeConfig` has where a config.json says nothing.
_DEFAULTS: Dict[str, Any] = {
    "vocab_size": 50267,
    "entity_vocab_size": 500000,
    "hidden_size": 768,
    "entity_emb_size": 256,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 1,
    "use_entity_aware_attention": True,
}


class EncoderConfig(SimpleNamespace):
    """
    The content of a config.json, with the names and defaults of Hugging Face's `LukeConfig`. That class can
    stand for it, but takes seconds to import.

    Besides, it may have `position_start` (the first row of the positions, where they do not count as in
    RoBERTa), `entity_pad_token_id`, `span_attention`, `word_model_type` (the kind of a model without
    entities) and `bert_model_name`.

    # Parameters

    options : `Any`
        Its attributes.
    """

    vocab_size: int
    entity_vocab_size: int
    hidden_size: int
    entity_emb_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    hidden_act: str
    hidden_dropout_prob: float
    attention_probs_dropout_prob: float
    max_position_embeddings: int
    type_vocab_size: int
    initializer_range: float
    layer_norm_eps: float
    pad_token_id: Optional[int]
    use_entity_aware_attention: bool

    def __init__(self, /, **options: Any) -> None:
        super().__init__(**{**_DEFAULTS, **options})

    def to_dict(self) -> Dict[str, Any]:
        """The content of a config.json of LUKE."""
        return {**vars(self), "model_type": "luke"}
