"""
How many updates a second does the training of NER make, and how busy does it keep a GPU?

    python benchmarks/ner_training.py [--size base] [--layers N] [--dtype float32|bfloat16]
                                      [--device cpu|cuda] [--baseline CHECKOUT] [--updates 40] [--runs 5]
                                      [--documents 8] [--overrides JSON]

Trains from random weights, with dropout 0.1, on a generated file of documents as long as CoNLL-2003's, with
`training_configs/lib/ner.libsonnet` as it stands: 8 instances an update, document context, 128 spans.
`--baseline` is an older checkout of this project: it is trained in turns with this one, `--updates` at a
time, in a process of its own, and both must compute the same loss before they start.

On a GPU, also the share of the time in which a kernel runs there, by NVML or `nvidia-smi`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any, Dict, List, Optional

from harness import ROOT, SIZES, in_rounds, machine_line, make_parser, make_trainer, ratio_text, silence
from ner_data import make_checkpoint, make_documents, random_entities, write_conll

CONFIG = """(import '%(checkout)s/training_configs/lib/ner.libsonnet') + {
  model_name:: '%(place)s/model',
  train_data:: '%(place)s/train.conll',
  precision:: %(precision)s,
  num_epochs:: 1000,
  embedder_options:: { hidden_dropout: %(dropout)s, attention_dropout: %(dropout)s },
}
"""


class Utilization(threading.Thread):
    """Samples the share of the time in which a kernel runs, in percent, while `active`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.active, self.source = False, "NVML"
        self.samples: List[float] = []

    def run(self) -> None:
        while True:
            if self.active:
                try:
                    self.samples.append(self._sample())
                except (OSError, ValueError, subprocess.SubprocessError) as error:
                    self.source = f"not measured: {error}"
                    return
            time.sleep(0.2)

    def _sample(self) -> float:
        if self.source == "NVML":
            import torch

            try:
                return torch.cuda.utilization()
            except (ImportError, RuntimeError):  # no pynvml, or another driver
                self.source = "nvidia-smi"
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()[0])


def train(place: Path, options: argparse.Namespace) -> None:
    """In a process of its own: a round of updates for each line that comes in, and then a line of JSON."""
    import luke_allennlp.components
    from luke_allennlp.data.word_tokenizer import WordTokenizer
    from luke_allennlp.tasks.ner import NerReader

    if not Path(luke_allennlp.components.__file__).is_relative_to(Path.cwd()):
        raise SystemExit(f"{luke_allennlp.components.__file__} is not of {Path.cwd()}")
    silence()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others print

    def answer(**values: Any) -> None:
        print(json.dumps(values), file=answers, flush=True)

    overrides = {
        "trainer.num_steps": 1 + options.updates * (options.runs + 1),
        "trainer.cuda_device": -1 if options.device == "cpu" else 0,
        **json.loads(options.overrides),
    }
    trainer = make_trainer(place / "config.jsonnet", overrides, place / "run")
    reader = NerReader(WordTokenizer(str(place / "model")))
    answer(loss=loss_of(trainer.model, reader, place / "train.conll"))
    utilization = Utilization()
    if options.device != "cpu":
        utilization.start()

    def next_round(seconds: Optional[float]) -> None:
        utilization.active = False
        if seconds is not None:
            busy = statistics.mean(utilization.samples) if utilization.samples else None
            answer(seconds=seconds, busy=busy, source=utilization.source)
        sys.stdin.readline()
        utilization.samples, utilization.active = [], True

    in_rounds(trainer, options.updates, options.device, next_round)


def loss_of(model: Any, reader: Any, file: Path) -> float:
    """Of the first instances, without dropout, in float32."""
    import torch
    from allennlp.data import Batch
    from allennlp.nn.util import get_device_of, move_to_device

    instances = list(islice(reader.read(str(file)), 8))
    for instance in instances:
        instance.index_fields(model.vocab)
    device = get_device_of(next(model.parameters()))
    batch: Any = move_to_device(Batch(instances).as_tensor_dict(), device)
    with torch.no_grad():
        loss = model.eval()(**batch)["loss"].item()
    model.get_metrics(reset=True)
    return loss


class Trainer:
    """The process that trains with one checkout."""

    def __init__(self, checkout: Path, place: Path, options: argparse.Namespace) -> None:
        place.mkdir()
        for name in ("model", "train.conll"):
            (place / name).symlink_to(place.parent / name)
        values = dict(checkout=checkout, place=place, dropout=0.1)
        precision = "null" if options.dtype == "float32" else "'bf16'"
        (place / "config.jsonnet").write_text(CONFIG % dict(values, precision=precision))
        self._log = place / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__, *sys.argv[1:], "--child", str(place)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout), *_python_path()])},
                cwd=checkout,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def round(self) -> Dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> Dict[str, Any]:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"the training ended:\n{self._log.read_text()[-3000:]}")
        return json.loads(answer)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def _python_path() -> List[str]:
    path = os.environ.get("PYTHONPATH")
    return [path] if path else []


def main() -> None:
    parser = make_parser(__doc__, runs=5)
    parser.add_argument("--size", choices=sorted(SIZES), default="base")
    parser.add_argument("--baseline", type=Path, help="an older checkout")
    parser.add_argument("--updates", type=int, default=40, help="of a run")
    parser.add_argument("--documents", type=int, default=8, help="of the generated file")
    parser.add_argument("--overrides", default="{}", help="further ones, as of allennlp train")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        train(options.child, options)
        return
    print(machine_line(options, options.size), flush=True)
    checkouts: List[Optional[Path]] = [ROOT, options.baseline and options.baseline.resolve()]
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        documents = make_documents(options.documents)
        write_conll(place / "train.conll", documents, random_entities(documents))
        make_checkpoint(place / "model", options.size, options.layers, fine_tuned=False)
        trainers = [
            Trainer(checkout, place / f"run-{number}", options)
            for number, checkout in enumerate(checkouts)
            if checkout is not None
        ]
        try:
            losses = [trainer.answer()["loss"] for trainer in trainers]
            print(f"loss before training: {', '.join(f'{loss:.5f}' for loss in losses)}", flush=True)
            if max(losses) - min(losses) > 1e-4:
                raise SystemExit("the two compute different losses: there is nothing to compare")
            rounds = [[trainer.round() for trainer in trainers] for _ in range(options.runs + 1)][1:]
        finally:
            for trainer in trainers:
                trainer.close()
    for place_, name in enumerate(["this checkout", "the baseline"][: len(trainers)]):
        seconds = [answers[place_]["seconds"] for answers in rounds]
        busy = [answers[place_]["busy"] for answers in rounds]
        line = f"{name:14} {options.updates / statistics.median(seconds):8.2f} updates/s"
        if options.device != "cpu":
            known = [share for share in busy if share is not None]
            share = f"{statistics.median(known):.0f}%" if known else "unknown"
            line += f", GPU busy {share} ({rounds[0][place_]['source']})"
        print(line)
    if len(trainers) > 1:
        pairs = [[answer["seconds"] for answer in answers] for answers in rounds]
        print(f"the baseline's time / this one's {ratio_text([p[1] for p in pairs], [p[0] for p in pairs])}")


if __name__ == "__main__":
    main()
