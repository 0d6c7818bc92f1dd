"""Loads a checkpoint's weights into an encoder."""

import functools
import logging
from typing import (
    Callable,
    Dict,
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
from luke_allennlp.checkpoints.stored_tensor import DamagedFileError, StoredTensor
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

    def read(self, name: str, stored: StoredTensor, shape: Tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The encoder's parameter, from the stored tensor."""
        if name == ENTITY_TABLE and self.entity_rows is not None:
            return stored.rows(self.entity_rows).to(dtype)
        tensor = torch.empty(shape, dtype=dtype)
        if name == WORD_TABLE and self.marker_rows:
            stored.copy_to(tensor[: -len(self.marker_rows)])
            tensor[-len(self.marker_rows) :] = stored.rows(self.marker_rows)
        else:
            stored.copy_to(tensor)
        return tensor


_AS_IT_IS = StoredTables(None, 0, (), True)


def load_encoder_weights(encoder: LukeEncoder, tensors: LazyTensors, tables: StoredTables) -> None:
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
        for name in sorted(readers, key=copied.__contains__):  # copies last
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
            "Ignored in %s, %d parts that the encoder does not have: %s",
            tensors.source,
            len(left_out),
            listed(left_out),
        )
    if fresh:
        logger.info("%s has no entities: the entity embeddings start from random values.", tensors.source)


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
    return tensors.renamed({name: new for new, name in names.items()})


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
