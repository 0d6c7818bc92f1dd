"""Reads a checkpoint's config.json or metadata.json as an `EncoderConfig`."""

from typing import Any, Dict, Optional, Sequence

from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.model_files import CONFIG_FILE, METADATA_FILE, read_json
from luke_allennlp.checkpoints.original_release import is_roberta, original_config
from luke_allennlp.common.encoder_config import EncoderConfig
from luke_allennlp.common.text_lines import shown

# Backbones without entities, with the first position; `None` for RoBERTa's numbering.
_BACKBONES: Dict[str, Optional[int]] = {"roberta": None, "xlm-roberta": None, "camembert": None, "bert": 0}
# The settings of a backbone.
WORD_KEYS = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob", "max_position_embeddings"),
    *("type_vocab_size", "initializer_range", "layer_norm_eps", "pad_token_id"),
)
_FRESH_ENTITY_EMB_SIZE = 256


_WHOLE, _RATE, _POSITIVE = "a whole number above 0", "a number from 0 to below 1", "a number above 0"
_SIZES = ("vocab_size", "entity_vocab_size", "hidden_size", "entity_emb_size", "intermediate_size")
_COUNTS = ("type_vocab_size", "max_position_embeddings", "num_hidden_layers", "num_attention_heads")
_KINDS = {
    **dict.fromkeys((*_SIZES, *_COUNTS), _WHOLE),
    **dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), _RATE),
    **dict.fromkeys(("initializer_range", "layer_norm_eps"), _POSITIVE),
}


def read_config(model_name: str) -> EncoderConfig:
    """
    # Parameters

    model_name : `str`
        A checkpoint of LUKE, in Hugging Face's layout (config.json) or that of the original release
        (metadata.json), or of RoBERTa, XLM-R or BERT, which have no entities: their config gets entity
        embeddings of the paper's size (256), without rows yet (`entity_vocab_size` 0); that of BERT has
        `position_start`.

    # Raises

    `ConfigurationError`
        The config does not exist, lacks a key, has an invalid value, or is of another kind of model.
    """
    original = original_config(model_name)
    if original is not None:
        return _from_original(original, f"'model_config' in {METADATA_FILE} of {model_name!r}")
    raw = read_json(model_name, CONFIG_FILE)
    kind = raw.get("model_type")
    if kind != "luke" and (not isinstance(kind, str) or kind not in _BACKBONES):
        raise ConfigurationError(
            f"The config of {model_name!r} has the model_type {kind!r}; expected 'luke', or for a model "
            f"without entities one of {', '.join(sorted(_BACKBONES))}."
        )
    where = f"config of {model_name!r}"
    required = ("vocab_size", "hidden_size", *(("entity_vocab_size",) if kind == "luke" else ()))
    _check(raw, where, required)
    if kind == "luke":
        return EncoderConfig(**raw)
    config = EncoderConfig(
        **{"pad_token_id": 0 if kind == "bert" else 1, **{key: raw[key] for key in WORD_KEYS if key in raw}},
        entity_vocab_size=0,
        entity_emb_size=min(_FRESH_ENTITY_EMB_SIZE, raw["hidden_size"]),
    )
    config.position_start = _BACKBONES[kind]
    config.word_model_type = kind
    return config


def _from_original(raw: Dict[str, Any], where: str) -> EncoderConfig:
    _check(raw, where, ())
    roberta = is_roberta(raw["bert_model_name"])
    config = EncoderConfig(
        entity_vocab_size=raw["entity_vocab_size"],
        # Without a size of their own, entity embeddings are as wide as the hidden states.
        entity_emb_size=raw.get("entity_emb_size") or raw["hidden_size"],
        use_entity_aware_attention=raw.get("use_entity_aware_attention", True),
        bert_model_name=raw["bert_model_name"],
        # Some files wrongly say 0 for RoBERTa, which the original never read.
        **{**{key: raw[key] for key in WORD_KEYS if key in raw}, "pad_token_id": 1 if roberta else 0},
    )
    if not roberta:
        config.position_start = _BACKBONES["bert"]
        config.word_model_type = "bert"
    return config


def _check(raw: Dict[str, Any], where: str, required: Sequence[str]) -> None:
    for key, expected in _KINDS.items():
        value: Any = raw.get(key)
        if key not in raw and key not in required or key == "entity_emb_size" and value is None:
            continue
        if key == "entity_vocab_size" and value == 0 and type(value) is int:
            continue  # as in archives of models without entities
        is_number = isinstance(value, int if expected == _WHOLE else (int, float))
        is_number = is_number and not isinstance(value, bool)
        if not is_number or not (0 <= value < 1 if expected == _RATE else 0 < value < float("inf")):
            raise ConfigurationError(f"The {where} has {key!r} = {shown(value)}; expected {expected}.")
    for key, kind, expected in (
        ("hidden_act", str, "the name of a function"),
        ("use_entity_aware_attention", bool, "true or false"),
        ("pad_token_id", (int, type(None)), "a whole number"),
    ):
        value = raw.get(key)
        if key in raw and (not isinstance(value, kind) or kind is not bool and isinstance(value, bool)):
            raise ConfigurationError(f"The {where} has {key!r} = {shown(value)}; expected {expected}.")
