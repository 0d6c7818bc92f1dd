"""Loads an encoder from a checkpoint."""

from contextlib import ExitStack, nullcontext
from typing import Any, Dict, Optional, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models.model import weights_follow
from overrides import overrides
from torch import Tensor
from torch.overrides import TorchFunctionMode

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.loader import (
    EntityStart,
    StoredTables,
    freeze_entity_side,
    load_encoder_weights,
)
from luke_allennlp.checkpoints.model_files import ENTITY_VOCABULARY_FILES, find_file
from luke_allennlp.checkpoints.tensors import WeightsSource
from luke_allennlp.common.encoder_config import EncoderConfig
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.entity_vocabulary import MASK, PAD, EntityVocabulary, check_same_entities
from luke_allennlp.modules import LukeEncoder


def load_encoder(
    model_name: str,
    *,
    entities: Optional[Sequence[str]] = None,
    entity_vocabulary: Optional[EntityVocabulary] = None,
    entity_emb_size: Optional[int] = None,
    marker_rows: Sequence[int] = (),
    entity_aware_attention: Optional[bool] = None,
    span_attention: str = "full",
    hidden_dropout: Optional[float] = None,
    attention_dropout: Optional[float] = None,
    load_weights: bool = True,
    weights_file: Optional[str] = None,
    strip_prefix: Optional[str] = None,
) -> LukeEncoder:
    """
    # Parameters

    model_name : `str`
        A directory or hub id in Hugging Face's layout, or a directory or tarball of the original release:
        LUKE, or RoBERTa, XLM-R or BERT, which have no entity embeddings: a `[MASK]` starts as their mask
        token at the mean position of the words it covers, other entities from random values.
    entities : `Sequence[str]`, optional (default = `None`)
        Which rows of the entity table to keep, by title, also repeatedly; other rows are not read. All rows
        if `None`. A checkpoint without an entity table gets a new one with these rows (`[PAD]` and `[MASK]`
        if `None`). With `[]`, for text without entities, the entity embeddings are neither read nor trained.
    entity_vocabulary : `EntityVocabulary`, optional (default = `None`)
        Instead of `entities`: a row for each of its ids. The rows are random where the checkpoint has none;
        otherwise the checkpoint must have the same vocabulary, except for a `[MASK2]`.
    entity_emb_size : `int`, optional (default = `None`)
        The width of a new entity table; by default 256, or `hidden_size` if that is less.
    marker_rows : `Sequence[int]`, optional (default = `()`)
        Tokens whose embeddings are copied to the end of the table, one for each marker token.
    entity_aware_attention, hidden_dropout, attention_dropout : optional (default = `None`)
        Override the checkpoint's `use_entity_aware_attention`, `hidden_dropout_prob` and
        `attention_probs_dropout_prob`.
    span_attention : `str`, optional (default = `"full"`)
        As of `LukeEmbedder`.
    load_weights : `bool`, optional (default = `True`)
        If false, only the config is read and the weights are random.
    weights_file : `str`, optional (default = `None`)
        Weights to read instead of the checkpoint's. Tables with just the rows of this encoder, as a trained
        model saves them, are used as they are.
    strip_prefix : `str`, optional (default = `None`)
        Removed from the names in `weights_file`; names without it are ignored.

    # Raises

    `ConfigurationError`
        Tensors are missing, unexpected, misshapen or damaged; all are listed. Or the checkpoint does not have
        the requested entities.
    """
    config = read_config(model_name)
    table_size = config.entity_vocab_size
    has_entities = table_size > 0
    if entity_emb_size is not None:
        _set_entity_emb_size(config, entity_emb_size, has_entities, model_name)
    if entity_aware_attention is not None:
        config.use_entity_aware_attention = entity_aware_attention
    if span_attention != "full":
        config.span_attention = span_attention
    if hidden_dropout is not None:
        config.hidden_dropout_prob = hidden_dropout
    if attention_dropout is not None:
        config.attention_probs_dropout_prob = attention_dropout

    if entity_vocabulary is not None:
        if entities is not None:
            raise ConfigurationError("There are both entities and an entity_vocabulary; give one of them.")
        if has_entities:
            check_same_entities(entity_vocabulary, EntityVocabulary.from_checkpoint(model_name))
        else:
            config.entity_vocab_size = entity_vocabulary.table_size
            config.entity_pad_token_id = entity_vocabulary.get(PAD)
    elif entities is None and not has_entities:
        entities = (PAD, MASK)
    rows: Optional[Sequence[int]] = None
    if entities is not None:
        if has_entities:
            rows = []
            if entities:
                vocabulary = EntityVocabulary.from_checkpoint(model_name)
                rows = entity_rows(vocabulary, model_name, entities, table_size)
        config.entity_vocab_size = len(entities)
        config.entity_pad_token_id = entities.index(PAD) if PAD in entities else None
    elif has_entities and any(find_file(model_name, filename) for filename in ENTITY_VOCABULARY_FILES):
        # Not always 0: multilingual releases have [MASK] there, which must be trained.
        vocabulary = EntityVocabulary.from_checkpoint(model_name)
        config.entity_pad_token_id = vocabulary[PAD] if PAD in vocabulary else None
    config.vocab_size += len(marker_rows)

    if load_weights:
        tables = StoredTables(rows, table_size, marker_rows, weights_file is not None)
        start = None
        masks = [row for row, title in enumerate(entities or ()) if title == MASK]
        if masks and not has_entities:
            start = EntityStart(masks, WordTokenizer(model_name).mask_id)
        # Memory is allocated with the weights; initialising would only cost time.
        with torch.device("meta"), _WithoutValues():
            encoder = _encoder(config, model_name)
        with ExitStack() as stack:
            tensors = WeightsSource(model_name, weights_file, strip_prefix).open(stack)
            load_encoder_weights(encoder, tensors, tables, start)
    else:
        with _WithoutValues() if weights_follow.get() else nullcontext():
            encoder = _encoder(config, model_name)
    if entities is not None and not entities:
        freeze_entity_side(encoder)
    return encoder


class _WithoutValues(TorchFunctionMode):
    """Modules are constructed without initial values. On the device "meta", those would import a compiler."""

    @overrides(check_signature=False)
    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Optional[Dict[str, Any]] = None
    ) -> Any:
        if func in (Tensor.normal_, Tensor.uniform_):
            return args[0]
        return func(*args, **(kwargs or {}))


def _set_entity_emb_size(config: EncoderConfig, size: int, has_entities: bool, model_name: str) -> None:
    if size < 1:
        raise ConfigurationError(f"entity_emb_size is {size}; expected at least 1.")
    if has_entities and size != config.entity_emb_size:
        raise ConfigurationError(
            f"entity_emb_size is {size}, and the entity embeddings of {model_name!r} have "
            f"{config.entity_emb_size}; omit it."
        )
    config.entity_emb_size = size


def _encoder(config: EncoderConfig, model_name: str) -> LukeEncoder:
    try:
        return LukeEncoder(config)
    except (ValueError, AssertionError) as error:
        raise ConfigurationError(f"The config of {model_name!r} makes no encoder: {error}.") from None


def entity_rows(
    vocabulary: EntityVocabulary, model_name: str, entities: Sequence[str], table_size: int
) -> Sequence[int]:
    """
    The rows of entities in a checkpoint's table; a `ConfigurationError` if there is no such entity, or its
    row is not in the table.
    """
    rows = vocabulary.rows(entities)
    for title, row in zip(entities, rows, strict=True):
        if not 0 <= row < table_size:
            raise ConfigurationError(
                f"The entity {title!r} of {model_name!r} has the row {row} in its entity vocabulary; "
                f"expected one of the {table_size} that its config gives as entity_vocab_size."
            )
    return rows
