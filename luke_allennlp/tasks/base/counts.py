"""What a file of data has."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Iterable, Optional


@dataclass
class FileCounts:
    """
    What was read from a file.

    # Parameters

    linked : `int`, optional (default = `None`)
        Instances in which an entity linker found an entity; `None` without a linker.
    labels : `Counter[str]`
        How often each label is gold.
    """

    examples: int = 0
    instances: int = 0
    linked: Optional[int] = None
    labels: "Counter[str]" = field(default_factory=Counter)

    def add(self, labels: Iterable[str]) -> None:
        """Adds an example with these gold labels."""
        self.examples += 1
        self.labels.update(labels)
