"""What may change when a run is resumed."""

from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.training import util

import luke_allennlp  # noqa: F401
from luke_allennlp.training.recovery import may_differ, may_extend


def keys(trainer: Dict[str, Any], before: Dict[str, Any], directory: Path) -> List[str]:
    return may_extend(Params({"trainer": trainer}), Params({"trainer": before}), directory)


def error_of(trainer: Dict[str, Any], before: Dict[str, Any], directory: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        keys(trainer, before, directory)
    return str(raised.value)


def test_it_is_registered() -> None:
    for function in (may_differ, may_extend):
        assert util.may_differ_on_recover.count(function) == 1


@pytest.mark.parametrize(
    "type_, key",
    [(None, "num_epochs"), ("gradient_descent", "num_epochs"), ("luke", "num_steps"), ("luke", "num_epochs")],
)
class TestLength:
    def trainer(self, type_: Any, key: str, length: Any) -> Dict[str, Any]:
        return {**({} if type_ is None else {"type": type_}), key: length}

    def test_longer(self, tmp_path: Path, type_: Any, key: str) -> None:
        before = self.trainer(type_, key, 5)
        assert keys(before, before, tmp_path) == []
        assert keys(self.trainer(type_, key, 6), before, tmp_path) == [f"trainer.{key}"]

    def test_shorter(self, tmp_path: Path, type_: Any, key: str) -> None:
        message = error_of(self.trainer(type_, key, 4), self.trainer(type_, key, 5), tmp_path)
        assert message.startswith(
            f"trainer.{key} is 4, and the run in {tmp_path} is one of 5; --recover takes"
        )

    def test_without_a_checkpoint(self, tmp_path: Path, type_: Any, key: str) -> None:
        trainer, before = self.trainer(type_, key, 6), self.trainer(type_, key, 5)
        (tmp_path / "metrics_epoch_0.json").write_text("{}")
        assert f"trainer.{key}: the run in {tmp_path} has no checkpoint left" in error_of(
            trainer, before, tmp_path
        )
        (tmp_path / "checkpoints" / "step-7").mkdir(parents=True)
        (tmp_path / "model_state_e1_b0.th").write_text("")
        assert keys(trainer, before, tmp_path) == [f"trainer.{key}"]


def test_default_length(tmp_path: Path) -> None:
    assert keys({"num_epochs": 21}, {}, tmp_path) == ["trainer.num_epochs"]
    assert error_of({"num_epochs": 19}, {}, tmp_path).startswith("trainer.num_epochs is 19, and the run")


@pytest.mark.parametrize("name", ["slanted_triangular", "linear_with_warmup", "polynomial_decay"])
def test_schedule_that_would_end(tmp_path: Path, name: str) -> None:
    scheduler = {"learning_rate_scheduler": {"type": name}}
    message = error_of({"num_epochs": 6, **scheduler}, {"num_epochs": 5, **scheduler}, tmp_path)
    assert f'the learning-rate scheduler "{name}" would end at the previous length' in message


@pytest.mark.parametrize(
    "scheduler", [{"type": "linear_with_warmup_ratio"}, "constant", {"type": "reduce_on_plateau"}, None]
)
def test_schedule_that_goes_on(tmp_path: Path, scheduler: Any) -> None:
    options = {"learning_rate_scheduler": scheduler}
    assert keys({"num_epochs": 6, **options}, {"num_epochs": 5, **options}, tmp_path) == [
        "trainer.num_epochs"
    ]


@pytest.mark.parametrize("type_", ["luke", "gradient_descent", None])
def test_where_it_runs_may_differ(type_: Any) -> None:
    config: Dict[str, Any] = {"trainer": {"type": type_}, "distributed": {"cuda_devices": [0, 1]}}
    found = may_differ(Params(config))
    assert (
        ("distributed" in found)
        == ("data_loader.max_tokens" in found)
        == ("trainer.cuda_device" in found)
        == (type_ == "luke")
    )
    assert not {"trainer", "data_loader", "data_loader.global_batch_size", "model"} & set(found)


@pytest.mark.parametrize(
    "type_, may", [("fused_adamw", True), ("zero_adamw", True), ("huggingface_adamw", False), (None, False)]
)
def test_where_averages_are_kept_may_differ(type_: Any, may: bool) -> None:
    config: Dict[str, Any] = {"trainer": {"type": "luke", "optimizer": {"type": type_}}}
    found = may_differ(Params(config))
    assert ("trainer.optimizer.type" in found) == may
    assert "trainer.optimizer" not in found
