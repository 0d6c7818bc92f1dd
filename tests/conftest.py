"""What all tests share."""

import os
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The repository's own small data."""
    return FIXTURES


@pytest.fixture(scope="session")
def root_dir() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """
    Reference data outside of the repository: $LUKE_SHARED, or `shared` beside the checkout. Skips where it is
    absent.
    """
    directory = Path(os.environ.get("LUKE_SHARED", ROOT.parent / "shared"))
    if not (directory / "golden").is_dir():
        pytest.skip(f"the reference data is not at {directory}; set LUKE_SHARED to where it is")
    return directory


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """
    Tiny models are faster on one thread, and tests that run side by side do not take the cores from each
    other.
    """
    torch.set_num_threads(1)
