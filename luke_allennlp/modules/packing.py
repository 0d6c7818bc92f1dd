"""Batches without padding: the rows of all sequences one after the other."""

from itertools import groupby
from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor
from torch.nn import functional as F


class SequenceGroup(NamedTuple):
    """
    Sequences of equal lengths, whose rows are neighbours.

    # Parameters

    size : `int`
        The number of sequences.
    num_tokens, num_entities : `int`
        Of each sequence. Entities of several rows of the batch can belong to one text.
    first_token, first_entity : `int`
        The first row of each kind, counted among those of its kind.
    """

    size: int
    num_tokens: int
    num_entities: int
    first_token: int
    first_entity: int

    def tokens(self, rows: Tensor) -> Tensor:
        """
        The group's part of the rows of tokens, a view. Shapes: (rows, ...) -> (size, tokens, ...).
        """
        part = rows.narrow(0, self.first_token, self.size * self.num_tokens)
        return part.unflatten(0, (self.size, self.num_tokens))

    def entities(self, rows: Tensor) -> Tensor:
        """As `tokens`, of the rows of entities."""
        part = rows.narrow(0, self.first_entity, self.size * self.num_entities)
        return part.unflatten(0, (self.size, self.num_entities))


class Bounds(NamedTuple):
    """
    Where the sequences of queries and of keys start and end, of an attention over all tokens or all entities:
    the tokens of each text are a sequence of queries, and then, if there are any, its entities.

    # Parameters

    queries, keys : `Tensor`
        In int32. Shape: (sequences + 1,).
    """

    queries: Tensor
    keys: Tensor
    longest_query: int
    longest_key: int


class Packing:
    """
    The places of a batch's tokens and entities when they are packed: first the tokens of all sequences, then
    the entities. Sequences of equal lengths are neighbours.

    # Parameters

    token_mask : `Tensor`
        Boolean. Shape: (batch, tokens).
    entity_mask : `Tensor`, optional (default = `None`)
        Boolean; `None` for an input without entities. Shape: (batch, entities).
    with_padding : `bool`, optional (default = `False`)
        Whether padding has rows, too.
    text_indices : `Tensor`, optional (default = `None`)
        The text, a row of `token_mask`, of each row of `entity_mask`; by default its own. Shape: (batch of
        entities,).
    """

    def __init__(
        self,
        token_mask: Tensor,
        entity_mask: Optional[Tensor] = None,
        with_padding: bool = False,
        text_indices: Optional[Tensor] = None,
    ) -> None:
        # Though they may all be padding: their parameters then get a gradient of 0, for which other processes
        # of a training wait.
        self.has_entities = entity_mask is not None
        if entity_mask is None:
            entity_mask = token_mask[:, :0]
        self.masks = (token_mask, entity_mask)
        self.shapes = (tuple(token_mask.shape), tuple(entity_mask.shape))
        self.with_padding = with_padding
        self.text_indices = text_indices
        if with_padding:
            token_mask, entity_mask = (torch.ones_like(mask) for mask in self.masks)
        counts = [token_mask.sum(1), entity_mask.sum(1), *([] if text_indices is None else [text_indices])]
        # This waits for the device.
        parts = torch.cat(counts).cpu().split([len(part) for part in counts])
        in_tokens, in_entities, *given = (part.tolist() for part in parts)
        texts = given[0] if given else list(range(len(in_tokens)))
        lengths = [[number, 0] for number in in_tokens]
        for text, number in zip(texts, in_entities, strict=True):
            lengths[text][1] += number
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        rank = {text: place for place, text in enumerate(order)}
        entity_order = sorted(range(len(texts)), key=lambda row: rank[texts[row]])
        self.num_tokens, self.num_entities = (sum(kind) for kind in zip(*lengths, strict=True))
        self.groups: List[SequenceGroup] = []
        first = [0, 0]
        for (tokens, entities), members in groupby(order, key=lengths.__getitem__):
            size = sum(1 for _ in members)
            self.groups.append(SequenceGroup(size, tokens, entities, *first))
            first = [first[0] + size * tokens, first[1] + size * entities]
        self._bounds: Dict[bool, Bounds] = {}
        self._token_places = _places(token_mask, self.num_tokens, order)
        self._entity_places = _places(entity_mask, self.num_entities, entity_order)

    def bounds(self, over_entities: bool, device: torch.device) -> Bounds:
        """Of an attention of all rows over their text's entities or tokens; made once."""
        if over_entities not in self._bounds:
            tokens, entities = (
                [group[kind] for group in self.groups for _ in range(group.size)] for kind in (1, 2)
            )
            queries, keys = tokens, entities if over_entities else tokens
            if self.num_entities:
                queries, keys = tokens + entities, keys * 2
            ends = torch.tensor([queries, keys]).cumsum(1)
            starts = F.pad(ends, (1, 0)).int().to(device, non_blocking=True)
            self._bounds[over_entities] = Bounds(starts[0], starts[1], max(queries), max(keys))
        return self._bounds[over_entities]

    def pack_tokens(self, values: Tensor) -> Tensor:
        """Shapes: (batch, tokens, ...) -> (rows, ...)."""
        return _pack(values, self._token_places)

    def pack_entities(self, values: Tensor) -> Tensor:
        """Shapes: (batch, entities, ...) -> (rows, ...)."""
        return _pack(values, self._entity_places)

    def unpack_tokens(self, rows: Tensor) -> Tensor:
        """With zeros for padding. Shapes: (rows, hidden) -> (batch, tokens, hidden)."""
        return _unpack(rows, self._token_places, self.shapes[0])

    def unpack_entities(self, rows: Tensor) -> Tensor:
        """With zeros for padding. Shapes: (rows, hidden) -> (batch, entities, hidden)."""
        return _unpack(rows, self._entity_places, self.shapes[1])


def _places(mask: Tensor, count: int, order: List[int]) -> Optional[Tensor]:
    """The place of each row in the padded and flattened batch; `None` if they are the same."""
    batch, length = mask.shape
    if count == mask.numel() and order == list(range(batch)):
        return None
    places = torch.arange(batch * length, device=mask.device).view(batch, length)
    if order != list(range(batch)):
        moved = torch.tensor(order, device=mask.device)
        places, mask = places[moved], mask[moved]
    if count == mask.numel():
        return places.flatten()
    # Where the mask is false sorts behind; unlike indexing by the mask this does not wait for the device.
    rank = torch.argsort(~mask.flatten(), stable=True)[:count]
    return places.flatten()[rank]


def _pack(values: Tensor, places: Optional[Tensor]) -> Tensor:
    flat = values.flatten(0, 1)
    return flat if places is None else flat[places]


def _unpack(rows: Tensor, places: Optional[Tensor], shape: Tuple[int, ...]) -> Tensor:
    if places is None:
        return rows.view(*shape, rows.size(-1))
    padded = rows.new_zeros(shape[0] * shape[1], rows.size(-1))
    return padded.index_copy(0, places, rows).view(*shape, rows.size(-1))
