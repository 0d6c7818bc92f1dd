"""What a form of NER data is, and what its reader is given and reports."""

import logging
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from luke_allennlp.common.records import Record
from luke_allennlp.common.text_lines import LISTED, listed
from luke_allennlp.data.segmentation import TextSegmenter
from luke_allennlp.tasks.ner.examples import Document

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ColumnOptions:
    """
    How files of columns are written; see `NerReader`.
    """

    word_column: int = 0
    tag_column: Optional[int] = -1
    separator: Optional[str] = None
    comment_prefix: Optional[str] = "#"
    undivided: str = "sentences"


class Findings:
    """What was noticed while a file was read: for each kind a count, and the first five examples."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: Dict[str, List[str]] = {}

    def add(self, kind: str, example: str) -> None:
        """
        # Parameters

        kind : `str`
            What was found, as it follows a number: "entities are nested".
        example : `str`
            Where, and what it is.
        """
        self._counts[kind] += 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < LISTED:
            examples.append(example)

    def log(self, source: str) -> None:
        """Logs a warning of each kind, and forgets it."""
        for kind, count in self._counts.items():
            examples = listed(self._examples[kind], count)
            examples = examples.replace(f"{source}, ", "").replace(f"{source}{os.sep}", "")
            logger.warning("%s: %d %s: %s", source, count, kind, examples)
        self._counts.clear()
        self._examples.clear()


@dataclass
class Reading:
    """
    What a form's reader goes by.

    # Parameters

    segmenter : `TextSegmenter`
        Divides texts into sentences and words.
    encoding : `str`, optional (default = `"utf-8"`)
    tag_scheme : `str`, optional (default = `"auto"`)
        Of word tags.
    label_names : `Sequence[str]`, optional (default = `None`)
        What tags that are numbers stand for.
    columns : `ColumnOptions`, optional (default = `ColumnOptions()`)
    findings : `Findings`, optional (default = `Findings()`)
        Where the reader reports what is odd but can be read.
    """

    segmenter: TextSegmenter
    encoding: str = "utf-8"
    tag_scheme: str = "auto"
    label_names: Optional[Sequence[str]] = None
    columns: ColumnOptions = ColumnOptions()
    findings: Findings = field(default_factory=Findings)


@dataclass
class Source:
    """
    What is to be read.

    # Parameters

    path : `str`
        A file or a directory; for messages alone where `records` are given.
    records : `List[Tuple[str, Record]]`, optional (default = `None`)
        The objects of a file of JSON, each with what to call it in an error.
    """

    path: str
    records: Optional[List[Tuple[str, Record]]] = None


class Form(NamedTuple):
    """
    A form in which NER data is published or exported. Each module of this folder with a `FORM` adds one.

    # Parameters

    name : `str`
        For the log, and for the error where a file has no known form.
    recognises : `Callable[[Source], bool]`
        Whether the structure says that it is this form and no other.
    read : `Callable[[Source, Reading], List[Document]]`
    accepts : `Callable[[Source], bool]`, optional (default = `recognises`)
        Whether it can be read if no form recognises it, since it has no entities for example.
    entity_keys : `Tuple[str, ...]`, optional (default = `()`)
        The keys under which its JSON has entities.
    """

    name: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source, Reading], List[Document]]
    accepts: Callable[[Source], bool] = lambda source: False
    entity_keys: Tuple[str, ...] = ()
