"""Shards of equal size, one for each process."""

from typing import Iterable, Iterator, List, TypeVar

T = TypeVar("T")


def shard_evenly(items: Iterable[T], rank: int, world_size: int) -> Iterator[T]:
    """
    Every `world_size`-th item, starting at `rank`. If `world_size` does not divide the number of items, the
    last of them are repeated, so that all ranks get the same number and none ends an epoch early.
    """
    group: List[T] = []
    for item in items:
        group.append(item)
        if len(group) == world_size:
            yield group[rank]
            group = []
    if group:
        yield group[rank % len(group)]
