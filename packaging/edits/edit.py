"""What an edit is."""

from typing import NamedTuple


class Edit(NamedTuple):
    name: str
    """What the edit is called in messages and tests. Several edits may serve one end and share a name."""
    file: str
    """The file in the wheel."""
    old: str
    new: str
    reason: str
    matches: int = 1
    """How often `old` must occur."""
