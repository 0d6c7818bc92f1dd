"""`allennlp demo`, as a user types it."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.tasks.support import make_archive

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'luke-allennlp[demo]'")


@pytest.mark.parametrize(
    "options, message",
    [
        (["--max-length", "0"], "--max-length is 0; expected 1 or more."),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid, port 7860"),
        ([], "none.tar.gz: there is no such file or directory"),
    ],
)
def test_errors(allennlp, tmp_path, options, message):
    finished = allennlp("demo", str(tmp_path / "none.tar.gz"), *options)
    assert finished.status == 1 and message in finished.error and "Traceback" not in finished.err


def test_a_port_that_is_taken(allennlp, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        finished = allennlp("demo", str(tmp_path), "--port", str(port))
    assert f"Port {port} of 127.0.0.1 cannot be used" in finished.error and "--port" in finished.error


def test_without_gradio(allennlp, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    finished = allennlp("demo", str(tmp_path))
    assert "pip install 'luke-allennlp[demo]'" in finished.error


def test_other_machines_are_warned_of(allennlp, tmp_path, monkeypatch):
    served = []
    monkeypatch.setattr("luke_allennlp.demo.server.serve", lambda page, listening: served.append(listening))
    archive = make_archive("luke_ner", tmp_path)
    finished = allennlp("demo", str(archive), "--host", "0.0.0.0", "--port", "0", "--device", "cpu")
    assert finished.status == 0 and served
    assert "Warning: whoever reaches 0.0.0.0" in finished.err and "http://0.0.0.0:" in finished.out
    finished = allennlp("demo", str(archive), "--device", "cpu")
    assert finished.status == 0 and "Warning: whoever" not in finished.err
    assert re.search(r"is at http://127\.0\.0\.1:\d+/ until Ctrl-C", finished.out)


@pytest.mark.slow
def test_until_ctrl_c(tmp_path, environment):
    archive = make_archive("luke_ner", tmp_path)
    command = [sys.executable, "-m", "allennlp", "demo", str(archive), "--include-package", "luke_allennlp"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = next(line for line in process.stdout if "http://" in line)
            address = re.search(r"http://\S+", line)[0]
            with urllib.request.urlopen(address, timeout=30) as answer:
                assert b"gradio" in answer.read()
            # A page that is open waits for news.
            stream = urllib.request.urlopen(f"{address}gradio_api/heartbeat/a", timeout=30)
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=30)
            stream.close()
        finally:
            process.kill()
    assert process.returncode == 0 and "Stopped." in out and "Traceback" not in err
