"""From a checkpoint to an encoder: which entities it keeps, and where its weights come from."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Optional, Sequence

import torch
from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.loader import StoredTables, freeze_entity_side, load_encoder_weights
from luke_allennlp.checkpoints.model_files import ENTITY_VOCABULARY_FILES, find_file
from luke_allennlp.checkpoints.tensors import WeightsSource
from luke_allennlp.entity_vocabulary import MASK, PAD, EntityVocabulary, check_same_entities
from luke_allennlp.modules import LukeEncoder

if TYPE_CHECKING:
    from transformers import LukeConfig


def load_encoder(
    model_name: str,
    *,
    entities: Optional[Sequence[str]] = None,
    entity_vocabulary: Optional[EntityVocabulary] = None,
    entity_emb_size: Optional[int] = None,
    marker_rows: Sequence[int] = (),
    entity_aware_attention: Optional[bool] = None,
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
        LUKE, or RoBERTa, XLM-R or BERT, whose entity side starts fresh. Rows that are not kept are not read.
    entities : `Sequence[str]`, optional (default = `None`)
        Which rows of the entity table to keep, by title; a title may stand there twice. All of them if
        `None`. Without an entity table these are the rows of a fresh one (`[PAD]` and `[MASK]` if `None`).
        None at all (`[]`) is for words only: the entity side is then not read and not trained.
    entity_vocabulary : `EntityVocabulary`, optional (default = `None`)
        In place of `entities`: a row for each of its ids. The rows are random where the checkpoint has none,
        and else those of the checkpoint, whose vocabulary must be the same, but for a `[MASK2]`.
    entity_emb_size : `int`, optional (default = `None`)
        Of a fresh entity table's rows; by default 256, or the width of the words' if that is less.
    marker_rows : `Sequence[int]`, optional (default = `()`)
        Words whose rows are copied to the end of the word table, one for each marker token.
    entity_aware_attention, hidden_dropout, attention_dropout : optional (default = `None`)
        In place of the checkpoint's `use_entity_aware_attention`, `hidden_dropout_prob` and
        `attention_probs_dropout_prob`.
    load_weights : `bool`, optional (default = `True`)
        If false, only the config is read, and the weights are random.
    weights_file : `str`, optional (default = `None`)
        Weights to take in place of the checkpoint's. Tables with just the rows of this encoder, as a trained
        model saves them, are taken as they are.
    strip_prefix : `str`, optional (default = `None`)
        Taken off the names in `weights_file`; names without it are left out.

    # Raises

    `ConfigurationError`
        Something is missing, unexpected, of the wrong shape or damaged; all of it is listed. Or the
        checkpoint's entities are not those that are asked for.
    """
    config = read_config(model_name)
    table_size = config.entity_vocab_size
    has_entities = table_size > 0
    if entity_emb_size is not None:
        _set_entity_emb_size(config, entity_emb_size, has_entities, model_name)
    if entity_aware_attention is not None:
        config.use_entity_aware_attention = entity_aware_attention
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
            rows = _rows(model_name, entities, table_size)
        config.entity_vocab_size = len(entities)
        config.entity_pad_token_id = entities.index(PAD) if PAD in entities else None
    elif has_entities and any(find_file(model_name, filename) for filename in ENTITY_VOCABULARY_FILES):
        # Not 0 everywhere: there multilingual releases have [MASK], which must learn.
        vocabulary = EntityVocabulary.from_checkpoint(model_name)
        config.entity_pad_token_id = vocabulary[PAD] if PAD in vocabulary else None
    config.vocab_size += len(marker_rows)

    if load_weights:
        # Without memory until it has its weights: random ones would only cost time.
        with torch.device("meta"):
            encoder = _encoder(config, model_name)
        with ExitStack() as stack:
            tensors = WeightsSource(model_name, weights_file, strip_prefix).open(stack)
            load_encoder_weights(
                encoder, tensors, StoredTables(rows, table_size, marker_rows, weights_file is not None)
            )
    else:
        encoder = _encoder(config, model_name)
    if entities is not None and not entities:
        freeze_entity_side(encoder)
    return encoder


def _set_entity_emb_size(config: "LukeConfig", size: int, has_entities: bool, model_name: str) -> None:
    if size < 1:
        raise ConfigurationError(f"entity_emb_size is {size}; expected at least 1.")
    if has_entities and size != config.entity_emb_size:
        raise ConfigurationError(
            f"entity_emb_size is {size}, and the entity embeddings of {model_name!r} have "
            f"{config.entity_emb_size}; omit it."
        )
    config.entity_emb_size = size


def _encoder(config: "LukeConfig", model_name: str) -> LukeEncoder:
    try:
        return LukeEncoder(config)
    except (ValueError, AssertionError) as error:
        raise ConfigurationError(f"The config of {model_name!r} makes no encoder: {error}.") from None


def _rows(model_name: str, entities: Sequence[str], table_size: int) -> Sequence[int]:
    if not entities:
        return []
    return entity_rows(EntityVocabulary.from_checkpoint(model_name), model_name, entities, table_size)


def entity_rows(
    vocabulary: EntityVocabulary, model_name: str, entities: Sequence[str], table_size: int
) -> Sequence[int]:
    """
    The rows of entities in a checkpoint's table.

    # Parameters

    model_name : `str`
        For messages.

    # Raises

    `ConfigurationError`
        There is no such entity, or its row is not in the table.
    """
    rows = vocabulary.rows(entities)
    for title, row in zip(entities, rows, strict=True):
        if not 0 <= row < table_size:
            raise ConfigurationError(
                f"The entity {title!r} of {model_name!r} has the row {row} in its entity vocabulary; "
                f"expected one of the {table_size} that its config gives as entity_vocab_size."
            )
    return rows
