"""
What share of the time of an update does the trainer spend outside forward, backward and the optimizer?

    python benchmarks/trainer_overhead.py [--config training_configs/ner/demo.jsonnet] [--layers 2]
                                          [--hidden 768] [--steps 60] [--profile 15]

Trains a randomly initialised model of `--layers` layers on the fixtures with the trainer of a shipped config,
prints the seconds of each part after a warm-up, and what the rest consists of by `cProfile`, which itself
slows the rest down: the shares come from a run without it. On a GPU a part ends when its kernels are queued;
`--synchronize` waits for them.
"""

import argparse
import cProfile
import io
import json
import os
import pstats
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import Any, DefaultDict, Iterator, Optional

import torch
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.common.util import prepare_environment
from transformers import LukeConfig, LukeForMaskedLM

import luke_allennlp.components  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
WARM_UP = 5


class Clock:
    """The seconds of the parts of the updates after the warm-up."""

    def __init__(self, steps: int, synchronize: bool, profile: bool) -> None:
        self._last = steps
        self.seconds: DefaultDict[str, float] = defaultdict(float)
        self.steps = 0
        self.start: Optional[float] = None
        self.total = 0.0
        self._synchronize = synchronize
        self.profile = cProfile.Profile() if profile else None

    def now(self) -> float:
        if self._synchronize:
            torch.cuda.synchronize()
        return time.perf_counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        if self.profile is not None:
            self.profile.disable()
        start = self.now()
        yield
        if self.steps >= WARM_UP:
            self.seconds[name] += self.now() - start
        if self.profile is not None and WARM_UP <= self.steps < self._last:
            self.profile.enable()

    def end_step(self) -> None:
        self.steps += 1
        if self.steps == WARM_UP:
            self.start = self.now()
        elif self.start is not None:
            self.total = self.now() - self.start
        if self.profile is not None and self.steps == self._last:
            self.profile.disable()


def timed(clock: Clock, owner: Any, method: str, part: str) -> None:
    original = getattr(owner, method)

    def call(*arguments: Any, **options: Any) -> Any:
        with clock.part(part):
            return original(*arguments, **options)

    setattr(owner, method, call)


def make_model(directory: Path, layers: int, hidden: int) -> None:
    """A checkpoint with the fixtures' vocabulary and random weights."""
    tiny = FIXTURES / "tiny-luke"
    config = LukeConfig.from_pretrained(tiny)
    config.num_hidden_layers, config.hidden_size, config.intermediate_size = layers, hidden, 4 * hidden
    config.num_attention_heads = max(hidden // 64, 1)
    LukeForMaskedLM(config).save_pretrained(directory)
    for path in tiny.iterdir():
        if not (directory / path.name).exists() and path.suffix != ".bin":
            (directory / path.name).write_bytes(path.read_bytes())


def run(arguments: argparse.Namespace, place: Path, profile: bool) -> Clock:
    overrides = {
        "trainer.num_epochs": None,
        "trainer.num_steps": arguments.steps,
        "trainer.checkpointer": {"save_every_num_steps": None, "save_every_num_minutes": None},
        "trainer.validation_metric": None,
        "trainer.cuda_device": 0 if arguments.device == "cuda" else -1,
        "validation_data_path": None,
        "test_data_path": None,
        "evaluate_on_test": False,
        **json.loads(arguments.overrides),
    }
    config = place.with_suffix(".jsonnet")
    model = json.dumps(str(place.parent / "model"))
    config.write_text(f"(import {json.dumps(str(ROOT / arguments.config))}) + {{ model_name:: {model} }}")
    params = Params.from_file(config, json.dumps(overrides))
    prepare_environment(params)
    for key in ("distributed", "include_in_archive"):
        params.pop(key, None)
    job = TrainModel.from_params(
        params=params, serialization_dir=str(place), local_rank=0, batch_weight_key=""
    )
    trainer: Any = job.trainer
    clock = Clock(arguments.steps, arguments.synchronize, profile)
    timed(clock, trainer._pytorch_model, "forward", "forward")
    timed(clock, torch.Tensor, "backward", "backward")
    timed(clock, trainer.optimizer, "step", "update")
    original = trainer._end_step

    def end_step() -> None:
        original()
        clock.end_step()

    trainer._end_step = end_step
    trainer.train()
    return clock


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="training_configs/ner/demo.jsonnet")
    parser.add_argument("--overrides", default="{}", help="further ones, as of allennlp train")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--profile", type=int, default=15, help="functions to show; 0 for none")
    parser.add_argument("--synchronize", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()

    backward = torch.Tensor.backward
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        make_model(place / "model", arguments.layers, arguments.hidden)
        os.environ.setdefault("LUKE_DATA", str(FIXTURES / "data"))
        clock = run(arguments, place / "run", profile=False)
        torch.Tensor.backward = backward  # type: ignore[method-assign]
        steps = clock.steps - WARM_UP
        print(
            f"{steps} updates, {1000 * clock.total / steps:.1f} ms each, {steps / clock.total:.1f} a second"
        )
        rest = clock.total - sum(clock.seconds.values())
        for name, seconds in [*clock.seconds.items(), ("rest", rest)]:
            print(f"{name:10} {1000 * seconds / steps:8.2f} ms  {seconds / clock.total:6.1%}")
        if arguments.profile:
            profiled = run(arguments, place / "profiled", profile=True)
            text = io.StringIO()
            pstats.Stats(profiled.profile, stream=text).sort_stats("tottime").print_stats(arguments.profile)
            print(text.getvalue())


if __name__ == "__main__":
    main()
