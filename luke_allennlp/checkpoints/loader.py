"""Loads a checkpoint's weights into an encoder."""

import logging
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

from luke_allennlp.checkpoints.names import (
    ENTITY_SIDE,
    ENTITY_TABLE,
    EXTRA_QUERY,
    WORD_TABLE,
    copied_queries,
    encoder_name,
    may_be_left_out,
    query_of,
)
from luke_allennlp.checkpoints.tensors import LazyTensors
from luke_allennlp.common.text_lines import listed
from luke_allennlp.modules import LukeEncoder
from luke_allennlp.modules.encoder import EntityEmbeddings

logger = logging.getLogger(__name__)


class StoredTables(NamedTuple):
    """How the encoder's embedding tables are made from the stored ones."""

    entity_rows: Optional[Sequence[int]]
    entity_vocab_size: int  # of the checkpoint; 0 without entities
    marker_rows: Sequence[int]
    may_be_ready: bool  # the stored tables may be those of this encoder, as a trained model saves them

    def stored_shape(self, name: str, shape: Tuple[int, ...]) -> Tuple[int, ...]:
        """The shape in the checkpoint of a parameter of the encoder."""
        if name == ENTITY_TABLE and self.entity_rows is not None:
            return (self.entity_vocab_size, *shape[1:])
        if name == WORD_TABLE:
            return (shape[0] - len(self.marker_rows), *shape[1:])
        return shape

    def read(self, name: str, stored: Tensor, dtype: torch.dtype) -> Tensor:
        """The encoder's parameter, from the stored tensor."""
        if name == ENTITY_TABLE and self.entity_rows is not None:
            return stored[list(self.entity_rows)].to(dtype)
        if name == WORD_TABLE and self.marker_rows:
            return torch.cat([stored, stored[list(self.marker_rows)]]).to(dtype)
        return stored.to(dtype, copy=True, memory_format=torch.contiguous_format)


class EntityStart(NamedTuple):
    """
    How entities of a checkpoint that has none start: those of `rows` as the token `token_id`, its mask, at
    the mean position of what they cover.
    """

    rows: Sequence[int]
    token_id: int


_AS_IT_IS = StoredTables(None, 0, (), True)


def load_encoder_weights(
    encoder: LukeEncoder,
    tensors: LazyTensors,
    tables: StoredTables,
    entity_start: Optional[EntityStart] = None,
) -> None:
    tensors = encoder_tensors(tensors)
    targets = dict(encoder.named_parameters())
    fresh: Set[str] = set()
    if not tables.entity_vocab_size and not any(name.startswith(ENTITY_SIDE) for name in tensors):
        fresh = {name for name in targets if name.startswith(ENTITY_SIDE)}
    copied = copied_queries(targets, tensors)

    missing: List[str] = []
    misshapen: List[str] = []
    readers: Dict[str, StoredTables] = {}
    for name, target in targets.items():
        source = query_of(name) if name in copied else name
        stored_shape = tables.stored_shape(name, tuple(target.shape))
        if name in fresh:
            continue
        if source not in tensors:
            missing.append(source)
        elif tensors[source].shape == stored_shape:
            readers[name] = tables
        elif tables.may_be_ready and tensors[source].shape == target.shape:
            readers[name] = _AS_IT_IS
        else:
            misshapen.append(f"{source} has shape {tuple(tensors[source].shape)}, expected {stored_shape}")
    unexpected = [name for name in tensors if name not in targets and not may_be_left_out(name)]
    check_fit(tensors.source, "LUKE's encoder", missing, unexpected, misshapen)

    if fresh:
        encoder.entity_embeddings = EntityEmbeddings(encoder.config)
        encoder.entity_embeddings.apply(encoder.initialise)
    state = {name: value for name, value in encoder.state_dict().items() if name in fresh}
    for name, reader in readers.items():
        source = query_of(name) if name in copied else name
        state[name] = reader.read(name, tensors[source], targets[name].dtype)
    encoder.load_state_dict(state, assign=True)

    if copied:
        log_copied_queries(tensors.source)
    left_out = sorted({name.split(".")[0] for name in tensors if name not in targets} - {"embeddings"})
    if left_out:
        logger.info(
            "Ignored in %s, %d parts that the encoder does not have: %s",
            tensors.source,
            len(left_out),
            listed(left_out),
        )
    if fresh and entity_start is not None:
        _start_as_token(encoder, entity_start)
        logger.info("%s has no entities: masked entities start as its masked words.", tensors.source)
    elif fresh:
        logger.info("%s has no entities: the entity embeddings start from random values.", tensors.source)


@torch.no_grad()
def _start_as_token(encoder: LukeEncoder, start: EntityStart) -> None:
    words, entities = encoder.embeddings, encoder.entity_embeddings
    first = 0 if words.position_start is not None else words.padding_id + 1
    positions = words.position_embeddings.weight[first:]
    entities.position_embeddings.weight[: len(positions)] = positions
    entities.token_type_embeddings.load_state_dict(words.token_type_embeddings.state_dict())
    entities.LayerNorm.load_state_dict(words.LayerNorm.state_dict())
    table, dense = entities.entity_embeddings.weight, entities.entity_embedding_dense
    target = words.word_embeddings.weight[start.token_id]
    if dense is None:
        table[list(start.rows)] = target
        return
    row = table[start.rows[0]].clone()
    table[list(start.rows)] = row
    # The smallest change of the projection that takes the row to the token's embedding.
    dense.weight += torch.outer(target - dense(row), row) / row.dot(row)


def check_fit(
    source: str, what: str, missing: Sequence[str], unexpected: Sequence[str], misshapen: Sequence[str]
) -> None:
    """Raises a `ConfigurationError` that lists all tensors that do not fit a model, if there are any."""
    kinds = (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
    problems = [f"{kind}: {', '.join(dict.fromkeys(names))}" for kind, names in kinds if names]
    if problems:
        raise ConfigurationError(f"The weights in {source} do not fit {what}; {'; '.join(problems)}.")


def encoder_tensors(tensors: LazyTensors) -> LazyTensors:
    """
    A checkpoint's tensors by the encoder's names.

    # Raises

    `ConfigurationError`
        Two tensors are the same parameter.
    """
    names: Dict[str, str] = {}
    for name in tensors:
        other = names.setdefault(encoder_name(name), name)
        if other != name:
            raise ConfigurationError(
                f"The weights in {tensors.source} have both {other} and {name}, which are the same parameter "
                "of LUKE's encoder; expected one of them."
            )
    return LazyTensors({new: tensors[name] for new, name in names.items()}, tensors.source)


def log_copied_queries(source: str) -> None:
    logger.info(
        "%s has no w2e, e2w and e2e queries, like all pretrained releases: they are copied from the "
        "word-to-word query.",
        source,
    )


def freeze_entity_side(encoder: LukeEncoder) -> None:
    """Stops training the parameters that serve entities alone, for models without entities."""
    for name, parameter in encoder.named_parameters():
        if name.startswith(ENTITY_SIDE) or EXTRA_QUERY.search(name):
            parameter.requires_grad = False
