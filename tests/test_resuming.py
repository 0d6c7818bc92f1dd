"""A run that was killed goes on where it was, and ends as if it had never been."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Set, Tuple

import pytest
import torch

CONFIG = "training_configs/ner/demo.jsonnet"
EPOCHS = 4
OVERRIDES: Dict[str, Any] = {
    "model.embedder.hidden_dropout": 0.1,
    "model.embedder.attention_dropout": 0.1,
    "trainer.num_epochs": EPOCHS,
    "trainer.callbacks": [{"type": "keep_last"}, {"type": "kill", "after": 8}],
}

# Imported by `--include-package`: the process kills itself after some updates, if the environment says so.
PACKAGE = """
import os, signal

from allennlp.training.callbacks import TrainerCallback


@TrainerCallback.register("kill", exist_ok=True)
class Kill(TrainerCallback):
    def __init__(self, serialization_dir, after):
        super().__init__(serialization_dir)
        self.after = after

    def on_batch(self, trainer, *args, is_training=True, **kwargs):
        if os.environ.get("KILL") and is_training and trainer._total_batches_completed == self.after:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module", autouse=True)
def package(workplace: Path) -> None:
    (workplace / "killing.py").write_text(PACKAGE)


def arguments(run: str, overrides: Dict[str, Any]) -> Tuple[str, ...]:
    """Of `allennlp train`."""
    return (
        "train",
        CONFIG,
        "-s",
        run,
        "-o",
        json.dumps({**OVERRIDES, **overrides}),
        "--include-package",
        "killing",
    )


def results(run: Path) -> Tuple[Dict[str, float], Dict[str, torch.Tensor]]:
    """The last epoch's metrics, and the weights in the archive."""
    metrics = json.loads((run / f"metrics_epoch_{EPOCHS - 1}.json").read_text())
    kept = {
        key: value for key, value in metrics.items() if re.match("(training_loss|(best_)?validation_)", key)
    }
    shutil.unpack_archive(run / "model.tar.gz", run / "archive")
    return kept, torch.load(run / "archive" / "weights.th", weights_only=True)


def check_same(run: Path, whole: Path) -> None:
    metrics, weights = results(run)
    expected_metrics, expected_weights = results(whole)
    assert metrics.keys() == expected_metrics.keys() >= {"training_loss", "validation_f1", "validation_loss"}
    assert metrics == pytest.approx(expected_metrics, abs=1e-6)
    assert weights.keys() == expected_weights.keys()
    for name, weight in weights.items():
        torch.testing.assert_close(weight, expected_weights[name], rtol=0, atol=1e-6, msg=name)


def checkpoints(run: Path) -> Set[Tuple[int, int]]:
    found: List[re.Match] = [
        match
        for path in run.glob("*.th")
        if (match := re.fullmatch(r"model_state_e(\d+)_b(\d+)\.th", path.name))
    ]
    return {(int(match[1]), int(match[2])) for match in found}


@pytest.mark.slow
class TestBetweenEpochs:
    @pytest.fixture(scope="class")
    def killed(self, workplace: Path, environment: Dict[str, str]) -> Path:
        """Killed from outside as soon as there is a checkpoint."""
        run = workplace / "runs" / "killed"
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "allennlp",
                *arguments(str(run), {}),
                "--include-package",
                "luke_allennlp",
            ],
            cwd=workplace,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not (run / "model_state_e1_b0.th").exists():
                assert process.poll() is None, "it ended by itself"
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert process.returncode == -signal.SIGKILL
        return run

    def test_goes_on_and_ends_the_same(self, workplace: Path, killed: Path, allennlp: Callable) -> None:
        assert (1, 0) in checkpoints(killed) and (EPOCHS, 0) not in checkpoints(killed)
        assert not (killed / "model.tar.gz").exists()
        first = (killed / "metrics_epoch_0.json").read_bytes()
        before = (killed / "metrics_epoch_0.json").stat().st_mtime_ns

        finished = allennlp(*arguments(str(killed), {}))
        assert finished.status == 1 and "--recover" in finished.error
        finished = allennlp(*arguments(str(killed), {}), "--recover")
        assert finished.status == 0, finished.err
        # The first epoch was not trained again.
        assert (killed / "metrics_epoch_0.json").read_bytes() == first
        assert (killed / "metrics_epoch_0.json").stat().st_mtime_ns == before

        whole = workplace / "runs" / "whole"
        assert allennlp(*arguments(str(whole), {})).status == 0
        check_same(killed, whole)
        output = str(workplace / "metrics.json")
        archive, data = str(killed / "model.tar.gz"), "fixtures/ner/dev.conll"
        assert allennlp("evaluate", archive, data, "--output-file", output).status == 0
        metrics = json.loads((killed / "metrics.json").read_text())
        assert json.loads(Path(output).read_text())["f1"] == pytest.approx(metrics["validation_f1"])

    def test_another_config_does_not_go_on(self, killed: Path, allennlp: Callable) -> None:
        finished = allennlp(*arguments(str(killed), {"trainer.optimizer.lr": 1}), "--recover")
        assert finished.status == 1
        assert "does not match the configuration we're recovering from" in finished.error


@pytest.mark.slow
class TestInAnEpoch:
    def test_goes_on_and_ends_the_same(
        self, workplace: Path, allennlp_process: Callable, allennlp: Callable
    ) -> None:
        overrides = {"trainer.checkpointer": {"type": "default", "save_every_num_batches": 2}}
        run = workplace / "runs" / "killed_in_an_epoch"
        package = ("--include-package", "luke_allennlp")
        finished = allennlp_process(*arguments(str(run), overrides), *package, KILL="1")
        assert finished.status == -signal.SIGKILL
        epochs, batches = max(checkpoints(run))
        assert epochs == 1 and batches > 0
        assert not (run / "metrics_epoch_1.json").exists()

        assert allennlp(*arguments(str(run), overrides), "--recover").status == 0
        whole = workplace / "runs" / "whole_with_checkpoints"
        assert allennlp(*arguments(str(whole), overrides)).status == 0
        check_same(run, whole)


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
                "trainer.callbacks": [{"type": "keep_last"}, {"type": "rates"}],
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
        metrics, weights = results(run)
        assert metrics.keys() >= {"validation_f1"}
        last = torch.load(run / f"model_state_e{EPOCHS}_b0.th", weights_only=True)
        assert all(torch.equal(weight, last[name]) for name, weight in weights.items())
        archived = json.loads((run / "archive" / "config.json").read_text())
        assert archived["trainer"]["num_epochs"] == EPOCHS

        for path in run.glob("model_state_*.th"):
            path.unlink()
        finished = train("longer", EPOCHS + 1, "--recover")
        assert finished.status == 1 and "has no checkpoint left" in finished.error
