"""Steps that worker processes build in advance."""

import multiprocessing
from typing import Any, Callable, Generic, Iterator, NamedTuple, Optional, TypeVar, Union

import torch
from allennlp.common.checks import ConfigurationError
from torch.utils.data import DataLoader as Workers
from torch.utils.data import IterableDataset, get_worker_info

from luke_allennlp.training.signals import WorkerSignalGuard

_STEPS_AHEAD = 2

Built = TypeVar("Built")


def build_in_advance(
    build: Callable[[int], Built], steps: range, num_workers: int, start_method: str = "fork"
) -> Iterator[Built]:
    """
    Yields `build(step)` for each step, in order. Worker processes, if any, stay a few steps ahead.

    # Parameters

    build : `Callable[[int], Built]`
        Picklable, with `start_method` other than "fork".
    num_workers : `int`
        0: steps are built when they are asked for.

    # Raises

    `ConfigurationError`
        As `build` raises it.
    """
    if start_method not in multiprocessing.get_all_start_methods():
        raise ConfigurationError(
            f'data_loader.start_method is "{start_method}"; expected one of '
            f"{', '.join(multiprocessing.get_all_start_methods())}."
        )
    if num_workers == 0 or not steps:
        yield from map(build, steps)
        return
    with WorkerSignalGuard(start_method) as guard:
        workers = iter(
            Workers(
                _Steps(build, steps),
                batch_size=None,
                num_workers=min(num_workers, len(steps)),
                collate_fn=_unchanged,
                worker_init_fn=guard,
                prefetch_factor=_STEPS_AHEAD,
                multiprocessing_context=start_method,
                # The default draws from the global generator, which dropout uses.
                generator=torch.Generator(),
            )
        )
        try:
            for built in workers:
                if isinstance(built, _Failure):
                    raise ConfigurationError(built.message)
                yield built
        finally:
            # An error's traceback would leave them to the garbage collector, which closes their queues
            # before it tells them to end.
            del workers


class _Failure(NamedTuple):
    """A user's error in a worker: an exception would come with the worker's stack."""

    message: str


class _Steps(IterableDataset, Generic[Built]):
    """Each of n workers builds every n-th step."""

    def __init__(self, build: Callable[[int], Built], steps: range) -> None:
        self._build, self._steps = build, steps

    def __iter__(self) -> Iterator[Union[Built, _Failure]]:
        info: Optional[Any] = get_worker_info()
        for step in self._steps if info is None else self._steps[info.id :: info.num_workers]:
            try:
                yield self._build(step)
            except ConfigurationError as error:
                yield _Failure(error.message)
                return


def _unchanged(item: Any) -> Any:
    return item
