"""Docstrings in AllenNLP's grammar, as mkdocstrings reads them: headings with `#` become NumPy's sections."""

import re
from typing import Any

import griffe

SECTION = re.compile(r"^# (Parameters|Returns|Raises|Yields)$", re.M)
TYPE = re.compile(r"^(\w[\w, ]* : )?`([^`\n]*)`(?=$|, optional)", re.M)


class Docstrings(griffe.Extension):
    """Rewrites the docstring of every object."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            text = SECTION.sub(lambda match: f"{match[1]}\n{'-' * len(match[1])}", obj.docstring.value)
            obj.docstring.value = TYPE.sub(r"\1\2", text)
