"""A run that was interrupted goes on where it was, and ends as if it had never been; and becomes longer."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
import torch
from safetensors.torch import load_file

CONFIG = "training_configs/ner/demo.jsonnet"
EPOCHS = 4
OVERRIDES: Dict[str, Any] = {
    "model.embedder.hidden_dropout": 0.1,
    "model.embedder.attention_dropout": 0.1,
    "trainer.num_epochs": EPOCHS,
    "trainer.callbacks": [{"type": "signal", "after": 8}],
}

# Imported by `--include-package`: the process gets a signal after some updates, if the environment says so.
PACKAGE = """
import os

from allennlp.training.callbacks import TrainerCallback


@TrainerCallback.register("signal", exist_ok=True)
class Signal(TrainerCallback):
    def __init__(self, serialization_dir, after):
        super().__init__(serialization_dir)
        self.after = after

    def on_batch(self, trainer, *args, is_training=True, **kwargs):
        if os.environ.get("SIGNAL") and is_training and trainer._total_batches_completed == self.after:
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))
"""


def arguments(run: str, **overrides: Any) -> Tuple[str, ...]:
    """Of `allennlp train`."""
    options = json.dumps({**OVERRIDES, **overrides})
    return ("train", CONFIG, "-s", run, "-o", options, "--include-package", "signalling")


def archived(run: Path) -> Dict[str, torch.Tensor]:
    """The weights in the archive."""
    shutil.unpack_archive(run / "model.tar.gz", run / "archive")
    return torch.load(run / "archive" / "weights.th", weights_only=True)


@pytest.mark.slow
class TestInterrupted:
    @pytest.fixture
    def whole(self, workplace: Path, allennlp: Callable) -> Path:
        run = workplace / "runs/whole"
        if not run.exists():
            (workplace / "signalling.py").write_text(PACKAGE)
            finished = allennlp(*arguments("runs/whole"))
            assert finished.status == 0, finished.err
        return run

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
    def test_ends_the_same(
        self, workplace: Path, whole: Path, allennlp: Callable, allennlp_process: Callable, number: int
    ) -> None:
        name = f"runs/by_{number}"
        run = workplace / name
        package = ("--include-package", "luke_allennlp")
        finished = allennlp_process(*arguments(name), *package, SIGNAL=str(int(number)))
        assert finished.status == 75, finished.err
        assert "interrupted after step 8; a checkpoint is saved. Resume with" in finished.err
        assert f"-s {run} --recover" in finished.err
        assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-8"]
        assert not (run / "model.tar.gz").exists()

        # Nothing is overwritten without --recover, nor resumed by another config.
        finished = allennlp(*arguments(name))
        assert finished.status == 1 and "--recover" in finished.error
        finished = allennlp(*arguments(name, **{"trainer.optimizer.lr": 1}), "--recover")
        assert finished.status == 1
        assert "does not match the configuration we're recovering from" in finished.error

        finished = allennlp(*arguments(name), "--recover")
        assert finished.status == 0, finished.err
        weights, expected = archived(run), archived(whole)
        assert weights.keys() == expected.keys()
        assert [key for key, value in weights.items() if not torch.equal(value, expected[key])] == []


# Imported by `--include-package`: notes the rate of each update.
RATES = """
import json

from allennlp.training.callbacks import TrainerCallback


@TrainerCallback.register("rates", exist_ok=True)
class Rates(TrainerCallback):
    def on_batch(self, trainer, *args, is_training=True, **kwargs):
        if is_training:
            with open(self.serialization_dir + "/rates.jsonl", "a") as file:
                json.dump([trainer._total_batches_completed, trainer.optimizer.param_groups[0]["lr"]], file)
                file.write("\\n")
"""


@pytest.mark.slow
class TestLonger:
    def test_a_finished_run_becomes_longer(
        self, workplace: Path, allennlp: Callable, caplog: pytest.LogCaptureFixture
    ) -> None:
        (workplace / "noting_rates.py").write_text(RATES)

        def train(run: str, epochs: int, *options: str) -> Any:
            overrides = {
                "trainer.num_epochs": epochs,
                "trainer.keep": "last",
                "trainer.callbacks": [{"type": "rates"}],
            }
            package = ("--include-package", "noting_rates")
            arguments = ("train", CONFIG, "-s", f"runs/{run}", "-o", json.dumps(overrides), *package)
            return allennlp(*arguments, *options)

        def rates(run: str) -> List[Tuple[int, float]]:
            lines = (workplace / "runs" / run / "rates.jsonl").read_text().splitlines()
            return [tuple(json.loads(line)) for line in lines]

        run = workplace / "runs" / "longer"
        assert train("longer", 2).status == 0
        first = {path.name: path.read_bytes() for path in run.glob("metrics_epoch_*.json")}
        assert sorted(first) == ["metrics_epoch_0.json", "metrics_epoch_1.json"]
        updates = len(rates("longer")) // 2

        finished = train("longer", 1, "--recover")
        assert finished.status == 1
        assert "trainer.num_epochs is 1, and the run in runs/longer is one of 2" in finished.error
        assert json.loads((run / "config.json").read_text())["trainer"]["num_epochs"] == 2

        finished = train("longer", EPOCHS, "--recover")
        assert finished.status == 0, finished.err
        assert "The learning-rate schedule is now one of " in (run / "out.log").read_text()
        assert train("straight", EPOCHS).status == 0
        assert rates("longer")[2 * updates :] == rates("straight")[2 * updates :]
        assert len(rates("longer")) == EPOCHS * updates
        assert rates("longer")[: 2 * updates] != rates("straight")[: 2 * updates]

        assert {path.name: path.read_bytes() for path in run.glob("metrics_epoch_[01].json")} == first
        assert json.loads((run / "config.json").read_text())["trainer"]["num_epochs"] == EPOCHS
        assert "validation_f1" in json.loads((run / f"metrics_epoch_{EPOCHS - 1}.json").read_text())
        weights = archived(run)
        last = load_file(run / f"checkpoints/step-{EPOCHS * updates}" / "model.safetensors")
        assert all(torch.equal(weights[name], weight) for name, weight in last.items())
        config = json.loads((run / "archive" / "config.json").read_text())
        assert config["trainer"]["num_epochs"] == EPOCHS

        shutil.rmtree(run / "checkpoints")
        finished = train("longer", EPOCHS + 1, "--recover")
        assert finished.status == 1 and "has no checkpoint left" in finished.error
