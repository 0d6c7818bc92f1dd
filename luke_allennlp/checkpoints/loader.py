"""From a checkpoint to an encoder: names, rows, and what may be missing or left over."""

import logging
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.tensors import LazyTensors, open_checkpoint, open_file
from luke_allennlp.encoder import LukeEncoder
from luke_allennlp.entity_vocabulary import MASK, PAD, EntityVocabulary

logger = logging.getLogger(__name__)

WORD_TABLE = "embeddings.word_embeddings.weight"
ENTITY_TABLE = "entity_embeddings.entity_embeddings.weight"

# What a checkpoint may hold beside the encoder: pretraining heads, task heads, the pooler, a buffer of old
# versions.
_LEFT_OUT = (
    "pooler.",
    "lm_head.",
    "cls.",
    "entity_predictions.",
    "classifier.",
    "qa_outputs.",
    "embeddings.position_ids",
)
_EXTRA_QUERY = re.compile(r"\.attention\.self\.(w2e|e2w|e2e)_query\.")
_PREFIX = re.compile(r"^(luke|roberta|bert)\.")


def load_encoder(
    model_name: str,
    *,
    entities: Optional[Sequence[str]] = None,
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
        A directory or hub id in Hugging Face's layout: LUKE, or RoBERTa, XLM-R or BERT, whose entity side
        starts fresh.
    entities : `Sequence[str]`, optional (default = `None`)
        Which rows of the entity table to keep, by title; a title may stand there twice. All of them if
        `None`. Without an entity table these are the rows of a fresh one (`[PAD]` and `[MASK]` if `None`).
        None at all (`[]`) is for words only: the entity side is then not read and not trained.
    marker_rows : `Sequence[int]`, optional (default = `()`)
        Words whose rows are copied to the end of the word table, one for each marker token.
    entity_aware_attention, hidden_dropout, attention_dropout : optional (default = `None`)
        In place of the checkpoint's `use_entity_aware_attention`, `hidden_dropout_prob` and
        `attention_probs_dropout_prob`.
    load_weights : `bool`, optional (default = `True`)
        If false, only the config is read, and the weights are random.
    weights_file : `str`, optional (default = `None`)
        Weights to take in place of the checkpoint's.
    strip_prefix : `str`, optional (default = `None`)
        Taken off the names in `weights_file`; names without it are left out.

    # Returns

    `LukeEncoder`

    # Raises

    `ConfigurationError`
        Something is missing, unexpected, of the wrong shape or damaged; all of it is listed.
    """
    config = read_config(model_name)
    has_entities = config.entity_vocab_size > 0
    if entity_aware_attention is not None:
        config.use_entity_aware_attention = entity_aware_attention
    if hidden_dropout is not None:
        config.hidden_dropout_prob = hidden_dropout
    if attention_dropout is not None:
        config.attention_probs_dropout_prob = attention_dropout

    if entities is None and not has_entities:
        entities = (PAD, MASK)
    rows: Optional[Sequence[int]] = None
    if entities is not None:
        if has_entities:
            rows = EntityVocabulary.from_checkpoint(model_name).rows(entities)
        config.entity_vocab_size = len(entities)
        config.entity_pad_token_id = entities.index(PAD) if PAD in entities else None
    config.vocab_size += len(marker_rows)

    encoder = LukeEncoder(config)
    if load_weights:
        with ExitStack() as stack:
            if weights_file is None:
                tensors = open_checkpoint(model_name, stack)
            else:
                tensors = open_file(Path(weights_file), stack)
            if strip_prefix is not None:
                names = {name: name[len(strip_prefix) :] for name in tensors if name.startswith(strip_prefix)}
                tensors = tensors.renamed(names)
            _load(encoder, tensors, rows, marker_rows, has_entities)
    if entities is not None and not entities:
        for name, parameter in encoder.named_parameters():
            if name.startswith("entity_embeddings.") or _EXTRA_QUERY.search(name):
                parameter.requires_grad = False
    return encoder


def _load(
    encoder: LukeEncoder,
    tensors: LazyTensors,
    entity_rows: Optional[Sequence[int]],
    marker_rows: Sequence[int],
    has_entities: bool,
) -> None:
    tensors = tensors.renamed({name: encoder_name(name) for name in tensors})
    targets = dict(encoder.named_parameters())
    fresh = {name for name in targets if not has_entities and name.startswith("entity_embeddings.")}

    copied = {name for name in targets if _EXTRA_QUERY.search(name) and name not in tensors}
    sources = {
        name: _EXTRA_QUERY.sub(".attention.self.query.", name) if name in copied else name for name in targets
    }
    missing = sorted(
        {source for name, source in sources.items() if source not in tensors and name not in fresh}
    )
    unexpected = [name for name in tensors if name not in targets and not _may_be_left_out(name)]
    problems = [f"missing: {', '.join(missing)}"] if missing else []
    problems += [f"unexpected: {', '.join(unexpected)}"] if unexpected else []

    readers: Dict[str, Callable[[], Tensor]] = {}
    if not problems:
        for name in targets:
            if name not in fresh:
                readers[name] = lambda source=sources[name]: tensors[source]  # type: ignore[misc]
        if entity_rows is not None and has_entities:
            if entity_rows:
                readers[ENTITY_TABLE] = lambda: tensors.rows(ENTITY_TABLE, entity_rows)
            else:
                del readers[ENTITY_TABLE]
        if marker_rows:
            readers[WORD_TABLE] = lambda: _with_copies(tensors[WORD_TABLE], marker_rows)
        problems = _copy(readers, targets)
    if problems:
        raise ConfigurationError(
            f"The weights in {tensors.source} do not fit LUKE's encoder; " + "; ".join(problems)
        )

    if copied:
        logger.info(
            "%s has no w2e, e2w and e2e queries, as pretrained releases: they start as copies of the "
            "word-to-word query.",
            tensors.source,
        )
    left_out = sorted({name.split(".")[0] for name in tensors if name not in targets})
    if left_out:
        logger.info("Left out of %s, the encoder has no such parts: %s", tensors.source, ", ".join(left_out))
    if fresh:
        logger.info("%s has no entities: the entity embeddings start from random values.", tensors.source)


def encoder_name(name: str) -> str:
    """
    The encoder's name of a parameter: without the model's prefix, and with today's names of LayerNorm's
    parameters.
    """
    name = _PREFIX.sub("", name)
    return re.sub(
        r"LayerNorm\.gamma$", "LayerNorm.weight", re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
    )


def _may_be_left_out(name: str) -> bool:
    # Extra queries are left over when entity-aware attention is switched off.
    return name.startswith(_LEFT_OUT) or _EXTRA_QUERY.search(name) is not None


def _with_copies(table: Tensor, rows: Sequence[int]) -> Tensor:
    return torch.cat([table, table[list(rows)]])


def _copy(
    readers: Mapping[str, Callable[[], Tensor]], targets: Mapping[str, torch.nn.Parameter]
) -> List[str]:
    problems = []
    for name, read in readers.items():
        tensor = read()
        if tensor.shape != targets[name].shape:
            problems.append(f"{name} has shape {tuple(tensor.shape)}, expected {tuple(targets[name].shape)}")
            continue
        with torch.no_grad():
            targets[name].copy_(tensor)
    return problems
