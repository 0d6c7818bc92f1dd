"""Shared by the tests of the rebuilt AllenNLP."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# The build script and its table are no package: they run before there is anything to import.
sys.path.insert(0, str(ROOT / "packaging"))


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """The original wheels by distribution, out of `build/` or from the package index."""
    from build_wheels import BuildError, fetch_originals

    kept = ROOT / "build" / "wheels" / "originals"
    folder = kept if kept.is_dir() and os.access(kept, os.W_OK) else tmp_path_factory.mktemp("originals")
    try:
        return fetch_originals(folder)
    except BuildError as error:
        pytest.skip(f"the original wheels are not here: {error}")
