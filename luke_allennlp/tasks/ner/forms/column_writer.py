"""Predictions as columns: a word and its IOB2 tag on each line."""

import logging
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, List, Optional

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import written_whole
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.ner.forms.prediction import PredictedEntity, Prediction
from luke_allennlp.tasks.ner.metric import non_overlapping

logger = logging.getLogger(__name__)

# What separates columns, lines and documents, and what the reader takes from the beginning of a line.
_UNWRITABLE = re.compile(r"[\t\r\n]|\A-DOCSTART-(?!\S)|\A\ufeff")


class ColumnWriter:
    """
    Writes a file that `read_columns` reads with its default options: word and tag separated by a tab, a blank
    line after each sentence, and `-DOCSTART-` before each text. It is there as a whole once the context has
    ended without an error. Of entities that overlap, the most probable are written, and the others counted in
    a warning.

    # Parameters

    path : `Path`, optional
        `None` for standard output.
    """

    def __init__(self, path: Optional[Path]) -> None:
        self._path = path
        self._stack = ExitStack()
        self._file: IO[str] = sys.stdout
        self._overlapping = 0

    def __enter__(self) -> "ColumnWriter":
        if self._path is not None:
            temporary = self._stack.enter_context(written_whole(self._path))
            self._file = self._stack.enter_context(open(temporary, "w", encoding="utf-8", newline="\n"))
        return self

    def __exit__(self, *error: Any) -> None:
        if self._overlapping and error[0] is None:
            logger.warning(
                "%s: %d entities overlap more probable ones and are left out; columns cannot hold both.",
                self._path or "standard output",
                self._overlapping,
            )
        self._stack.__exit__(*error)

    def add(self, prediction: Prediction) -> None:
        chosen = self._without_overlaps(prediction.entities)
        if any(prediction.words):
            self._file.write("-DOCSTART-\tO\n\n")
        for number, sentence in enumerate(prediction.words):
            if not sentence:
                continue
            tags = ["O"] * len(sentence)
            for entity in chosen:
                if entity.sentence == number:
                    first, end = entity.words
                    tags[first:end] = [f"I-{entity.label}"] * (end - first)
                    tags[first] = f"B-{entity.label}"
            for (word, _), tag in zip(sentence, tags, strict=True):
                if _UNWRITABLE.search(word) or any(character in tag for character in " \t\r\n"):
                    raise ConfigurationError(
                        f"The word {shown(word)} with the tag {tag!r} cannot be written as a line of "
                        "columns; choose another output format."
                    )
                self._file.write(f"{word}\t{tag}\n")
            self._file.write("\n")

    def _without_overlaps(self, entities: List[PredictedEntity]) -> List[PredictedEntity]:
        spans = [(entity.start, entity.end) for entity in entities]
        chosen = non_overlapping(spans, [entity.score for entity in entities])
        self._overlapping += len(entities) - len(chosen)
        return [entities[index] for index in chosen]
