"""What `predict` reads and writes beside JSON lines."""

from edits.edit import Edit

_REASON = "Texts and tables should not have to be rewritten as JSON, nor JSON for the next program."

PREDICTION_FILES = [
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="        subparser.set_defaults(func=_predict)\n",
        new="""\
        subparser.add_argument(
            "--input-format",
            choices=["jsonl", "json", "txt", "csv", "tsv"],
            help="of the input file (default: by its ending and its first line; jsonl for standard input)",
        )
        subparser.add_argument(
            "--text-column",
            metavar="COLUMN",
            help="the name, or number from 0, of the column of texts in a csv or tsv file (default: text)",
        )
        subparser.add_argument(
            "--whole-file",
            action="store_true",
            help="take a txt file as one text (default: a text a line)",
        )
        subparser.add_argument(
            "--output-format",
            choices=["jsonl", "conll", "docbin", "brat"],
            default="jsonl",
            help="of the output: for NER also columns with IOB2 tags, spaCy's DocBin, or a directory of "
            "brat's files, the last for relation classification, too (default: jsonl)",
        )

        subparser.set_defaults(func=_predict)
""",
        reason=_REASON,
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old='\n\n@Subcommand.register("predict")\n',
        new="""

prediction_files: List[Callable[[argparse.Namespace], Any]] = []
\"\"\"
Called by `predict` with its arguments before the archive is loaded. Such a function returns `None`, or the
context in which the predictions are made. That has the methods `start(predictor)`, `inputs()` (pairs of an
input's name and the input, or `None` for JSON lines) and `output(input, output)`, which returns the output to
be printed, and the attributes `writes` (whether it writes the output itself) and `to_console` (whether to
standard output). Packages append theirs when they are imported.
\"\"\"


@Subcommand.register("predict")
""",
        reason=_REASON,
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="import time\nfrom typing import Callable, Iterable,",
        new="import contextlib\nimport time\nfrom typing import Any, Callable, Iterable,",
        reason="For the other edits of this file.",
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="from allennlp.common.file_utils import cached_path, open_compressed\n",
        new="from allennlp.common.file_utils import cached_path, open_compressed\n"
        "from allennlp.common.plugins import import_registered_on_demand\n",
        reason="For the other edits of this file.",
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="\nclass _PredictManager:\n",
        new="\nclass _PredictManager:\n    _files: Any = None\n\n",
        reason=_REASON,
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="    def _get_json_data(self) -> Iterator[JsonDict]:\n        if self._input_file",
        new="""\
    def _get_json_data(self) -> Iterator[JsonDict]:
        inputs = None if self._files is None else self._files.inputs()
        if inputs is not None:
            for name, record in inputs:
                self._names.append(name)
                yield record
        elif self._input_file""",
        reason=_REASON,
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="        for output in _in_parts(predict, 0, len(batch_data)):\n",
        new="""\
        for given, output in zip(batch_data, _in_parts(predict, 0, len(batch_data))):
            if self._files is not None:
                output = self._files.output(given, output)
""",
        reason=_REASON,
        matches=2,
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="""\
def _predict(args: argparse.Namespace) -> None:
    common_logging.FILE_FRIENDLY_LOGGING = args.file_friendly_logging
""",
        new="""\
def _predict(args: argparse.Namespace) -> None:
    common_logging.FILE_FRIENDLY_LOGGING = args.file_friendly_logging

    import_registered_on_demand()
    files = next(filter(None, (found(args) for found in prediction_files)), None)
    if files is None and (args.output_format != "jsonl" or args.text_column or args.whole_file):
        raise ConfigurationError("no package that is imported reads or writes such files")
""",
        reason=_REASON,
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="""\
    manager = _PredictManager(
        predictor,
        args.input_file,
        args.output_file,
""",
        new="""\
    if files is not None:
        files.start(predictor)
    manager = _PredictManager(
        predictor,
        args.input_file,
        None if files is not None and files.writes else args.output_file,
""",
        reason=_REASON,
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="        not args.silent,\n        args.use_dataset_reader,\n",
        new="        not args.silent and not (files is not None and files.to_console),\n"
        "        args.use_dataset_reader,\n",
        reason="Columns on standard output are not mixed with JSON.",
    ),
    Edit(
        name="prediction-files",
        file="allennlp/commands/predict.py",
        old="    manager.run()\n",
        new="""\
    manager._files = files
    with contextlib.nullcontext() if files is None else files:
        manager.run()
""",
        reason=_REASON,
    ),
]
