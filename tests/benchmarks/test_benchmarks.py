"""What each script prints, on inputs too small to time. The figures are not checked."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, List

import pytest
import torch
from transformers import LukeConfig

from luke_allennlp.modules import LukeEncoder
from tests.conftest import FIXTURES, ROOT, process_state_kept

SCRIPTS = ROOT / "benchmarks"
HEAD = r"tiny, 1 layers, float32; .*, \d+ threads of \d+ cores; Python 3\S+, torch \S+, transformers \S+"
COMMON = ["--device", "cpu", "--size", "tiny", "--layers", "1", "--runs", "1"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., List[str]]:
    """Runs a script in this process, and gives the lines that it prints."""

    def run(name: str, *options: str) -> List[str]:
        monkeypatch.syspath_prepend(str(SCRIPTS))
        monkeypatch.setattr(sys, "argv", [name, *COMMON, *options])
        gradients = torch.is_grad_enabled()
        import harness

        monkeypatch.setattr(harness, "silence", lambda: None)  # for the rest of the process
        monkeypatch.setattr(harness, "matrix_rate", lambda device, dtype: 5e10)  # takes seconds
        with process_state_kept():
            try:
                runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
            finally:
                torch.set_grad_enabled(gradients)
        return capsys.readouterr().out.splitlines()

    return run


def matching(lines: List[str], *patterns: str) -> None:
    """Each pattern matches a line, in this order."""
    rest = iter(lines)
    for pattern in patterns:
        assert any(re.search(pattern, line) for line in rest), f"no {pattern!r} in {lines}"


def test_encoder(script: Any) -> None:
    lines = script("encoder", "--scale", "0.05", "--shapes", "short")
    times = r" +ours +[\d.,]+ ms, theirs +[\d.,]+ ms, theirs / ours [\d.]+ \(.*\), \d+% of the matrix rate"
    matching(
        lines,
        HEAD + r"; matrix rate \d+ GFLOP/s",
        r"2 x \(64 \+ 2\)",
        "equal in float32",
        f"inference{times}",
        f"training{times}",
        f"words{times}",
        r"memory +ours [\d.]+ GiB, theirs [\d.]+ GiB, ours / theirs",
    )


def test_ner_evaluation(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from ner_data import make_documents, write_conll

    document = make_documents(1)[0][:8]
    write_conll(tmp_path / "file.conll", [document], [[[] for _ in document]])
    lines = script("ner_evaluation", "--file", str(tmp_path / "file.conll"), "--batch", "4")
    matching(
        lines,
        HEAD,
        r"1 documents, \d+ sentences, \d+ words; \d+ instances, \d+ spans, \d+ entities",
        r"same entities as theirs, float32: F1 1\.0",
        r"independent spans, float32: loss ([\d.]+), of one instance at a time ([\d.]+)",
        r"paper's mode +ours +[\d.]+ sentences/s, theirs +[\d.]+, theirs / ours [\d.]+ \(",
    )


@pytest.mark.slow
def test_span_attention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    places = ["--data", str(FIXTURES / "ner/train.conll"), "--output", str(tmp_path)]
    counts = ["--seeds", "2", "--epochs", "1", "--sentences", "8", "--runs", "1"]
    options = [*places, "--model", str(FIXTURES / "tiny-luke"), *counts]
    monkeypatch.setattr(sys, "argv", ["span_attention", *options])
    with process_state_kept():
        runpy.run_path(str(SCRIPTS / "span_attention.py"), run_name="__main__")
    row = r"\| [\d.]+, [\d.]+ \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$"
    matching(
        capsys.readouterr().out.splitlines(),
        r"full, seed 1: F1 [\d.]+$",
        r"independent, seed 2: F1 [\d.]+$",
        rf"^\| full {row}",
        rf"^\| independent {row}",
    )


@pytest.mark.slow
def test_ner_training(script: Any) -> None:
    options = ["--documents", "1", "--updates", "1", "--baseline", str(ROOT)]
    lines = script("ner_training", *options)
    matching(
        lines,
        HEAD,
        r"loss before training: ([\d.]+), \1$",
        r"this checkout +[\d.]+ updates/s$",
        r"the baseline +[\d.]+ updates/s$",
        r"the baseline's time / this one's [\d.]+ \(",
    )


def test_pretraining_step(script: Any) -> None:
    sizes = ["--max-tokens", "1200", "--vocabulary", "500", "--entities", "100"]
    lines = script("pretraining_step", *sizes, "--batches", "1", "--updates", "1", "--sequences", "20")
    matching(lines, HEAD, "losses .* are theirs, float32", r"[\d,]+ words/s, .* \d+% of the matrix rate")


@pytest.mark.parametrize("entities", [3, 0])
def test_operations_are_those_of_the_products(
    entities: int, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    monkeypatch.syspath_prepend(str(SCRIPTS))
    from harness import encoder_operations, make_config

    config: LukeConfig = make_config("tiny", 2, vocab_size=100, entity_vocab_size=2)
    encoder = LukeEncoder(config).double().eval()
    ids = torch.full((2, 12), 7)
    spans = torch.tensor([[[1, 2]] * entities] * 2).view(2, entities, 2)
    inputs = dict(entity_ids=torch.ones(2, entities).long(), entity_spans=spans) if entities else {}
    counter = FlopCounterMode(display=False)
    encoder.encoder.register_forward_pre_hook(lambda *_: counter.__enter__() and None)
    encoder.encoder.register_forward_hook(lambda *_: counter.__exit__(None, None, None))
    with torch.no_grad():
        encoder(ids, **inputs)
    counted = encoder_operations(config, torch.tensor([12, 12]), torch.tensor([entities] * 2))
    # torch counts some kernels of attention, and some not.
    attention = 2 * 2 * 4 * 64 * (12 + entities) ** 2
    assert counted - attention <= counter.get_total_flops() <= counted + attention


def test_the_gpu_script_runs_all_parts(tmp_path: Path) -> None:
    """Of each only that it starts: a dry run of all takes minutes."""
    (tmp_path / "python3").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python3").chmod(0o755)
    command = ["bash", str(SCRIPTS / "gpu.sh"), str(tmp_path / "results"), "--dry", "--runs", "2"]
    environment = {"PATH": f"{tmp_path}:/usr/local/bin:/usr/bin:/bin"}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    parts = re.findall(r"^== (\w+): ended with 0 after", printed, re.MULTILINE)
    assert parts == ["encoder", "ner_evaluation", "ner_training", "pretraining_step", "tests"]
    assert (tmp_path / "results" / "encoder.txt").read_text().endswith("--runs 1 --runs 2\n")
