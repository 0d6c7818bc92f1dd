"""Fixtures that the tests of all tasks share."""

from pathlib import Path
from typing import Callable, Dict

import pytest
from allennlp.predictors import Predictor

from tests.tasks.support import make_archive


@pytest.fixture(scope="session")
def archive_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tiny archive of a task, made once."""
    made: Dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = make_archive(name, tmp_path_factory.mktemp(name))
        return made[name]

    return get


@pytest.fixture(scope="session")
def predictor_of(archive_of: Callable[[str], Path]) -> Callable[[str], Predictor]:
    """Its predictor."""
    made: Dict[str, Predictor] = {}

    def get(name: str) -> Predictor:
        if name not in made:
            made[name] = Predictor.from_path(str(archive_of(name)))
        return made[name]

    return get
