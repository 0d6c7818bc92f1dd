"""Worker processes of the data loader."""

import multiprocessing
import sys

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.training.workers import build_in_advance


def end_while_iterating() -> None:
    steps = build_in_advance(abs, range(1000), num_workers=1)
    next(steps)
    sys.exit(75)


def test_a_rank_ends_its_workers() -> None:
    """A rank that ends by an exception still holds its loader, and its workers wait for more to do."""
    rank = multiprocessing.get_context("fork").Process(target=end_while_iterating)
    rank.start()
    rank.join(timeout=60)
    try:
        assert rank.exitcode == 75
    finally:
        rank.kill()


def test_start_methods() -> None:
    message = 'data_loader.start_method is "frok"; expected one of fork, spawn, forkserver.'
    with pytest.raises(ConfigurationError, match=message):
        next(build_in_advance(abs, range(3), num_workers=1, start_method="frok"))
