"""Renames and drops labels while reading."""

import logging
from collections import Counter
from typing import Mapping, Optional

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import listed

logger = logging.getLogger(__name__)


class LabelMap:
    """
    Renames and drops labels as they are read, and counts both.

    # Parameters

    mapping : `Mapping[str, Optional[str]]`, optional (default = `None`)
        New name of each label; `None` drops the label. Other labels are unchanged.
    """

    def __init__(self, mapping: Optional[Mapping[str, Optional[str]]] = None) -> None:
        self._mapping = dict(mapping or {})
        for label, name in self._mapping.items():
            if name is not None and (not isinstance(name, str) or not name.strip()):
                raise ConfigurationError(
                    f"label_map has {name!r} for {label!r}; expected its new name, or null to drop it."
                )
        self._counts: Counter[str] = Counter()

    def __call__(self, label: str) -> Optional[str]:
        """The label's new name; `None` if it is dropped."""
        if label not in self._mapping:
            return label
        self._counts[label] += 1
        return self._mapping[label]

    def log(self, source: str) -> None:
        """
        Logs how often each label of `source` was renamed or dropped since the last call, and warns of labels
        in the map that never occurred.
        """
        counts, self._counts = self._counts, Counter()
        done = []
        for label, number in counts.items():
            name = self._mapping[label]
            done.append(f"{number:,} {label!r} " + ("dropped" if name is None else f"read as {name!r}"))
        if done:
            logger.info("%s: label_map: %s", source, listed(done))
        unused = [repr(label) for label in self._mapping if label not in counts]
        if unused:
            logger.warning(
                "%s: label_map names %d labels that do not occur: %s", source, len(unused), listed(unused)
            )
