"""Trainings from Python: knobs, results, and a process that is as before."""

import json
import logging
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.plugins import import_registered_on_demand

import luke_allennlp
from luke_allennlp.pipelines import Run
from luke_allennlp.pipelines.knobs import config_file
from tests.conftest import FIXTURES, ROOT, small_corpus

CONFIG = f"""
(import '{ROOT}/training_configs/lib/ner.libsonnet') + {{
  model_name:: '{FIXTURES}/tiny-luke',
  train_data:: 'train.conll',
  validation_data:: 'dev.conll',
  num_epochs:: 1,
  learning_rate:: 3e-3,
  reader_options:: {{ max_length: 64 }},
}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.jsonnet").write_text(CONFIG)
    for part in ("train", "dev"):
        small_corpus(FIXTURES / f"ner/{part}.conll", tmp_path / f"{part}.conll", 1)
    return tmp_path


def state() -> List[Any]:
    """What a training changes in its process. (Imports of libraries set variables.)"""
    import_registered_on_demand()
    loggers = [logging.getLogger(name) for name in (None, "tqdm", "allennlp.common.params")]
    return [
        [(logger.handlers[:], logger.level, logger.disabled) for logger in loggers],
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)],
        (sys.excepthook, os.getcwd(), random.getstate(), dict(os.environ)),
        (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()),
        (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()),
    ]


def test_trained_twice_evaluated_and_used(place: Path) -> None:
    before = state()
    run = luke_allennlp.train("my.jsonnet", learning_rate=2e-3)
    assert state() == before
    assert run.path == Path("runs/my") and run.archive.is_file()
    assert run.config["trainer"]["optimizer"]["lr"] == 2e-3
    assert "best_validation_f1" in run.metrics and repr(run).startswith("Run('runs/my', best_validation_")
    assert "Run(" in repr(run) and str(place) not in repr(run)
    assert run.load().task == "ner" and Run("runs/my").metrics == run.metrics
    before = state()
    metrics = luke_allennlp.evaluate(run, Path("dev.conll"))
    assert metrics["f1"] == pytest.approx(run.metrics["best_validation_f1"]) and state() == before
    with pytest.raises(ConfigurationError, match="force=True"):
        luke_allennlp.train("my.jsonnet")
    again = luke_allennlp.train(run.config, output="runs/dict", overrides={"trainer.optimizer.lr": 1e-3})
    assert again.config["trainer"]["optimizer"]["lr"] == 1e-3 and state() == before


def test_in_a_thread(place: Path) -> None:
    done: Dict[str, Any] = {}

    def work() -> None:
        done["run"] = luke_allennlp.train("my.jsonnet", output="a", reader_options={"max_instances": 4})

    before = state()[:3]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done["run"].metrics and state()[:3] == before
    assert done["run"].config["dataset_reader"]["max_instances"] == 4


def test_interrupted(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from luke_allennlp.training.step_trainer import StepTrainer

    update = StepTrainer._update

    def interrupt(trainer: Any) -> Any:
        if trainer._steps_completed == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return update(trainer)

    before = state()
    with monkeypatch.context() as patch:
        patch.setattr(StepTrainer, "_update", interrupt)
        with pytest.raises(KeyboardInterrupt, match="recover=True"):
            luke_allennlp.train("my.jsonnet", output="a", num_epochs=2)
    assert state() == before and list(Path("a/checkpoints").glob("step-*"))
    assert repr(Run("a")) == "Run('a', not finished)"
    assert luke_allennlp.train("my.jsonnet", output="a", num_epochs=2, recover=True).metrics


class TestKnobs:
    @pytest.mark.parametrize(
        "knobs, message",
        [
            ({"learning_rat": 1}, "my.jsonnet has no knob 'learning_rat'; did you mean 'learning_rate'"),
            ({"zzz": 1}, "has no knob 'zzz'; it has "),
            ({"trainer": {}}, "'trainer' is a field of the config"),
            ({"learning_rate": {1}}, "learning_rate is {1}; expected what JSON can hold"),
            ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ],
    )
    def test_refused(self, place: Path, knobs: Dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            luke_allennlp.train("my.jsonnet", **knobs)
        assert message in error.value.message and not Path("runs").exists()

    def test_of_a_config_that_imports_from_the_package(self, place: Path) -> None:
        text = "(import 'luke_allennlp/training_configs/lib/ner.libsonnet') + { train_data:: 'absent.conll' }"
        Path("new.jsonnet").write_text(text)
        with pytest.raises(ConfigurationError, match="has no knob 'learning_rat'; did you mean"):
            luke_allennlp.train("new.jsonnet", learning_rat=1)
        with pytest.raises(ConfigurationError, match="train_data_path.*absent.conll"):
            luke_allennlp.train("new.jsonnet", learning_rate=1e-3)

    def test_errors_name_the_file(self, place: Path) -> None:
        with pytest.raises(ConfigurationError) as error:
            luke_allennlp.train("my.jsonnet", num_epochs=1, overrides={"num_epoch": 3})
        assert "luke_allennlp-" not in error.value.message and "my.jsonnet" in error.value.message

    def test_paths(self, place: Path) -> None:
        with config_file(Path("my.jsonnet"), {"train_data": Path("other.conll")}) as file:
            assert '"train_data":: "other.conll"' in file.read_text()
        assert not file.exists()

    def test_json_has_none(self, place: Path) -> None:
        Path("my.json").write_text(json.dumps({"trainer": {}}))
        with pytest.raises(ConfigurationError, match="JSON files have not"):
            luke_allennlp.train("my.json", learning_rate=1)
        with pytest.raises(ConfigurationError, match="has no knobs"):
            luke_allennlp.train({}, output="a", learning_rate=1)
        with pytest.raises(ConfigurationError, match="give output"):
            luke_allennlp.train({})
        with pytest.raises(ConfigurationError, match="there is no such file"):
            luke_allennlp.train("none.jsonnet")


def test_one_at_a_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: List[str] = []

    def other(*_: Any, **__: Any) -> None:
        try:
            luke_allennlp.train("my.jsonnet", output="b")
        except ConfigurationError as error:
            errors.append(error.message)

    monkeypatch.setattr(sys.modules["luke_allennlp.pipelines.training"], "train_model_from_file", other)
    with pytest.raises(ConfigurationError, match="is no directory of a run"):
        luke_allennlp.train("my.jsonnet", output="a")
    assert "Another training" in errors[0]


def test_what_is_no_path() -> None:
    data = FIXTURES / "ner" / "dev.conll"
    for call in (luke_allennlp.load, lambda value: luke_allennlp.evaluate(value, data)):
        with pytest.raises(ConfigurationError, match="model is None; expected a path"):
            call(None)
    with pytest.raises(ConfigurationError, match="data is None; expected a path"):
        luke_allennlp.evaluate("runs/my", None)  # type: ignore[arg-type]


def test_evaluation_of_nothing(archive_of: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        luke_allennlp.evaluate(archive_of("ner"), "nothing.conll")
