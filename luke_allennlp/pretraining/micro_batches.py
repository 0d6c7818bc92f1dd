"""The tensors of an optimizer step's micro-batches."""

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
from allennlp.data.data_loaders.data_loader import TensorDict

from luke_allennlp.pretraining.masking import Masked
from luke_allennlp.pretraining.sequences import Sequences
from luke_allennlp.training.steps import Step


class WordIds(NamedTuple):
    """Ids of the tokens around and after a sequence."""

    start: int
    end: int
    pad: int


class BatchShape(NamedTuple):
    """
    # Parameters

    words : `int`
        Tokens of the longest, start and end tokens included.
    """

    sequences: int
    words: int
    entities: int
    masked_words: int
    masked_entities: int

    @property
    def parts(self) -> Tuple[int, ...]:
        """Sizes of the parts: token ids, entity ids, spans, counts of both, masked positions and targets."""
        entities = self.sequences * self.entities
        pairs = (self.masked_words, self.masked_words, self.masked_entities, self.masked_entities)
        return (self.sequences * self.words, entities, 2 * entities, self.sequences, self.sequences, *pairs)


class PackedStep(NamedTuple):
    """
    All batches in one tensor: sending hundreds of tensors would take as many file descriptors.

    # Parameters

    numbers : `torch.Tensor`
        As `int32`. Shape: (numbers,)
    """

    numbers: torch.Tensor
    shapes: List[BatchShape]

    def unpack(self, pin_memory: bool = False) -> Step:
        """With `pin_memory`, a GPU can copy the tensors asynchronously."""
        numbers = self.numbers.long()
        slots = sum(shape.sequences * (shape.words + shape.entities) for shape in self.shapes)
        masks = torch.empty(slots, dtype=torch.bool)
        # All segment ids are 0: batches share theirs.
        types = torch.zeros(
            max((shape.sequences * shape.words for shape in self.shapes), default=0), dtype=torch.long
        )
        if pin_memory:
            numbers, masks, types = numbers.pin_memory(), masks.pin_memory(), types.pin_memory()
        batches: List[TensorDict] = []
        at = mask_at = 0
        for shape in self.shapes:
            parts = torch.split(numbers[at : at + sum(shape.parts)], list(shape.parts))
            words, entities = (shape.sequences, shape.words), (shape.sequences, shape.entities)
            sizes = [words[0] * words[1], entities[0] * entities[1]]
            word_mask, entity_mask = torch.split(masks[mask_at : mask_at + sum(sizes)], sizes)
            torch.lt(torch.arange(shape.words), parts[3][:, None], out=word_mask.view(words))
            torch.lt(torch.arange(shape.entities), parts[4][:, None], out=entity_mask.view(entities))
            batches.append(
                {
                    "words": {
                        "token_ids": parts[0].view(words),
                        "mask": word_mask.view(words),
                        "type_ids": types[: sizes[0]].view(words),
                    },
                    "entities": {
                        "entity_ids": parts[1].view(entities),
                        "entity_spans": parts[2].view(*entities, 2),
                        "entity_mask": entity_mask.view(entities),
                    },
                    "masked_words": parts[5],
                    "word_targets": parts[6],
                    "masked_entities": parts[7],
                    "entity_targets": parts[8],
                }
            )
            at, mask_at = at + sum(shape.parts), mask_at + sum(sizes)
        totals = {
            "word_total": sum(shape.masked_words for shape in self.shapes),
            "entity_total": sum(shape.masked_entities for shape in self.shapes),
        }
        return Step(batches, [1.0] * len(batches), totals)


def pack(sequences: Sequences, masked: Masked, sizes: Sequence[int], ids: WordIds) -> PackedStep:
    """
    # Parameters

    sequences : `Sequences`
        Of all batches, one batch after the other.
    sizes : `Sequence[int]`
        How many sequences each batch has.
    """
    packed, shapes = [], []
    first = 0
    for size in sizes:
        parts, shape = _pack_batch(sequences, masked, first, first + size, ids)
        packed.extend(parts)
        shapes.append(shape)
        first += size
    numbers = np.concatenate([part.reshape(-1).astype(np.int32) for part in packed])
    return PackedStep(torch.from_numpy(numbers), shapes)


def _pack_batch(
    sequences: Sequences, masked: Masked, first: int, last: int, ids: WordIds
) -> Tuple[List[np.ndarray], BatchShape]:
    words = _Block(sequences.word_offsets, first, last, margin=1)
    entities = _Block(sequences.entity_offsets, first, last, margin=0)

    token_ids: np.ndarray = np.full(words.is_filled.shape, ids.pad)  # Shape: (sequences, words)
    token_ids[words.is_filled] = masked.word_ids[words.values]
    token_ids[:, 0] = ids.start
    token_ids[np.arange(len(token_ids)), words.counts + 1] = ids.end

    entity_ids: np.ndarray = np.zeros(entities.is_filled.shape, dtype=int)  # Shape: (sequences, entities)
    entity_ids[entities.is_filled] = masked.entity_ids[entities.values]
    spans: np.ndarray = np.full((*entity_ids.shape, 2), -1)  # Shape: (sequences, entities, 2)
    for end, column in enumerate((sequences.entity_starts, sequences.entity_ends)):
        spans[entities.is_filled, end] = column[entities.values].astype(np.int64) + 1

    word_places, chosen_words = words.places(masked.chosen_words)
    entity_places, chosen_entities = entities.places(masked.chosen_entities)
    parts = [token_ids, entity_ids, spans, words.counts + 2, entities.counts]
    parts += [
        word_places,
        sequences.word_ids[chosen_words],
        entity_places,
        sequences.entity_ids[chosen_entities],
    ]
    rows, width = token_ids.shape
    shape = BatchShape(rows, width, entity_ids.shape[1], len(word_places), len(entity_places))
    return parts, shape


class _Block:
    """
    The values of rows `first` to `last`, exclusive, in a rectangle with `margin` empty columns on both sides.
    Shape of `offsets`: (all rows + 1,)
    """

    def __init__(self, offsets: np.ndarray, first: int, last: int, margin: int) -> None:
        self._offsets = offsets[first : last + 1]
        self._margin = margin
        self.values = slice(int(self._offsets[0]), int(self._offsets[-1]))
        self.counts = np.diff(self._offsets).astype(np.int64)
        columns = np.arange(self.counts.max(initial=0) + 2 * margin)
        self._width = len(columns)
        self.is_filled = (columns >= margin) & (columns < self.counts[:, None] + margin)

    def places(self, chosen: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Of ascending positions, those in these rows: their places in the rectangle, and themselves."""
        low, high = np.searchsorted(chosen, (self.values.start, self.values.stop))
        inside = chosen[low:high]
        rows = np.searchsorted(self._offsets, inside, side="right") - 1
        return rows * self._width + inside - self._offsets[rows] + self._margin, inside
