"""
What a command shows on the console, and what only its log has.

The console shows progress, results, errors, and the warnings of AllenNLP, of LUKE and of included packages.
All other records go to the log of the run, `out.log`, which has what the console shows, too. `--verbose` or
a level in `ALLENNLP_LOG_LEVEL` (`DEBUG` by `ALLENNLP_DEBUG`) brings all records of that level to it.
"""

import argparse
import logging
import os
import shutil
import sys
import textwrap
from functools import lru_cache
from typing import Any, Dict, FrozenSet, List, Optional, Set, TextIO, Tuple

LEVEL_VARIABLE = "ALLENNLP_LOG_LEVEL"

PROJECT_PACKAGES = {"allennlp", "allennlp_models", "luke_allennlp"}
"""Packages whose warnings the console shows."""

# It warns of what AllenNLP itself does whenever a run resumes or has several processes.
_NOT_SHOWN = {"allennlp.data.vocabulary"}

_FORMAT = "%(asctime)s - %(levelname)s - %(name)s - %(message)s"

_silent = False
_results_to_stderr = False
_has_said = False
_log_file: Optional[str] = None
_waiting: List[str] = []


def is_verbose() -> bool:
    """Whether the console shows all records."""
    return bool(os.environ.get("ALLENNLP_DEBUG") or os.environ.get(LEVEL_VARIABLE))


def level() -> int:
    """Of the log, and of the console if it shows all records."""
    if os.environ.get("ALLENNLP_DEBUG"):
        return logging.DEBUG
    return logging._nameToLevel.get(os.environ.get(LEVEL_VARIABLE, "INFO").upper(), logging.INFO)


def be_verbose() -> None:
    """As `--verbose`, for this process and those it starts."""
    os.environ.setdefault(LEVEL_VARIABLE, "INFO")


def begin(silent: bool = False, results_to_stderr: bool = False, has_log: bool = False) -> None:
    """
    Called when a command begins, or another run.

    # Parameters

    silent : `bool`, optional (default = `False`)
        Show errors alone.
    results_to_stderr : `bool`, optional (default = `False`)
        `say` writes to standard error: standard output is for programs.
    has_log : `bool`, optional (default = `False`)
        Whether there will be a log of the run for the warnings of others.
    """
    global _silent, _results_to_stderr, _has_said, _log_file
    _silent, _results_to_stderr, _has_said, _log_file = silent, results_to_stderr, False, None
    _waiting.clear()
    if not has_log and not is_verbose():
        # It may not be imported yet, and writes its warnings to the console itself.
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


class ConsoleHandler(logging.Handler):
    """Shows on the console what belongs there."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return False
        if record.levelno >= logging.ERROR:
            return True
        if _silent:
            return False
        if is_verbose():
            return record.levelno >= level()
        if record.levelno < logging.WARNING:
            return False
        if record.name == "py.warnings":  # of `warnings.warn`: the text begins with the path of its file
            path = record.getMessage().split(".py:")[0].replace(os.sep, "/")
            return any(f"/{package}/" in path for package in _shown_packages())
        return record.name.split(".")[0] in _shown_packages() and record.name not in _NOT_SHOWN

    def emit(self, record: logging.LogRecord) -> None:
        try:
            least = logging.ERROR if is_verbose() else logging.WARNING
            _write(self.format(record), sys.stderr if record.levelno >= least else sys.stdout)
        except Exception:
            self.handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        if is_verbose() or record.levelno >= logging.ERROR:
            return super().format(record)
        text = f"{record.levelname.capitalize()}: {record.getMessage()}"
        if not is_terminal():
            return text
        width = shutil.get_terminal_size().columns
        options: Dict[str, Any] = {"subsequent_indent": "  ", "break_long_words": False}
        lines = text.splitlines()
        return "\n".join(textwrap.fill(line, width, break_on_hyphens=False, **options) for line in lines)


def install() -> None:
    """Lets the root logger write to the console, if it has no handler."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(_console_handler(logging.Formatter(_FORMAT)))
        root.setLevel(level())


def install_with_log(
    directory: Any, handler: logging.Handler, formatter: logging.Formatter, is_shown: bool
) -> None:
    """
    Lets the root logger write to the log of a run, and to the console.

    # Parameters

    directory : `Union[str, PathLike]`
        Of the run. What `say` has shown so far is written to its `out.log`, and so is what follows.
    handler, formatter : `logging.Handler`, `logging.Formatter`
        Of the log.
    is_shown : `bool`
        Whether this process writes to the console.
    """
    global _log_file
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(level())
    handler.setLevel(level())
    root.addHandler(handler)
    if is_shown:
        root.addHandler(_console_handler(formatter))
    take_over()
    if is_shown:
        _log_file = os.path.join(directory, "out.log")
        lines = _waiting[:]
        _waiting.clear()
        for line in lines:
            note(line)


def _console_handler(formatter: logging.Formatter) -> ConsoleHandler:
    handler = ConsoleHandler()
    handler.setFormatter(formatter)
    return handler


def take_over() -> None:
    """
    Lets `warnings.warn` and the libraries that write to the console themselves, such as transformers, use
    the handlers of the root logger.
    """
    if is_verbose():
        return
    logging.captureWarnings(True)
    for logger in list(logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", [])[:]:
            if type(handler) is logging.StreamHandler and handler.stream in (sys.stdout, sys.stderr):
                logger.removeHandler(handler)  # type: ignore[union-attr]
                logger.propagate = True  # type: ignore[union-attr]


def say(text: str = "") -> None:
    """Shows a result on the console, and adds it to the log of the run."""
    global _has_said
    _has_said = True
    if not _silent:
        _write(text, sys.stderr if _results_to_stderr else sys.stdout)
    note(text)


def has_said() -> bool:
    """Whether anything was shown by `say` since the command began."""
    return _has_said


def note(text: str) -> str:
    """Adds what the console shows to the log of the run. Returns the text."""
    if _log_file is None:
        _waiting.append(text)
    elif os.path.exists(_log_file):
        with open(_log_file, "a", encoding="utf-8") as file:
            file.write(text + "\n")
    return text


def progress_options(is_file_friendly: bool) -> Dict[str, Any]:
    """
    Options of progress bars. In a terminal they vanish when they are complete. A file or a pipe gets a line
    each half a minute.
    """
    if _silent:
        return {"disable": True}
    if is_file_friendly:
        return {"mininterval": 2.0}
    if is_terminal():
        return {"mininterval": 0.1, "delay": 0.5, "leave": False, "dynamic_ncols": _has_size()}
    return {"mininterval": 30.0, "maxinterval": 30.0, "delay": 30.0, "miniters": 1, "leave": False}


def is_terminal(stream: Optional[TextIO] = None) -> bool:
    """Of standard error, where progress is shown, by default."""
    stream = stream or sys.stderr
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _has_size() -> bool:
    """Whether the terminal says its size: in containers it may be 0."""
    try:
        return min(os.get_terminal_size(sys.stderr.fileno())) > 1
    except (OSError, ValueError):
        return False


def _write(text: str, stream: TextIO) -> None:
    """Writes a line above the progress bars."""
    bars = _visible_bars() if is_terminal() else []
    for bar in bars:
        bar.clear(nolock=True)
    if bars:
        sys.stderr.flush()
    stream.write(text + "\n")
    stream.flush()
    for bar in bars:
        bar.refresh(nolock=True)


def _visible_bars() -> List[Any]:
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    return [
        bar
        for bar in list(getattr(tqdm, "_instances", []))
        if not bar.disable and bar.last_print_t >= bar.start_t + bar.delay
    ]


def _shown_packages() -> Set[str]:
    return PROJECT_PACKAGES | _included_packages(tuple(sys.argv[1:]))


@lru_cache(maxsize=1)
def _included_packages(arguments: Tuple[str, ...]) -> FrozenSet[str]:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--include-package", action="append", default=[])
    names = parser.parse_known_args(arguments)[0].include_package
    return frozenset(name.split(".")[0] for name in names)
