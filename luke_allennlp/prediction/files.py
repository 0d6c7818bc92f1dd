"""What `allennlp predict` reads and writes, if it is not JSON lines."""

import argparse
import logging
from collections import deque
from pathlib import Path
from typing import Any, Deque, Dict, Iterator, Optional, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from luke_allennlp.prediction.outputs import NER, TASKS_OF, Output, open_output
from luke_allennlp.prediction.text_inputs import Row, TextInputs

logger = logging.getLogger(__name__)


def prediction_files(args: argparse.Namespace) -> Optional["PredictionFiles"]:
    """Of the arguments of `allennlp predict`; `None` if it reads and writes JSON lines."""
    inputs = None
    if args.use_dataset_reader:
        for option in ("input_format", "text_column", "whole_file"):
            if getattr(args, option):
                raise ConfigurationError(
                    f"--{option.replace('_', '-')} is given, and --use-dataset-reader, with which the "
                    "archive's reader reads the file and detects its format; omit one of them."
                )
    else:
        inputs = TextInputs(args.input_file, args.input_format, args.text_column, args.whole_file)
        inputs = None if inputs.format == "jsonl" else inputs
    path = None if args.output_file is None else Path(args.output_file)
    _check_output(args.output_format, path)
    if inputs is None and args.output_format == "jsonl":
        return None
    return PredictionFiles(inputs, args.output_format, path)


def _check_output(format: str, path: Optional[Path]) -> None:
    if format in ("docbin", "brat") and path is None:
        what = "the path of a .spacy file" if format == "docbin" else "a directory"
        raise ConfigurationError(f"--output-format {format} needs --output-file with {what}.")
    if format == "brat" and path is not None and path.exists():
        if not path.is_dir() or any(path.iterdir()):
            raise ConfigurationError(
                f"{path}: is there already; --output-format brat writes a new directory."
            )
    elif format != "jsonl" and path is not None and path.is_dir():
        raise ConfigurationError(f"{path}: is a directory; --output-format {format} writes a file.")


class PredictionFiles:
    """
    As AllenNLP's `predict` uses it: a context in which the outputs are written.

    # Parameters

    inputs : `TextInputs`, optional
        `None` if AllenNLP reads them itself.
    format : `str`
        Of the output: "jsonl", "conll", "docbin" or "brat".
    path : `Path`, optional
        Of the output.
    """

    def __init__(self, inputs: Optional[TextInputs], format: str, path: Optional[Path]) -> None:
        self._inputs = inputs
        self._format = format
        self._path = path
        self._pending: Deque[Row] = deque()
        self._output: Optional[Output] = None
        self._wants_text = False
        self._hidden: Dict[str, None] = {}

    @property
    def writes(self) -> bool:
        """Whether the outputs are written here, and not as JSON lines."""
        return self._format != "jsonl"

    @property
    def to_console(self) -> bool:
        """Whether they are written to standard output."""
        return self.writes and self._path is None

    def start(self, predictor: Predictor) -> None:
        """
        Raises a `ConfigurationError` if inputs or outputs are none of the task's.
        """
        task = getattr(predictor, "task", None)
        name = f"a model of type {task or type(predictor._model).__name__!r}"
        if self.writes and task not in TASKS_OF[self._format]:
            raise ConfigurationError(
                f"--output-format {self._format} is for {' and '.join(TASKS_OF[self._format])}; the archive "
                f"holds {name}, whose outputs are JSON lines (jsonl)."
            )
        self._wants_text = task == NER
        if self._inputs is not None and self._inputs.takes_texts and not self._wants_text:
            raise ConfigurationError(
                f"{self._inputs.path}: has a text for each input, which is enough for {NER!r} alone; the "
                f"archive holds {name}, which takes JSON lines, or csv with the record's keys as columns."
            )
        if self.writes:
            self._output = open_output(self._format, self._path, predictor)

    def inputs(self) -> Optional[Iterator[Tuple[str, Dict[str, Any]]]]:
        """The name of each input in errors, and its record; `None` if they are read by AllenNLP."""
        return None if self._inputs is None else self._rows(self._inputs)

    def _rows(self, inputs: TextInputs) -> Iterator[Tuple[str, Dict[str, Any]]]:
        for row in inputs.rows(self._wants_text):
            self._pending.append(row)
            yield row.where, row.record

    def output(self, given: Any, output: Dict[str, Any]) -> Dict[str, Any]:
        """Takes the output of the next input, a record or an instance; returns what is printed."""
        kept = self._pending.popleft().kept if self._pending else {}
        rest = {name: value for name, value in kept.items() if name not in output}
        if self._wants_text:
            self._hidden.update(dict.fromkeys(kept.keys() - rest.keys()))
        if self._output is not None:
            self._output.add(given, output, kept)
        return {**output, **rest}

    def __enter__(self) -> "PredictionFiles":
        if self._output is not None:
            self._output.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for name in self._hidden:
            logger.warning("The column %r is left out of the output, which has such a key itself.", name)
        if self._output is None:
            return
        self._output.__exit__(*error)
        if isinstance(error[1], ConfigurationError) and self._path is not None:
            message = error[1].message.rstrip(".")
            raise ConfigurationError(f"{message}. Nothing is written to {self._path}.") from error[1]
