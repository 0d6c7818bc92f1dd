from typing import Any, Dict

import pytest
from allennlp.common import Params
from allennlp.training import util

from luke_allennlp.pretraining.recovery import may_differ


@pytest.mark.parametrize("type_", ["luke_pretraining", "gradient_descent", None])
def test_where_it_runs_may_differ(type_: Any) -> None:
    config: Dict[str, Any] = {"trainer": {"type": type_}, "distributed": {"cuda_devices": [0, 1]}}
    found = may_differ(Params(config))
    assert (
        ("distributed" in found)
        == ("data_loader.max_tokens" in found)
        == ("trainer.cuda_device" in found)
        == (type_ == "luke_pretraining")
    )
    assert not {"trainer", "data_loader", "data_loader.global_batch_size", "model"} & set(found)


@pytest.mark.parametrize(
    "type_, may", [("fused_adamw", True), ("zero_adamw", True), ("huggingface_adamw", False), (None, False)]
)
def test_where_averages_are_kept_may_differ(type_: Any, may: bool) -> None:
    config: Dict[str, Any] = {"trainer": {"type": "luke_pretraining", "optimizer": {"type": type_}}}
    found = may_differ(Params(config))
    assert ("trainer.optimizer.type" in found) == may
    assert "trainer.optimizer" not in found


def test_it_is_registered() -> None:
    if not hasattr(util, "may_differ_on_recover"):
        pytest.skip("the installed AllenNLP is not the one that packaging/ makes now")
    assert util.may_differ_on_recover.count(may_differ) == 1
