"""The configs of pretraining say what the original did, and are constructed on small data."""

import re
from pathlib import Path

import pytest
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import prepare_environment

from luke_allennlp.training import LinearWithWarmupRatio
from luke_allennlp.training.optimizers import FusedAdamW
from luke_allennlp.training.preflight import preflight
from luke_allennlp.training.trainer import LukeTrainer
from tests.conftest import FIXTURES, ROOT
from tests.pretraining.datasets import random_sequences, write_dataset

CONFIGS = ROOT / "training_configs" / "pretraining"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.jsonnet"))
ORIGINAL = {
    # model, learning rate, updates, only what is new, whole words
    "luke_base_stage1": ("roberta-base", 5e-4, 98168, True, True),
    "luke_base_stage2": ("exported/luke_base_stage1", 1e-5, 98168, False, True),
    "luke_large_stage1": ("roberta-large", 5e-4, 98168, True, True),
    "luke_large_stage2": ("exported/luke_large_stage1", 1e-5, 98168, False, True),
    "mluke_base_stage1": ("xlm-roberta-base", 5e-4, 540326, True, False),
    "mluke_base_stage2": ("exported/mluke_base_stage1", 1e-4, 540326, False, False),
    "roberta_more_pretraining": ("roberta-large", 1e-5, 196336, False, True),
}


def read(name):
    return Params.from_file(CONFIGS / f"{name}.jsonnet").as_dict(quiet=True)


@pytest.fixture
def evaluate(tmp_path):
    def evaluate(knobs):
        path = tmp_path / "config.jsonnet"
        path.write_text(f"(import '{CONFIGS}/luke_base_stage1.jsonnet') + {{ {knobs} }}")
        return Params.from_file(path).as_dict(quiet=True)

    return evaluate


@pytest.fixture
def bare(monkeypatch):
    for name in ("LUKE_MODEL", "LUKE_DATA", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("bare")
class TestOriginal:
    def test_all_are_there(self):
        assert set(NAMES) == {*ORIGINAL, "demo_stage1", "demo_stage2"}

    @pytest.mark.parametrize("name", ORIGINAL)
    def test_hyperparameters(self, name):
        model, rate, steps, only_new, whole_words = ORIGINAL[name]
        config = read(name)
        trainer, loader, embedder = config["trainer"], config["data_loader"], config["model"]["embedder"]
        assert embedder["model_name"] == config["dataset_reader"]["tokenizer"]["model_name"] == model
        assert config["model"]["train_only_new"] is only_new
        assert embedder["entity_aware_attention"] is False
        optimizer = {"type": "fused_adamw", "lr": rate, "betas": [0.9, 0.999], "eps": 1e-6}
        optimizer.update(weight_decay=0.01, correct_bias=False)
        optimizer["parameter_groups"] = [[["bias", "LayerNorm\\.weight"], {"weight_decay": 0}]]
        assert trainer["optimizer"] == optimizer
        assert trainer["num_steps"] == steps
        assert trainer["learning_rate_scheduler"]["warmup_steps"] == 2500
        assert "grad_norm" not in trainer and "grad_clipping" not in trainer
        assert loader["global_batch_size"] == 2048
        assert loader["masking"] == {"type": "luke", "whole_words": whole_words}
        entities = name != "roberta_more_pretraining"
        assert config["model"]["entities"] is entities and loader["entities"] is entities
        assert config["distributed"] is None

    def test_languages(self):
        loader = read("mluke_base_stage1")["data_loader"]
        paths = ["data/pretraining/en", *loader["datasets"]]
        assert len(paths) == len(set(paths)) == 24
        assert "data/pretraining/zh" in paths and loader["sampling_exponent"] == 0.7


@pytest.mark.usefixtures("bare")
class TestKnobs:
    @pytest.mark.slow
    def test_devices(self, evaluate, monkeypatch):
        config = evaluate("devices:: [0, 1]")
        assert config["distributed"] == {"cuda_devices": [0, 1]} and "cuda_device" not in config["trainer"]
        alone = evaluate("devices:: [1]")
        assert alone["distributed"] is None and alone["trainer"]["cuda_device"] == 1
        monkeypatch.setenv("MASTER_ADDR", "node7")
        monkeypatch.setenv("MASTER_PORT", "1234")
        primary = {"primary_address": "node7", "primary_port": 1234}
        assert evaluate("nodes:: 2")["distributed"] == {"cuda_devices": [0], "num_nodes": 2, **primary}

    def test_others(self, evaluate):
        config = evaluate(
            "shard_optimizer:: true, precision:: 'bf16', validate:: false, max_tokens:: 99, seed:: 7, "
            "embedder_options:: { gradient_checkpointing: true }, masking_options:: { word_ratio: 0.3 }"
        )
        assert config["trainer"]["optimizer"]["type"] == "zero_adamw"
        assert config["trainer"]["precision"] == "bf16"
        assert config["validation_data_path"] is None
        assert config["data_loader"]["max_tokens"] == 99
        assert config["data_loader"]["masking"] == {"type": "luke", "whole_words": True, "word_ratio": 0.3}
        assert config["model"]["embedder"]["gradient_checkpointing"] is True
        assert config["trainer"]["seed"] == config["data_loader"]["seed"] == config["pytorch_seed"] == 7


class TestConstruction:
    @pytest.fixture(scope="class")
    def place(self, tmp_path_factory):
        place = tmp_path_factory.mktemp("small")
        datasets = read("mluke_base_stage1")["data_loader"]["datasets"]
        for number, language in enumerate(["en", *(Path(path).name for path in datasets)]):
            sequences = [random_sequences(20 if language == "en" else 2, number)]
            write_dataset(place / "data/pretraining" / language, sequences, [random_sequences(2, number)])
        (place / "fixtures").symlink_to(FIXTURES)
        (place / "runs/pretrain-demo").mkdir(parents=True)
        (place / "runs/pretrain-demo/dataset").symlink_to(place / "data/pretraining/en")
        # What the first stage would have made: any RoBERTa can be trained as a whole.
        (place / "runs/pretrain-demo/stage1-exported").symlink_to(FIXTURES / "tiny-roberta")
        return place

    @pytest.fixture(autouse=True)
    def small(self, place, monkeypatch):
        monkeypatch.chdir(place)
        monkeypatch.setenv("LUKE_MODEL", "fixtures/tiny-roberta")
        monkeypatch.setenv("LUKE_DATA", "data")

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=[] if name.startswith("luke_base") else [pytest.mark.slow])
            for name in NAMES
        ],
    )
    def test_it_makes_an_update(self, name, tmp_path):
        overrides = {"trainer.num_steps": 1, "data_loader.num_workers": 0}
        overrides["validation_data_loader.num_workers"] = 0
        params = Params.from_file(CONFIGS / f"{name}.jsonnet", overrides)
        preflight(params.duplicate())
        prepare_environment(params)
        assert params.pop("distributed") is None
        assert params.pop("include_in_archive") == ["checkpoint"]
        loop = TrainModel.from_params(params=params, serialization_dir=str(tmp_path), local_rank=0)
        trainer = loop.trainer
        assert isinstance(trainer, LukeTrainer) and isinstance(trainer.optimizer, FusedAdamW)
        assert isinstance(trainer._learning_rate_scheduler, LinearWithWarmupRatio)
        metrics = loop.run()
        assert metrics["step"] == 1 and metrics["training_loss"] > 1 and metrics["validation_loss"] > 1
        for parameter_name, parameter in loop.model.named_parameters():
            is_new = re.search(r"entity_(embeddings|predictions)\.", parameter_name) is not None
            assert not name.endswith("stage1") or parameter.requires_grad == is_new, parameter_name
            assert not parameter.requires_grad or parameter.grad is not None, parameter_name

    @pytest.mark.parametrize(
        "key, value, message",
        [
            ("trainer.num_step", 3, "num_steps"),
            ("trainer.optimizer.rate", 1.0, "rate"),
            ("trainer.checkpointer.every", 1, "every"),
            ("data_loader.batch_size", 1, "batch_size"),
            ("train_data_path", "data/pretraining/xx", 'no file "data/pretraining/xx"'),
        ],
    )
    def test_mistakes_are_found_before_training(self, key, value, message):
        params = Params.from_file(CONFIGS / "luke_base_stage1.jsonnet", {key: value})
        with pytest.raises(ConfigurationError, match=message):
            preflight(params)
