"""What the console shows: results and progress, and the rest only in the log."""

from edits.edit import Edit

_VERBOSE = """\
        subparser.add_argument(
            "--verbose", action="store_true", help="show all logging on the console{rest}"
        )

"""


def _verbose_option(command: str, function: str, rest: str = "") -> Edit:
    before = f"        subparser.set_defaults(func={function})\n"
    return Edit(
        name="quiet-console",
        file=f"allennlp/commands/{command}.py",
        old=before,
        new=_VERBOSE.format(rest=rest) + before,
        reason="What the console does not show can be brought back to it.",
    )


CONSOLE = [
    Edit(
        name="quiet-console",
        file="allennlp/__main__.py",
        old="""\
if os.environ.get("ALLENNLP_DEBUG"):
    LEVEL = logging.DEBUG
else:
    level_name = os.environ.get("ALLENNLP_LOG_LEVEL", "INFO")
    LEVEL = logging._nameToLevel.get(level_name, logging.INFO)

""",
        new="",
        reason="The module `console` says what the console shows, in every command.",
    ),
    Edit(
        name="quiet-console",
        file="allennlp/__main__.py",
        old="""\
logging.basicConfig(format="%(asctime)s - %(levelname)s - %(name)s - %(message)s", level=LEVEL)
""",
        new="""\

from allennlp import console  # noqa: E402

console.install()
""",
        reason="A run wrote 400 to 950 lines, of which a person needs about 50.",
    ),
    Edit(
        name="quiet-console",
        file="allennlp/__main__.py",
        old="def run():\n",
        new="""\
def run():
    if "--verbose" in sys.argv[1:]:
        console.be_verbose()
    console.take_over()
""",
        reason="What is logged while packages are imported is shown, too.",
    ),
    Edit(
        name="quiet-console",
        file="allennlp/__main__.py",
        old="""\
        sys.exit("\\n".join(f"allennlp: error: {' '.join(line.split())}" for line in lines))
""",
        new="""\
        text = "\\n".join(f"allennlp: error: {' '.join(line.split())}" for line in lines)
        sys.exit(console.note(text))
""",
        reason="The log of a run says why it ended.",
    ),
    Edit(
        name="quiet-console",
        file="allennlp/common/logging.py",
        old="""\
    stdout_handler: logging.Handler = logging.StreamHandler(sys.stdout)
    stderr_handler: logging.Handler = logging.StreamHandler(sys.stderr)

    handler: logging.Handler
    for handler in [file_handler, stdout_handler, stderr_handler]:
        handler.setFormatter(formatter)

    # Remove the already set handlers in root logger.
    # Not doing this will result in duplicate log messages
    root_logger.handlers.clear()

    if os.environ.get("ALLENNLP_DEBUG"):
        LEVEL = logging.DEBUG
    else:
        level_name = os.environ.get("ALLENNLP_LOG_LEVEL", "INFO")
        LEVEL = logging._nameToLevel.get(level_name, logging.INFO)

    file_handler.setLevel(LEVEL)
    stdout_handler.setLevel(LEVEL)
    stdout_handler.addFilter(ErrorFilter())  # Make sure errors only go to stderr
    stderr_handler.setLevel(logging.ERROR)
    root_logger.setLevel(LEVEL)

    # put all the handlers on the root logger
    root_logger.addHandler(file_handler)
    if rank == 0:
        root_logger.addHandler(stdout_handler)
        root_logger.addHandler(stderr_handler)
""",
        new="""\
    file_handler.setFormatter(formatter)
    console.install_with_log(serialization_dir, file_handler, formatter, is_shown=rank == 0)
""",
        reason="The log has everything, the console what a person needs.",
    ),
    Edit(
        name="quiet-console",
        file="allennlp/common/logging.py",
        old="import sys\n\n\nclass AllenNlpLogger",
        new="import sys\n\nfrom allennlp import console\n\n\nclass AllenNlpLogger",
        reason="See above.",
    ),
    _verbose_option("train", "resumable(train_model_from_args)", ", not only in out.log"),
    _verbose_option("evaluate", "evaluate_from_args"),
    _verbose_option("predict", "_predict"),
    _verbose_option("find_learning_rate", "find_learning_rate_from_args"),
    Edit(
        name="quiet-console",
        file="allennlp/commands/train.py",
        old='        print(f"Writing this run to {serialization_dir}", flush=True)\n',
        new="",
        reason="A run says so itself.",
    ),
    Edit(
        name="quiet-console",
        file="allennlp/commands/predict.py",
        old="""\
    predictor = _get_predictor(args)

    if args.silent and not args.output_file:
        print("--silent specified without --output-file.")
        print("Exiting early because no output will be created.")
        sys.exit(0)
""",
        new="""\
    if args.silent and not args.output_file:
        raise ConfigurationError("--silent shows no predictions: give --output-file, too")

    console.begin(silent=args.silent)
    predictor = _get_predictor(args)
""",
        reason="With `--silent` there are errors alone.",
    ),
    Edit(
        name="quiet-console",
        file="allennlp/commands/predict.py",
        old="from allennlp.commands.subcommand import Subcommand\n",
        new="from allennlp import console\nfrom allennlp.commands.subcommand import Subcommand\n",
        reason="See above.",
    ),
    Edit(
        name="evaluate-shows-a-table",
        file="allennlp/commands/evaluate.py",
        old="def evaluate_from_args(args: argparse.Namespace) -> Dict[str, Any]:\n",
        new="""\
def evaluate_from_args(args: argparse.Namespace) -> Dict[str, Any]:
    is_terminal = console.is_terminal(sys.stdout)
    console.begin(results_to_stderr=not is_terminal)
""",
        reason="Who reads the terminal gets a table, and a program that reads the output gets JSON.",
    ),
    Edit(
        name="evaluate-shows-a-table",
        file="allennlp/commands/evaluate.py",
        old="    print(json.dumps(metrics, indent=2))\n    return metrics\n",
        new="""\
    if not (is_terminal and console.has_said()):
        print(json.dumps(metrics, indent=2))
    return metrics
""",
        reason="The evaluator has shown them, or they are for a program.",
    ),
    Edit(
        name="evaluate-shows-a-table",
        file="allennlp/commands/evaluate.py",
        old="import logging\nfrom json import JSONDecodeError\n",
        new="import logging\nimport sys\nfrom json import JSONDecodeError\n",
        reason="See above.",
    ),
    Edit(
        name="evaluate-shows-a-table",
        file="allennlp/commands/evaluate.py",
        old="from allennlp.commands.subcommand import Subcommand\n",
        new="from allennlp import console\nfrom allennlp.commands.subcommand import Subcommand\n",
        reason="See above.",
    ),
    Edit(
        name="run-hooks",
        file="allennlp/commands/train.py",
        old='@Subcommand.register("train")\n',
        new='''\
run_started: List[Callable[[Union[str, PathLike]], None]] = []
"""
Called by `train_model` with the directory of a run that begins or resumes, in its first process.
"""

run_finished: List[Callable[[Union[str, PathLike]], None]] = []
"""
Called by `train_model` with the directory of a run that is complete and archived, in its first process.
"""


@Subcommand.register("train")
''',
        reason="Packages say what the machine is, and where things are.",
    ),
    Edit(
        name="run-hooks",
        file="allennlp/commands/train.py",
        old="    meta = Meta.new()\n",
        new="""\
    console.begin(has_log=True)
    for hook in run_started if node_rank == 0 else []:
        hook(serialization_dir)

    meta = Meta.new()
""",
        reason="See above.",
    ),
    Edit(
        name="run-hooks",
        file="allennlp/commands/train.py",
        old="    if return_model is None:\n        return model  # model may",
        new="""\
    for hook in run_finished if node_rank == 0 else []:
        hook(serialization_dir)

    if return_model is None:
        return model  # model may""",
        reason="See above.",
    ),
    Edit(
        name="run-hooks",
        file="allennlp/commands/train.py",
        old="from allennlp.commands.subcommand import Subcommand\n",
        new="from allennlp import console\nfrom allennlp.commands.subcommand import Subcommand\n",
        reason="See above.",
    ),
    Edit(
        name="readable-progress",
        file="allennlp/common/tqdm.py",
        old="""\
        # Use a slower interval when FILE_FRIENDLY_LOGGING is set.
        default_mininterval = 2.0 if common_logging.FILE_FRIENDLY_LOGGING else 0.1

        new_kwargs = {
            "file": TqdmToLogsWriter(),
            "mininterval": default_mininterval,
            **kwargs,
        }
""",
        new="""\
        new_kwargs = {
            "file": TqdmToLogsWriter(),
            **console.progress_options(common_logging.FILE_FRIENDLY_LOGGING),
            **kwargs,
        }
""",
        reason="Bars vanish when they are complete, and fit the terminal; a pipe gets few lines.",
    ),
    Edit(
        name="readable-progress",
        file="allennlp/common/tqdm.py",
        old="        if common_logging.FILE_FRIENDLY_LOGGING:\n            file_friendly_message",
        new="        if common_logging.FILE_FRIENDLY_LOGGING or not console.is_terminal():\n"
        "            file_friendly_message",
        reason="A file or a pipe got carriage returns: all in one line.",
    ),
    Edit(
        name="readable-progress",
        file="allennlp/common/tqdm.py",
        old="    def flush(self):\n        sys.stderr.flush()\n",
        new="""\
    def flush(self):
        sys.stderr.flush()

    # By these tqdm finds the width of the terminal and whether it has blocks.
    def fileno(self):
        return sys.stderr.fileno()

    @property
    def encoding(self):
        return sys.stderr.encoding
""",
        reason="The bar fits the terminal.",
    ),
    Edit(
        name="readable-progress",
        file="allennlp/common/tqdm.py",
        old="from allennlp.common import logging as common_logging\n",
        new="from allennlp import console\nfrom allennlp.common import logging as common_logging\n",
        reason="See above.",
    ),
    Edit(
        name="defaults-once",
        file="allennlp/commands/__init__.py",
        old="""\
            description = kwargs.get("help", "")
            kwargs["help"] = f"{description} (default = {default})"
""",
        new="""\
            description = kwargs.get("help", "")
            if "(default: " not in description:
                kwargs["help"] = f"{description} (default = {default})"
""",
        reason="A help that explains its default needs none appended.",
    ),
]
