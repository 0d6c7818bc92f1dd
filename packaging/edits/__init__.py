"""
The edits that make AllenNLP 2.10.1 run on today's stack, and those that make it kinder to people.

Each has the reason for it and says how often its pattern occurs; `build_wheels.py` stops where that
does not hold.
"""

from typing import List

from edits.edit import Edit
from edits.light_start import (
    COMMAND_LINE,
    LAZY_MODULES,
    ON_DEMAND,
    PLUGINS_BY_ENTRY_POINT,
    SEVERAL_MISTAKES,
)
from edits.optional import OPTIONAL_FAIRSCALE, OPTIONAL_TOOLS, OPTIONAL_TORCHVISION
from edits.people import FOR_PEOPLE
from edits.runs import ARCHIVE_CHECKS, CHECKPOINTS, DISTRIBUTED, LAUNCH, LOCKS, RECOVER
from edits.start import START
from edits.torch import AMP, DATA_LOADER, OPTIMIZERS, TORCH_LOAD
from edits.transformers import TRANSFORMERS
from edits.trust import ARCHIVES, UNTRUSTED

EDITS: List[Edit] = [
    *OPTIONAL_TORCHVISION,
    *OPTIONAL_FAIRSCALE,
    *OPTIONAL_TOOLS,
    *OPTIMIZERS,
    *TORCH_LOAD,
    *DATA_LOADER,
    *AMP,
    *TRANSFORMERS,
    *START,
    *CHECKPOINTS,
    *RECOVER,
    *LOCKS,
    *DISTRIBUTED,
    *FOR_PEOPLE,
    *LAUNCH,
    *ARCHIVES,
    *UNTRUSTED,
    *ARCHIVE_CHECKS,
    *LAZY_MODULES,
    *COMMAND_LINE,
    *SEVERAL_MISTAKES,
    *PLUGINS_BY_ENTRY_POINT,
    *ON_DEMAND,
]
"""All of them, in the order in which they are applied."""
