"""Batches for evaluation and prediction, by tokens and sorted by length."""

from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np
import torch
from allennlp.data import Instance
from allennlp.data.fields import TextField

from luke_allennlp.data.fields import EntityField, SubwordField

# With 2048 or 8192 a CPU is as fast, within 5 %.
_CPU_TOKENS = 4096
# Enough to keep any GPU busy; without gradients, states of a large model of under 1 GB.
_GPU_TOKENS = 16384


class Sizes(NamedTuple):
    """Of instances. Shape of each: (instances,)"""

    words: np.ndarray
    entities: np.ndarray


def sizes_of(instances: Iterable[Instance]) -> Sizes:
    """The numbers of tokens and entities."""
    sizes = np.array([_size(instance) for instance in instances], dtype=np.int64).reshape(-1, 2)
    return Sizes(sizes[:, 0], sizes[:, 1])


def _size(instance: Instance) -> Tuple[int, int]:
    words = entities = 0
    for field in instance.fields.values():
        if isinstance(field, (SubwordField, TextField)):
            words += field.sequence_length()
        elif isinstance(field, EntityField):
            entities += field.sequence_length()
    return words, entities


def texts_of(instances: Iterable[Instance]) -> np.ndarray:
    """Numbers that are equal for instances with the same shared text. Shape: (instances,)"""
    numbers: Dict[bytes, int] = {}
    texts = []
    for place, instance in enumerate(instances):
        shared = [
            field.ids.tobytes()
            for field in instance.fields.values()
            if isinstance(field, SubwordField) and field.shared
        ]
        texts.append(numbers.setdefault(shared[0], place) if shared else place)
    return np.array(texts, dtype=np.int64)


def default_max_tokens(device: torch.device) -> int:
    """The limit of a batch's tokens and entities, where none is given."""
    return _GPU_TOKENS if device.type == "cuda" else _CPU_TOKENS


def evaluation_batches(
    words: np.ndarray,
    entities: np.ndarray,
    max_tokens: int,
    max_instances: Optional[int] = None,
    texts: Optional[np.ndarray] = None,
    is_sorted: bool = True,
) -> List[np.ndarray]:
    """
    Cuts instances into batches, the longest first: if the memory is too small, the first batch shows it.

    # Parameters

    words, entities : `np.ndarray`
        Numbers of tokens and entities of each instance. Shapes: (instances,)
    max_tokens : `int`
        The limit of tokens and entities of a batch, without padding, which the encoder does not compute. A
        larger instance is a batch of its own.
    max_instances : `int`, optional (default = `None`)
        The limit of instances of a batch.
    texts : `np.ndarray`, optional (default = `None`)
        As from `texts_of`. The tokens of a shared text count once in a batch. By default no text is shared.
        Shape: (instances,)
    is_sorted : `bool`, optional (default = `True`)
        If false, the instances stay in their order.

    # Returns

    `List[np.ndarray]`
        The instances' numbers, batch by batch.
    """
    numbers = np.arange(len(words))
    texts = numbers if texts is None else texts
    order = np.lexsort((numbers, texts, -words)) if is_sorted else numbers
    batches, start, size = [], 0, 0
    for place, number in enumerate(order.tolist()):
        is_same_text = place > start and texts[number] == texts[order[place - 1]]
        added = entities[number] + (0 if is_same_text else words[number])
        if place > start and (size + added > max_tokens or place - start == max_instances):
            batches.append(order[start:place])
            start, size, added = place, 0, words[number] + entities[number]
        size += added
    if len(order):
        batches.append(order[start:])
    return batches
