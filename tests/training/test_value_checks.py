"""What is said of a config's numbers, GPUs and metric before a training."""

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.plugins import import_plugins
from allennlp.models import Model

import luke_allennlp  # noqa: F401
from luke_allennlp.training.config_check import check_config
from luke_allennlp.training.preflight import preflight
from luke_allennlp.training.value_checks import check_devices, check_numbers, check_validation_metric

CONFIGS = Path(__file__).parents[2] / "training_configs"
ROOT = CONFIGS.parent


def read(name: str, overrides: Dict[str, Any]) -> Params:
    return Params.from_file(CONFIGS / f"{name}.jsonnet", json.dumps(overrides))


@pytest.fixture(scope="module", autouse=True)
def plugins() -> None:
    """As the `allennlp` command has them: a config may name a model of allennlp-models."""
    import_plugins()


@pytest.fixture(scope="module")
def shipped() -> Dict[str, Dict[str, Any]]:
    """The configs that the tests change, made once."""
    names = ("ner/demo", "pretraining/demo_stage1", "ner/crf_tagger")
    return {name: read(name, {}).as_dict(quiet=True) for name in names}


class TestNumbers:
    @pytest.mark.parametrize(
        "name, key, values, expected",
        [
            ("ner/demo", "trainer.num_epochs", [0, -3], "at least 1"),
            ("ner/demo", "trainer.num_gradient_accumulation_steps", [0, -1], "at least 1"),
            ("ner/demo", "trainer.patience", [0], "at least 1"),
            ("ner/demo", "trainer.seed", [-1], "0 or more"),
            ("ner/demo", "trainer.optimizer.lr", [-1e-5], "0 or more"),
            ("ner/demo", "trainer.optimizer.weight_decay", [-0.01], "0 or more"),
            ("ner/demo", "trainer.learning_rate_scheduler.warmup_ratio", [-0.1, 6], "a number from 0 to 1"),
            ("ner/demo", "data_loader.batch_size", [0, -8], "at least 1"),
            ("ner/demo", "data_loader.num_workers", [-1], "0 or more"),
            ("ner/demo", "validation_data_loader.batch_size", [0], "at least 1"),
            ("ner/demo", "dataset_reader.max_instances", [0, -1], "at least 1"),
            ("ner/demo", "model.dropout", [1.5, -0.1], "a number from 0 to 1"),
            ("ner/demo", "model.embedder.hidden_dropout", [10], "a number from 0 to 1"),
            ("ner/crf_tagger", "trainer.optimizer.lr", [-1], "0 or more"),
            ("pretraining/demo_stage1", "trainer.num_steps", [0], "at least 1"),
            ("pretraining/demo_stage1", "data_loader.max_tokens", [0], "at least 1"),
            ("pretraining/demo_stage1", "trainer.optimizer.lr", [-1], "0 or more"),
        ],
    )
    def test_out_of_range(
        self, shipped: Dict[str, Any], name: str, key: str, values: List[float], expected: str
    ) -> None:
        for value in values:
            params = Params(json.loads(json.dumps(shipped[name])))
            inner = params.params
            *path, last = key.split(".")
            for part in path:
                inner = inner[part]
            inner[last] = value
            with pytest.raises(ConfigurationError) as raised:
                preflight(params)
            assert str(raised.value) == f"{key} is {value}; expected {expected}."

    def test_of_groups(self, shipped: Dict[str, Any]) -> None:
        config = json.loads(json.dumps(shipped["ner/demo"]))
        groups = config["trainer"]["optimizer"]["parameter_groups"]
        groups.append([["classifier"], {"lr": 0}])
        check_numbers(check_config(Params(config)))
        groups[1][1]["lr"] = -1
        with pytest.raises(ConfigurationError, match="^trainer.optimizer.parameter_groups.1.1.lr is -1;"):
            check_numbers(check_config(Params(config)))


class TestDevices:
    @pytest.fixture(autouse=True)
    def two_gpus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    @pytest.mark.parametrize(
        "config",
        [{}, {"trainer": {}}, {"trainer": {"cuda_device": 1}, "distributed": None}]
        + [{"trainer": {"cuda_device": -1}}, {"distributed": {"cuda_devices": [0, 1]}}]
        + [{"distributed": {"cuda_devices": [-1, -1]}}],
    )
    def test_those_that_are_there(self, config: Dict[str, Any]) -> None:
        check_devices(config)

    @pytest.mark.parametrize(
        "config, start",
        [
            ({"trainer": {"cuda_device": 7}}, "trainer.cuda_device: there is no GPU 7, "),
            ({"distributed": {"cuda_devices": [0, 1, 2]}}, "distributed.cuda_devices: there is no GPU 2, "),
        ],
    )
    @pytest.mark.parametrize("number, seen", [(0, "no GPU"), (1, "one GPU, 0"), (2, "GPUs 0 to 1")])
    def test_those_that_are_not(
        self,
        monkeypatch: pytest.MonkeyPatch,
        config: Dict[str, Any],
        start: str,
        number: int,
        seen: str,
    ) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: number)
        with pytest.raises(ConfigurationError) as raised:
            check_devices(config)
        message = str(raised.value)
        assert message.startswith(start.split(":")[0]) and f"torch sees {seen} here" in message
        assert number != 2 or message.startswith(start)


METRICS = {
    "ner/demo": ["precision", "recall", "f1", "f1_PER", "precision_MISC"],
    "cloze_qa/record": ["em", "f1"],
    "entity_typing/open_entity": ["f1", "macro_f1", "exact_match"],
    "relation_classification/tacred": ["f1", "macro_f1", "accuracy"],
    "relation_classification/kbp37": ["f1", "semeval_f1"],
    "reading_comprehension/squad": ["em", "f1"],
    "reading_comprehension/squad2": ["em", "f1", "best_f1", "HasAns_f1", "NoAns_exact"],
    "pretraining/demo_stage1": ["masked_word_accuracy", "masked_entity_perplexity"],
}


class TestMetrics:
    @pytest.fixture(scope="class", params=METRICS)
    def config(self, request: pytest.FixtureRequest) -> Iterator[Any]:
        config = read(request.param, {}).as_dict(quiet=True)
        yield request.param, config

    def check(self, config: Dict[str, Any], metric: Any) -> None:
        config = {**config, "trainer": {**config["trainer"], "validation_metric": metric}}
        check_validation_metric(check_config(Params(config)))

    def test_those_of_the_task(self, config: Any) -> None:
        name, made = config
        for metric in [*METRICS[name], "loss"]:
            self.check(made, f"+{metric}")
            self.check(made, f"-{metric}")
        if "validation_metric" in made["trainer"]:
            self.check(made, made["trainer"]["validation_metric"])

    def test_nearest(self, config: Any) -> None:
        name, made = config
        near = METRICS[name][0]
        for wrong in (f"{near}x", f"validation_{near}", near[:-1] + "_"):
            with pytest.raises(ConfigurationError) as raised:
                self.check(made, f"+{wrong}")
            message = str(raised.value)
            assert message.startswith(f'trainer.validation_metric is "+{wrong}", which is no metric of this')
            assert f'did you mean "+{near}"?' in message and ", loss." in message

    @pytest.mark.slow
    def test_only_with_the_option(self) -> None:
        for name, option, metric in [
            ("ner/demo", "model.paper_compatible", "+paper_f1"),
            ("relation_classification/tacred", "model.semeval", "+semeval_f1"),
            ("reading_comprehension/squad", "model.allow_no_answer", "+best_f1"),
        ]:
            self.check(read(name, {option: True}).as_dict(quiet=True), metric)
            with pytest.raises(ConfigurationError, match="no metric of this model"):
                self.check(read(name, {option: False}).as_dict(quiet=True), metric)

    @pytest.mark.parametrize("name", ["ner/demo", "ner/crf_tagger"])
    def test_the_sign(self, shipped: Dict[str, Any], name: str) -> None:
        with pytest.raises(
            ConfigurationError, match='is "f1"; write "\\+f1" if more is better, "-f1" if less'
        ):
            self.check(shipped[name], "f1")
        with pytest.raises(ConfigurationError, match="trainer.validation_metric"):
            self.check(shipped[name], "")

    def test_every_model_of_a_task_tells(self) -> None:
        ours = [name for name in Model.list_available() if name.startswith("luke_")]
        assert len(ours) == 6
        for name in ours:
            assert Model.by_name(name).metric_names({})
