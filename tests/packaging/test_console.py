"""What the console of the rebuilt AllenNLP shows."""

import fcntl
import io
import logging
import os
import pty
import struct
import subprocess
import sys
import termios
import textwrap
import warnings
from types import SimpleNamespace

import pytest
from allennlp import console
from allennlp.commands import evaluate, predict, train
from allennlp.common import Tqdm
from allennlp.common import logging as common_logging
from allennlp.common import tqdm as common_tqdm
from allennlp.common.checks import ConfigurationError


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """A root logger without handlers, and a console that has shown nothing."""
    for name in ("ALLENNLP_DEBUG", console.LEVEL_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    console.begin(has_log=True)
    logging.captureWarnings(False)
    root, captures = logging.getLogger(), warnings.showwarning
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    console.install()
    yield
    console.begin(has_log=True)
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    warnings.showwarning = captures


def log_all():
    logging.getLogger("allennlp.models").info("an info")
    logging.getLogger("luke_allennlp.x").warning("our warning")
    logging.getLogger("transformers_x.y").warning("their warning")
    logging.getLogger("transformers_x.y").error("their error")


@pytest.mark.edit("quiet-console")
class TestConsole:
    def test_shows_what_a_person_needs(self, capsys):
        log_all()
        out, err = capsys.readouterr()
        assert not out and err.splitlines()[0] == "Warning: our warning"
        assert err.splitlines()[1].endswith("ERROR - transformers_x.y - their error")
        assert len(err.splitlines()) == 2

    def test_included_packages_are_ours(self, capsys, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["allennlp", "train", "x", "--include-package", "transformers_x.y"])
        log_all()
        assert "their warning" in capsys.readouterr().err

    @pytest.mark.parametrize("name, value", [("ALLENNLP_LOG_LEVEL", "info"), ("ALLENNLP_DEBUG", "1")])
    def test_all_is_shown_when_asked_for(self, capsys, monkeypatch, name, value):
        monkeypatch.setenv(name, value)
        log_all()
        out, err = capsys.readouterr()
        assert [line.split(" - ")[-1] for line in out.splitlines()] == (
            ["an info", "our warning", "their warning"]
        )
        assert err.count("\n") == 1

    def test_level(self, capsys, monkeypatch):
        monkeypatch.setenv("ALLENNLP_LOG_LEVEL", "ERROR")
        log_all()
        out, err = capsys.readouterr()
        assert not out and err.count("\n") == 1 and console.level() == logging.ERROR

    def test_silence(self, capsys):
        console.begin(silent=True, has_log=True)
        log_all()
        console.say("a result")
        out, err = capsys.readouterr()
        assert not out and err.count("\n") == 1 and "their error" in err
        assert Tqdm.tqdm([1]).disable

    def test_log_of_a_run_has_all(self, tmp_path, capsys):
        console.say("shown before the log was there")
        common_logging.prepare_global_logging(tmp_path)
        log_all()
        console.say("shown")
        console.note("the error at the end")
        log = (tmp_path / "out.log").read_text()
        assert [line.split(" - ")[-1] for line in log.splitlines()] == (
            ["shown before the log was there", "an info", "our warning", "their warning", "their error"]
            + ["shown", "the error at the end"]
        )
        out, err = capsys.readouterr()
        assert out == "shown before the log was there\nshown\n" and err.count("\n") == 2
        # Another run has a log of its own.
        console.begin(has_log=True)
        console.say("of the next run")
        assert "of the next run" not in (tmp_path / "out.log").read_text()

    def test_other_processes_show_nothing(self, tmp_path, capsys):
        common_logging.prepare_global_logging(tmp_path, rank=1, world_size=2)
        log_all()
        assert capsys.readouterr() == ("", "")
        assert "1 | " in (tmp_path / "out_worker1.log").read_text()

    def test_what_others_write_themselves_goes_to_the_log(self, tmp_path, capsys):
        other = logging.getLogger("transformers_z")
        other.addHandler(logging.StreamHandler(sys.stderr))
        other.propagate = False
        common_logging.prepare_global_logging(tmp_path)
        other.warning("from its own handler")
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
        assert capsys.readouterr() == ("", "")
        log = (tmp_path / "out.log").read_text()
        assert "from its own handler" in log and "FutureWarning: deprecated" in log

    def test_python_warnings_of_ours(self, capsys):
        record = (
            "py.warnings",
            logging.WARNING,
            "",
            1,
            "%s",
            ("/a/luke_allennlp/b.py:3: UserWarning: x",),
            None,
        )
        logging.getLogger().handle(logging.LogRecord(*record))
        assert "UserWarning: x" in capsys.readouterr().err

    @pytest.mark.parametrize("module", ["train", "evaluate", "predict", "find-lr"])
    def test_option(self, module):
        from allennlp.commands import parse_args

        with pytest.MonkeyPatch.context() as patch:
            files = ["a", "b"][: 1 if module in ("train", "find-lr") else 2]
            more = ["-s", "c"] if module == "find-lr" else []
            patch.setattr(sys, "argv", ["allennlp", module, *files, *more, "--verbose"])
            assert parse_args("allennlp")[1].verbose

    def test_predict_is_silent(self, monkeypatch, tmp_path):
        monkeypatch.setattr(predict, "_get_predictor", lambda args: None)
        monkeypatch.setattr(predict, "_PredictManager", lambda *args: SimpleNamespace(run=lambda: None))
        arguments = dict.fromkeys(("input_file", "batch_size", "use_dataset_reader", "multitask_head"))
        arguments.update(dict.fromkeys(("input_format", "text_column", "whole_file", "weights_file")))
        (tmp_path / "x.jsonl").write_text("{}\n")
        arguments.update(input_file=str(tmp_path / "x.jsonl"), output_file="x", output_format="jsonl")
        arguments.update(file_friendly_logging=False)
        predict._predict(SimpleNamespace(silent=False, **arguments))
        assert not console._silent
        predict._predict(SimpleNamespace(silent=True, **arguments))
        assert console._silent
        with pytest.raises(ConfigurationError, match="--silent shows no predictions: give --output-file"):
            predict._predict(SimpleNamespace(silent=True, **{**arguments, "output_file": None}))


@pytest.mark.edit("evaluate-shows-a-table")
@pytest.mark.parametrize("is_terminal, says", [(False, True), (False, False), (True, True), (True, False)])
def test_evaluate(is_terminal, says, monkeypatch, capsys):
    def evaluated(**arguments):
        if says:
            console.say("a table")
        return {"f1": 0.5}

    monkeypatch.setattr(evaluate, "evaluate_from_archive", evaluated)
    monkeypatch.setattr(console, "is_terminal", lambda stream=None: is_terminal)
    evaluate.evaluate_from_args(mock_arguments())
    out, err = capsys.readouterr()
    # For a person the table, for a program JSON and nothing else.
    assert ('"f1": 0.5' in out) == (not is_terminal or not says)
    assert ("a table" in out) == (is_terminal and says)
    assert ("a table" in err) == (not is_terminal and says)


def mock_arguments():
    names = "archive_file input_file output_file predictions_output_file batch_size overrides cuda_device"
    more = "embedding_sources_mapping extend_vocab weights_file file_friendly_logging batch_weight_key"
    return SimpleNamespace(**dict.fromkeys(f"{names} {more} auto_names".split()))


@pytest.mark.edit("run-hooks")
def test_hooks(tmp_path, monkeypatch):
    called = []
    for name in ("run_started", "run_finished"):
        monkeypatch.setattr(train, name, [lambda directory, name=name: called.append((name, directory))])
    monkeypatch.setattr(train, "preflight_checks", [])
    monkeypatch.setattr(train, "_train_worker", lambda **arguments: called.append("trained"))
    monkeypatch.setattr(train, "archive_model", lambda *args, **kwargs: called.append("archived"))
    train.train_model(train.Params({"model": {}}), tmp_path / "run")
    assert called == (
        [("run_started", tmp_path / "run"), "trained", "archived", ("run_finished", tmp_path / "run")]
    )


@pytest.mark.edit("readable-progress")
class TestProgress:
    def test_a_pipe_gets_few_lines(self, monkeypatch):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        for _ in Tqdm.tqdm(range(1000)):
            pass
        assert stream.getvalue() == ""
        # As after half a minute.
        options = {**console.progress_options(False), "mininterval": 0.0, "delay": 0.0}
        monkeypatch.setattr(console, "progress_options", lambda is_file_friendly: options)
        for _ in Tqdm.tqdm(range(5), desc="x"):
            pass
        lines = stream.getvalue().splitlines()
        assert "\r" not in stream.getvalue() and all(line.startswith("x: ") for line in lines if line)
        assert any("2/5" in line for line in lines)

    def test_bars_vanish_in_a_terminal(self):
        """Lines are written above the bar, which is cleared at the end."""
        script = textwrap.dedent(
            """
            import time
            from allennlp import console
            from allennlp.common import Tqdm
            with Tqdm.tqdm(total=3, desc="work", delay=0, mininterval=0) as bar:
                bar.update()
                console.say("a table")
                bar.update()
            """
        )
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        streams = {"stdin": follower, "stdout": follower, "stderr": follower}
        process = subprocess.Popen([sys.executable, "-c", script], **streams)
        process.wait(60)
        os.close(follower)
        text = b""
        try:
            while chunk := os.read(leader, 65536):
                text += chunk
        except OSError:
            pass  # the other end is closed
        os.close(leader)
        shown = text.decode().replace("\r\n", "\n")
        before, after = shown.split("a table\n")
        assert "1/3" in before and before.split("\r")[-1].strip() == ""
        assert "1/3" in after and "2/3" in after
        assert shown.split("\n")[-1].split("\r")[-1].strip() == ""

    def test_the_log_has_it_too(self, caplog, monkeypatch):
        monkeypatch.setattr(common_tqdm.logger, "propagate", True)
        with caplog.at_level(logging.INFO, "tqdm"):
            for _ in Tqdm.tqdm(range(3), mininterval=0.0, delay=0.0):
                pass
        assert any("/3" in record.getMessage() for record in caplog.records)
