"""What a checkpoint's config.json says, as the `LukeConfig` that the encoder takes."""

from typing import TYPE_CHECKING, Any, Dict, Optional

from allennlp.common.checks import ConfigurationError

from luke_allennlp.model_files import read_json

if TYPE_CHECKING:
    from transformers import LukeConfig

# Word-only backbones: how their positions are numbered, `None` for RoBERTa's way.
_BACKBONES: Dict[str, Optional[int]] = {"roberta": None, "xlm-roberta": None, "camembert": None, "bert": 0}
_COPIED = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
    "layer_norm_eps",
    "pad_token_id",
)
_FRESH_ENTITY_EMB_SIZE = 256


def read_config(model_name: str) -> "LukeConfig":
    """
    # Parameters

    model_name : `str`
        A checkpoint of LUKE, or of RoBERTa, XLM-R or BERT, which lack entities: their config gets an entity
        side of the paper's size (embeddings of 256), with no rows yet (`entity_vocab_size` 0).

    # Returns

    `LukeConfig`
        With `position_start` set for BERT.

    # Raises

    `ConfigurationError`
        The config is not there, lacks a key, or is of another kind of model.
    """
    from transformers import CONFIG_MAPPING, LukeConfig

    raw = read_json(model_name, "config.json")
    kind = raw.get("model_type")
    if kind == "luke":
        _require(raw, model_name, "vocab_size", "entity_vocab_size", "hidden_size")
        return LukeConfig.from_dict(raw)
    if kind not in _BACKBONES:
        raise ConfigurationError(
            f"The config of {model_name!r} has the model_type {kind!r}; expected 'luke', or for a model "
            f"without entities one of {', '.join(sorted(_BACKBONES))}."
        )
    _require(raw, model_name, "vocab_size", "hidden_size")
    backbone = CONFIG_MAPPING[kind].from_dict(raw)
    config = LukeConfig(
        entity_vocab_size=0,
        entity_emb_size=min(_FRESH_ENTITY_EMB_SIZE, backbone.hidden_size),
        use_entity_aware_attention=True,
        **{key: getattr(backbone, key) for key in _COPIED},
    )
    config.position_start = _BACKBONES[kind]
    config.word_model_type = kind
    return config


def _require(raw: Dict[str, Any], model_name: str, *keys: str) -> None:
    for key in keys:
        if not isinstance(raw.get(key), int):
            raise ConfigurationError(
                f"The config of {model_name!r} has {key!r} = {raw.get(key)!r}; expected a whole number in "
                "config.json."
            )
