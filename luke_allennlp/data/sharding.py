"""Dealing a dataset out to processes so that all have the same number of items."""

from typing import Iterable, Iterator, List, TypeVar

T = TypeVar("T")


def deal(items: Iterable[T], rank: int, world_size: int) -> Iterator[T]:
    """
    Every `world_size`-th item from `rank` on. Where the number of items is no multiple of `world_size`, the
    ranks that would come short get one of the last items again, so that all get the same number and none
    stops an epoch early.

    # Parameters

    items : `Iterable[T]`
    rank : `int`
    world_size : `int`

    # Returns

    `Iterator[T]`
    """
    group: List[T] = []
    for item in items:
        group.append(item)
        if len(group) == world_size:
            yield group[rank]
            group = []
    if group:
        yield group[rank % len(group)]
