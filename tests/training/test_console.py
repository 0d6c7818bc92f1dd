"""What a training shows, and what only its log has."""

import json
import re
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.common.checks import ConfigurationError

from tests.conftest import Command, Finished

CONFIG = "training_configs/ner/demo.jsonnet"


def train(allennlp: Command, directory: str, **overrides: Any) -> Finished:
    options: Dict[str, Any] = {"trainer.num_epochs": 1, **overrides}
    arguments = ("-s", directory, "-o", json.dumps(options), "--include-package", "luke_allennlp")
    return allennlp("train", CONFIG, *arguments)


@pytest.mark.slow
class TestNer:
    def test_console(self, workplace: Path, allennlp_process: Command) -> None:
        finished = train(allennlp_process, "runs/shown")
        assert finished.status == 0, finished.err
        out = finished.out
        assert len(out.splitlines()) < 40 and " - INFO - " not in out + finished.err
        assert out.startswith("Run          runs/shown")
        assert re.search(r"^train +\d+ +\d+ +\d+  fixtures/ner/train.conll$", out, re.M)
        assert re.search(r"^labels +\w+ \d+", out, re.M)
        assert re.search(r"^Model +fixtures/tiny-luke, 2 layers, hidden size 64$", out, re.M)
        assert re.search(r"^parameters +[\d,]+, all trained; entities: \[PAD\], \[MASK\]$", out, re.M)
        assert re.search(r"^device +\S.*, float32, up to", out, re.M)
        assert re.search(
            r"^Epoch 1 of 1: loss \d\.\d+, validation \d\.\d+, \d+\.\d s \* best so far$", out, re.M
        )
        assert re.search(r"^  label +precision +recall +f1 +support +predicted$", out, re.M)
        for label in ("PER", "all"):
            assert re.search(rf"^  {label}( +\d\.\d{{3}}){{3}} +\d+ +\d+$", out, re.M)
        assert re.search(r"^Archive +runs/shown/model.tar.gz$", out, re.M)
        # The log has all of it, and the rest.
        log = (workplace / "runs/shown/out.log").read_text(encoding="utf-8")
        assert all(line in log for line in out.splitlines()) and " - INFO - " in log
        environment = json.loads((workplace / "runs/shown/environment.json").read_text())
        assert environment["command"][1:3] == ["train", CONFIG]

    def test_verbose(self, workplace: Path, allennlp_process: Command) -> None:
        arguments = ("-s", "runs/verbose", "-o", '{"trainer.num_epochs": 1}', "--verbose")
        finished = allennlp_process("train", CONFIG, *arguments, "--include-package", "luke_allennlp")
        assert finished.out.count(" - INFO - ") > 100 and "Epoch 1 of 1" in finished.out

    def test_a_learning_rate_that_learns_nothing(self, workplace: Path, allennlp_process: Command) -> None:
        finished = train(
            allennlp_process, "runs/nothing", **{"trainer.optimizer.lr": 0.0, "trainer.num_epochs": 2}
        )
        assert "Warning: The training loss does not fall" in finished.err
        # At the start all is random: whatever is predicted, the rest is as it was.
        log = (workplace / "runs/nothing/out.log").read_text(encoding="utf-8")
        assert "WARNING - luke_allennlp.training.health - The training loss does not fall" in log

    def test_evaluate_and_predict(self, workplace: Path, allennlp_process: Command) -> None:
        if not (workplace / "runs/shown/model.tar.gz").exists():
            train(allennlp_process, "runs/shown")
        data = "fixtures/ner/dev.conll"
        package = ("--include-package", "luke_allennlp")
        finished = allennlp_process("evaluate", "runs/shown", data, *package)
        assert json.loads(finished.out)["f1"] >= 0  # and nothing else
        assert re.search(rf"^{data}: \d+ sentences, \d+ instances, loss \d", finished.err, re.M)
        assert re.search(r"^  all( +\d\.\d{3}){3} +\d+ +\d+$", finished.err, re.M)
        (workplace / "in.jsonl").write_text('{"text": "Edda Rask leads the choir of Marlow."}\n')
        options = ("--silent", "--output-file", "out.jsonl", *package)
        assert allennlp_process("predict", "runs/shown", "in.jsonl", *options) == Finished(0, "", "")
        assert (workplace / "out.jsonl").exists()
        assert "INFO" not in allennlp_process("predict", "runs/shown", "in.jsonl", *package).err


@pytest.mark.slow
class TestTracking:
    def test_tensorboard(self, workplace: Path, allennlp: Command) -> None:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        callbacks = {"trainer.callbacks": [{"type": "luke_tensorboard"}], "trainer.log_every": 2}
        assert train(allennlp, "runs/tracked", **callbacks).status == 0
        run = workplace / "runs/tracked"
        steps = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
        events = EventAccumulator(str(run / "log/train"))
        events.Reload()
        tags = {"loss", "learning_rate", "tokens_per_second", "memory_gb", "step_seconds"}
        assert {f"train/{tag}" for tag in tags} <= set(events.Tags()["scalars"])
        logged = {line["step"]: line["loss"] for line in steps if "step_seconds" in line}
        found = {event.step: event.value for event in events.Scalars("train/loss")}
        assert found == pytest.approx(logged) and len(found) > 1
        validated = EventAccumulator(str(run / "log/validation"))
        validated.Reload()
        (event,) = validated.Scalars("validation/f1")
        metrics = json.loads((run / "metrics.json").read_text())
        assert event.step == max(logged) and event.value == pytest.approx(metrics["validation_f1"])

    def test_weights_and_biases(
        self, workplace: Path, allennlp: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stand-in records what it is told."""
        import wandb

        told: Dict[str, Any] = {"logged": [], "saved": []}

        class Run:
            url = "https://wandb.example/run"

            def log(self, figures: Dict[str, float], step: int) -> None:
                told["logged"].append((step, figures))

            def save(self, path: str, **options: Any) -> None:
                told["saved"].append(Path(path).name)

            def finish(self) -> None:
                told["finished"] = True

        def init(**options: Any) -> Run:
            told["options"] = options
            return Run()

        monkeypatch.setattr(wandb, "init", init)
        callbacks = {"trainer.callbacks": [{"type": "luke_wandb", "project": "demo", "tags": ["a"]}]}
        finished = train(allennlp, "runs/wandb", **callbacks)
        assert finished.status == 0 and "https://wandb.example/run" in finished.out
        options = told["options"]
        assert options["project"] == "demo" and options["tags"] == ["a"] and options["name"] == "runs/wandb"
        assert options["config"]["trainer"]["num_epochs"] == 1 and told["finished"]
        assert told["saved"] == ["config.json", "environment.json", "out.log"]
        steps = [step for step, _ in told["logged"]]
        assert steps == sorted(steps)
        names = {name for _, figures in told["logged"] for name in figures}
        assert {"train/loss", "train/learning_rate", "validation/f1", "validation/loss"} <= names

    @pytest.mark.parametrize("name, module", [("luke_tensorboard", "tensorboard"), ("luke_wandb", "wandb")])
    def test_a_missing_package_is_refused_before_the_run(
        self, workplace: Path, allennlp: Command, monkeypatch: pytest.MonkeyPatch, name: str, module: str
    ) -> None:
        import sys

        monkeypatch.setitem(sys.modules, module, None)
        callback = {"type": name, **({"project": "p"} if module == "wandb" else {})}
        with pytest.raises(ConfigurationError, match="tracking") as raised:
            from allennlp.common import Params

            from luke_allennlp.training.preflight import preflight

            overrides = {"trainer.callbacks": [callback]}
            preflight(Params.from_file(workplace / CONFIG, json.dumps(overrides)))
        assert "trainer.callbacks" in str(raised.value) and module in str(raised.value)
