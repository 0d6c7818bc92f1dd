"""Fixtures that the tests of all tasks share."""

from functools import lru_cache
from pathlib import Path
from typing import Callable

import pytest
from allennlp.predictors import Predictor

from tests.tasks.support import make_archive


@pytest.fixture(scope="session")
def archive_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tiny archive of a task, made once."""
    return lru_cache(None)(lambda name: make_archive(name, tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="session")
def predictor_of(archive_of: Callable[[str], Path]) -> Callable[[str], Predictor]:
    return lru_cache(None)(lambda name: Predictor.from_path(str(archive_of(name))))
