"""Fixtures of the pipelines' tests."""

from functools import lru_cache
from pathlib import Path
from typing import Callable

import pytest
import torch
from allennlp.models import load_archive
from allennlp.models.archival import archive_model, extracted_archive

from tests.exchange.conftest import published  # noqa: F401
from tests.tasks.support import make_archive


@pytest.fixture(scope="session")
def archive_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tiny archive of a task, made once."""
    return lru_cache(None)(lambda name: make_archive(f"luke_{name}", tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="session")
def ner_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an untrained model that is fond of entities."""
    directory = tmp_path_factory.mktemp("ner")
    archive = make_archive("luke_ner", directory)
    model = load_archive(archive).model
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.3)
    with extracted_archive(str(archive)) as place:
        unpacked = Path(place)
        torch.save(model.state_dict(), unpacked / "weights.th")
        archive_model(unpacked, weights="weights.th", archive_path=directory / "model.tar.gz")
    return directory / "model.tar.gz"
