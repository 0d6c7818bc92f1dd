"""packaging/README.md lists what build_wheels.py does."""

import re
from pathlib import Path

from edits import EDITS


def test_every_edit_is_listed() -> None:
    text = (Path(__file__).resolve().parents[2] / "packaging" / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`([a-z0-9-]+)`", text))
    assert {edit.name for edit in EDITS} <= listed
