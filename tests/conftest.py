"""What all tests share."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, NamedTuple

import hypothesis
import pytest
import torch
from filelock import FileLock
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
DEMO_EPOCHS = 16
"""Of the demonstration in a workplace."""

# Tests of any input try few of them; HYPOTHESIS_PROFILE=thorough tries as many as Hypothesis does by default.
hypothesis.settings.register_profile("few", max_examples=25, deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))


@contextmanager
def process_state_kept() -> Iterator[None]:
    """What a training changes in its process and leaves so: where messages go, and who hears of its end."""
    loggers = [logging.getLogger(name) for name in (None, "tqdm")]
    before: Any = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    excepthook, sigterm = sys.excepthook, signal.getsignal(signal.SIGTERM)
    # By default, and as AllenNLP's data loader sets it, progress bars share a lock with all processes that
    # are forked. Tests kill some of these, and who is killed with the lock would stop the tests.
    tqdm.set_lock(threading.RLock())
    try:
        yield
    finally:
        for logger, logger.handlers[:], level in before:
            logger.setLevel(level)
        sys.excepthook = excepthook
        signal.signal(signal.SIGTERM, sigterm)
        for name in ("allennlp.common.params", "allennlp.nn.initializers"):
            logging.getLogger(name).disabled = False


@contextmanager
def default_signal_handlers() -> Iterator[None]:
    """
    Gives SIGINT and SIGTERM the handlers that Python starts with. Processes inherit that a signal is ignored:
    SIGINT is in background jobs of scripts, under some CI, and after `trap '' INT`. Tests that send one of
    these signals, to this process or one that it starts, would wait in vain.
    """
    defaults: Dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """
    Messages of a test must not go to files of the one before, which are closed, nor may it depend on which
    signals were ignored when the tests were started.
    """
    with default_signal_handlers(), process_state_kept():
        return (yield)


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The repository's own small data."""
    return FIXTURES


@pytest.fixture(scope="session")
def root_dir() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Reference data outside of the repository: $LUKE_SHARED, or `shared` beside the checkout."""
    directory = Path(os.environ.get("LUKE_SHARED", ROOT.parent / "shared"))
    if not (directory / "golden").is_dir():
        pytest.skip(f"the reference data is not at {directory}; set LUKE_SHARED to where it is")
    return directory


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny models are faster on one thread, and tests that run side by side leave each other the cores."""
    torch.set_num_threads(1)


class Finished(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The last line it wrote to standard error."""
        return self.err.splitlines()[-1] if self.err else ""


Command = Callable[..., Finished]


def small_corpus(source: Path, target: Path, documents: int) -> None:
    """Writes the first documents of a file in CoNLL's form."""
    parts = source.read_text(encoding="utf-8").split("-DOCSTART-")
    assert len(parts) > documents
    target.write_text("-DOCSTART-".join(parts[: documents + 1]), encoding="utf-8")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make_workplace` makes."""
    return make_workplace(tmp_path_factory.mktemp("workplace"))


def make_workplace(place: Path) -> Path:
    """
    A checkout with the tiny LUKE and a small part of the corpus, in which runs of the demonstration take
    seconds.
    """
    shutil.copytree(ROOT / "training_configs", place / "training_configs")
    demo = place / "training_configs/ner/demo.jsonnet"
    text = demo.read_text(encoding="utf-8")
    assert "num_epochs:: 20" in text
    demo.write_text(text.replace("num_epochs:: 20", f"num_epochs:: {DEMO_EPOCHS}"), encoding="utf-8")
    shutil.copytree(FIXTURES / "tiny-luke", place / "fixtures" / "tiny-luke")
    (place / "fixtures" / "ner").mkdir()
    for name, documents in (("train", 8), ("dev", 4), ("test", 4)):
        small_corpus(FIXTURES / f"ner/{name}.conll", place / f"fixtures/ner/{name}.conll", documents)
    shutil.copyfile(FIXTURES / "ner/sentences.jsonl", place / "fixtures/ner/sentences.jsonl")
    return place


@pytest.fixture(scope="session")
def environment() -> Dict[str, str]:
    """For a command in a process of its own: this checkout's package, no network, one thread."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LUKE_")}
    return {**kept, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def allennlp_process(workplace: Path, environment: Dict[str, str]) -> Command:
    """Runs `python -m allennlp` as a user does, from the workplace."""

    def run(*arguments: str, **variables: str) -> Finished:
        return run_allennlp(workplace, {**environment, **variables}, *arguments)

    return run


def run_allennlp(place: Path, environment: Dict[str, str], *arguments: str) -> Finished:
    """Runs `python -m allennlp` in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-m", "allennlp", *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Finished(result.returncode, result.stdout, result.stderr)


class DemoRun(NamedTuple):
    """A run of training_configs/ner/demo.jsonnet in a workplace, and how its command ended."""

    directory: Path
    finished: Finished


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory, environment: Dict[str, str]) -> DemoRun:
    """The shortest command there is, as a user types it, to its end. Once for all processes of the tests."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    place, done = shared / "demo", shared / "demo.json"
    with FileLock(str(shared / "demo.lock")):
        if not done.exists():
            make_workplace(place)
            command = ("train", "training_configs/ner/demo.jsonnet", "--include-package", "luke_allennlp")
            finished = run_allennlp(place, environment, *command)
            assert finished.status == 0, finished.err
            done.write_text(json.dumps(finished), encoding="utf-8")
    return DemoRun(place / "runs/ner/demo", Finished(*json.loads(done.read_text(encoding="utf-8"))))


@pytest.fixture
def allennlp(workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs `allennlp` with this package from the workplace, in this process: that spares its start."""
    run = allennlp_in_process(monkeypatch, capfd)
    monkeypatch.chdir(workplace)
    return lambda *arguments: run(*arguments, "--include-package", "luke_allennlp")


def allennlp_in_process(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Makes a function that does in this process what `allennlp` with its arguments does."""
    from allennlp import __main__ as entry

    def run(*arguments: str) -> Finished:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["allennlp", *arguments])
        status: Any = 0
        with process_state_kept():
            try:
                entry.run()
            except SystemExit as exit_:
                # What Python itself does with it.
                status = exit_.code or 0
                if isinstance(status, str):
                    print(status, file=sys.stderr)
                    status = 1
        return Finished(status, *capfd.readouterr())

    return run
