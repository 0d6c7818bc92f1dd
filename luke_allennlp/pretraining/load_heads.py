"""The pretraining heads of a checkpoint."""

import logging
from contextlib import ExitStack
from typing import Dict, List

from allennlp.common.checks import ConfigurationError
from torch import Tensor

from luke_allennlp.checkpoints.loader import encoder_tensors
from luke_allennlp.checkpoints.names import HEAD_OF_BERT
from luke_allennlp.checkpoints.tensors import LazyTensors, WeightsSource
from luke_allennlp.modules.pretraining_heads import PredictionHead

logger = logging.getLogger(__name__)


def load_heads(heads: Dict[str, PredictionHead], source: WeightsSource) -> None:
    """
    Loads a checkpoint's weights into heads. A head that it lacks completely is left unchanged.

    # Parameters

    heads : `Dict[str, PredictionHead]`
        By their names in Hugging Face's LUKE: `lm_head`, `entity_predictions`.
    source : `WeightsSource`
        LUKE of either layout, RoBERTa, XLM-R or BERT.

    # Raises

    `ConfigurationError`
        A part of a head is missing, damaged or of another shape.
    """
    with ExitStack() as stack:
        tensors = encoder_tensors(source.open(stack))
        for head_name, head in heads.items():
            targets = {
                f"{head_name}.{name}": parameter.detach() for name, parameter in head.named_parameters()
            }
            stored = {name: tensors[own] for name in targets for own in _own_names(name) if own in tensors}
            if stored:
                _fill(targets, stored, tensors)
            else:
                logger.info("%s has no %s: it is initialised randomly.", tensors.source, head_name)


def _own_names(name: str) -> List[str]:
    """A parameter's possible names in a checkpoint, the best one last."""
    names = [name]
    for ours, theirs in HEAD_OF_BERT.items():
        if name.startswith(ours):
            names.append(theirs + name.removeprefix(ours))
    # Some versions of transformers store the tied bias under its other name.
    biases = [own.removesuffix("bias") for own in names if own.endswith(".bias") and own.count(".") < 3]
    return [f"{own}decoder.bias" for own in biases] + names


def _fill(targets: Dict[str, Tensor], stored: Dict[str, Tensor], tensors: LazyTensors) -> None:
    problems = []
    for name, target in targets.items():
        if name not in stored:
            problems.append(f"missing: {name}")
        elif stored[name].shape != target.shape:
            shapes = tuple(stored[name].shape), tuple(target.shape)
            problems.append(f"{name} has shape {shapes[0]}, expected {shapes[1]}")
    if problems:
        raise ConfigurationError(
            f"The weights in {tensors.source} do not fit the heads of pretraining; {'; '.join(problems)}."
        )
    for name, target in targets.items():
        target.copy_(stored[name])
