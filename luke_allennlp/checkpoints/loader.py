"""From a checkpoint to an encoder: names, rows, and what may be missing or left over."""

import functools
import logging
import re
from contextlib import ExitStack
from typing import (
    TYPE_CHECKING,
    Callable,
    Container,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.stored_tensor import DamagedFileError, StoredTensor
from luke_allennlp.checkpoints.tensors import LazyTensors, WeightsSource
from luke_allennlp.data.text_lines import listed
from luke_allennlp.encoder import LukeEncoder
from luke_allennlp.encoder.embeddings import EntityEmbeddings
from luke_allennlp.entity_vocabulary import MASK, PAD, EntityVocabulary, check_same_entities
from luke_allennlp.model_files import ENTITY_VOCABULARY_FILES, find_file

if TYPE_CHECKING:
    from transformers import LukeConfig

logger = logging.getLogger(__name__)

WORD_TABLE = "embeddings.word_embeddings.weight"
ENTITY_SIDE = "entity_embeddings."
ENTITY_TABLE = "entity_embeddings.entity_embeddings.weight"
# What BERT calls the parts of its head for words.
HEAD_OF_BERT = {
    "lm_head.dense.": "cls.predictions.transform.dense.",
    "lm_head.layer_norm.": "cls.predictions.transform.LayerNorm.",
    "lm_head.bias": "cls.predictions.bias",
}

# What a checkpoint may hold beside the encoder: pretraining heads, task heads, the pooler, a buffer of old
# versions.
_LEFT_OUT = (
    "pooler.",
    "lm_head.",
    "cls.",
    "entity_predictions.",
    "classifier.",
    "typing.",
    "scorer.",
    "qa_outputs.",
    "embeddings.position_ids",
)
EXTRA_QUERY = re.compile(r"\.attention\.self\.(w2e|e2w|e2e)_query\.")
_PREFIX = re.compile(r"^(luke|roberta|bert)\.")


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

    # Returns

    `LukeEncoder`

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
            _load(encoder, tensors, _Tables(rows, table_size, marker_rows, weights_file is not None))
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


def freeze_entity_side(encoder: LukeEncoder) -> None:
    """Stops training what serves entities alone, for models that give none."""
    for name, parameter in encoder.named_parameters():
        if name.startswith(ENTITY_SIDE) or EXTRA_QUERY.search(name):
            parameter.requires_grad = False


class _Tables(NamedTuple):
    """How the encoder's tables come out of the stored ones."""

    entity_rows: Optional[Sequence[int]]
    entity_vocab_size: int  # of the checkpoint; 0 if it has no entities
    marker_rows: Sequence[int]
    may_be_ready: bool  # a trained model's weights have the tables as this encoder has them

    def stored_shape(self, name: str, shape: Tuple[int, ...]) -> Tuple[int, ...]:
        """What shape a parameter of the encoder has in the checkpoint."""
        if name == ENTITY_TABLE and self.entity_rows is not None:
            return (self.entity_vocab_size, *shape[1:])
        if name == WORD_TABLE:
            return (shape[0] - len(self.marker_rows), *shape[1:])
        return shape

    def read(self, name: str, stored: StoredTensor, shape: Tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The encoder's tensor out of a stored one of that shape."""
        if name == ENTITY_TABLE and self.entity_rows is not None:
            return stored.rows(self.entity_rows).to(dtype)
        tensor = torch.empty(shape, dtype=dtype)
        if name == WORD_TABLE and self.marker_rows:
            stored.copy_to(tensor[: -len(self.marker_rows)])
            tensor[-len(self.marker_rows) :] = stored.rows(self.marker_rows)
        else:
            stored.copy_to(tensor)
        return tensor


_AS_IT_IS = _Tables(None, 0, (), True)


def _load(encoder: LukeEncoder, tensors: LazyTensors, tables: _Tables) -> None:
    tensors = encoder_tensors(tensors)
    targets = dict(encoder.named_parameters())
    fresh: Set[str] = set()
    if not tables.entity_vocab_size and not any(name.startswith(ENTITY_SIDE) for name in tensors):
        fresh = {name for name in targets if name.startswith(ENTITY_SIDE)}
    copied = copied_queries(targets, tensors)

    missing: List[str] = []
    misshapen: List[str] = []
    readers: Dict[str, Callable[..., Tensor]] = {}
    for name, target in targets.items():
        source = query_of(name) if name in copied else name
        shape = tuple(target.shape)
        stored_shape = tables.stored_shape(name, shape)
        if name in fresh:
            continue
        if source not in tensors:
            missing.append(source)
        elif tensors[source].shape == stored_shape:
            readers[name] = functools.partial(tables.read, name, tensors[source])
        elif tables.may_be_ready and tensors[source].shape == shape:
            readers[name] = functools.partial(_AS_IT_IS.read, name, tensors[source])
        else:
            misshapen.append(f"{source} has shape {tensors[source].shape}, expected {stored_shape}")

    unexpected = [name for name in tensors if name not in targets and not may_be_left_out(name)]
    problems = [
        f"{kind}: {', '.join(dict.fromkeys(names))}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if names
    ]
    if problems:
        raise ConfigurationError(
            f"The weights in {tensors.source} do not fit LUKE's encoder; " + "; ".join(problems) + "."
        )
    if fresh:
        encoder.entity_embeddings = EntityEmbeddings(encoder.config)
        encoder.entity_embeddings.apply(encoder.initialise)
    state = {name: value for name, value in encoder.state_dict().items() if name in fresh}
    try:
        for name in sorted(readers, key=copied.__contains__):  # the copies last
            if name in copied:
                state[name] = state[query_of(name)].clone()
            else:
                state[name] = readers[name](tuple(targets[name].shape), targets[name].dtype)
    except (DamagedFileError, OSError) as error:
        raise ConfigurationError(f"The weights in {tensors.source} cannot be read: {error}.") from None
    encoder.load_state_dict(state, assign=True)

    if copied:
        log_copied_queries(tensors.source)
    left_out = sorted({name.split(".")[0] for name in tensors if name not in targets} - {"embeddings"})
    if left_out:
        logger.info(
            "Left out of %s, %d parts that the encoder does not have: %s",
            tensors.source,
            len(left_out),
            listed(left_out),
        )
    if fresh:
        logger.info("%s has no entities: the entity embeddings start from random values.", tensors.source)


def query_of(name: str) -> str:
    """What an extra query starts as."""
    return EXTRA_QUERY.sub(".attention.self.query.", name)


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

    vocabulary : `EntityVocabulary`
    model_name : `str`
        For messages.
    entities : `Sequence[str]`
    table_size : `int`

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


def encoder_tensors(tensors: LazyTensors) -> LazyTensors:
    """
    A checkpoint's tensors by the encoder's names.

    # Raises

    `ConfigurationError`
        Two of them have the same.
    """
    names: Dict[str, str] = {}
    for name in tensors:
        other = names.setdefault(encoder_name(name), name)
        if other != name:
            raise ConfigurationError(
                f"The weights in {tensors.source} have both {other} and {name}, which are the same parameter "
                "of LUKE's encoder; expected one of them."
            )
    return tensors.renamed({name: new for new, name in names.items()})


def copied_queries(names: Iterable[str], tensors: Container[str]) -> Set[str]:
    """
    Which of the encoder's w2e, e2w and e2e queries start as copies of the word-to-word query: all, or none.
    With some of them there, the others are missing.

    # Parameters

    names : `Iterable[str]`
        The encoder's parameters.
    tensors : `Container[str]`
        Those that the checkpoint has.
    """
    extra = {name for name in names if EXTRA_QUERY.search(name)}
    return set() if any(name in tensors for name in extra) else extra


def log_copied_queries(source: str) -> None:
    logger.info(
        "%s has no w2e, e2w and e2e queries, as pretrained releases: they start as copies of the "
        "word-to-word query.",
        source,
    )


def encoder_name(name: str) -> str:
    """
    The encoder's name of a parameter: without the model's prefix, and with today's names of LayerNorm's
    parameters.
    """
    name = _PREFIX.sub("", name)
    return re.sub(
        r"LayerNorm\.gamma$", "LayerNorm.weight", re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
    )


def may_be_left_out(name: str) -> bool:
    """
    Whether a checkpoint may hold a tensor of this name (of the encoder's kind) that the encoder does not.
    """
    # Extra queries are left over when entity-aware attention is switched off.
    return name.startswith(_LEFT_OUT) or EXTRA_QUERY.search(name) is not None
