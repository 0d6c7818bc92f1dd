"""Every shipped config evaluates, is constructed on small data, and says what the paper says."""

import functools
import json
import os
import shutil
from pathlib import Path

import pytest
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.plugins import import_plugins
from allennlp.common.util import prepare_environment
from allennlp.training import GradientDescentTrainer

import luke_allennlp  # noqa: F401
from luke_allennlp.training import LinearWithWarmupRatio
from luke_allennlp.training.preflight import preflight

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "training_configs"
LIBRARY = CONFIGS / "lib"
SHIPPED = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*.jsonnet"))
# Those of pretraining count in steps, on data of their own: tests/pretraining/test_configs.py makes them.
FINE_TUNING = [name for name in SHIPPED if not name.startswith("pretraining/")]
# One of each task is constructed in the fast suite.
CONSTRUCTED = {"ner/crf_tagger", "ner/conll", "entity_typing/open_entity", "relation_classification/tacred"}
CONSTRUCTED |= {"cloze_qa/record", "reading_comprehension/squad"}


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """As the `allennlp` command has them: a config may name a model of allennlp-models."""
    import_plugins()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A place where all data is fixture data and the model is the tiny one; returns where a run can go."""
    (tmp_path / "data" / "conll2003").mkdir(parents=True)
    # Of the datasets other than CoNLL-2003 there are small ones in fixtures/data.
    for name, fixture in (("train", "test"), ("testa", "dev"), ("testb", "dev")):
        shutil.copyfile(ROOT / f"fixtures/ner/{fixture}.conll", tmp_path / f"data/conll2003/eng.{name}")
    for dataset in (ROOT / "fixtures" / "data").iterdir():
        (tmp_path / "data" / dataset.name).symlink_to(dataset)
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    # What `make pretrain-demo` has made when it comes to NER.
    (tmp_path / "runs" / "pretrain-demo").mkdir(parents=True)
    (tmp_path / "runs" / "pretrain-demo" / "luke").symlink_to(ROOT / "fixtures" / "tiny-luke")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LUKE_DATA", "data")
    monkeypatch.setenv("LUKE_MODEL", "fixtures/tiny-luke")
    return tmp_path / "run"


def construct(name, run):
    """What `allennlp train` constructs before it trains."""
    params = Params.from_file(CONFIGS / name)
    preflight(params.duplicate())
    prepare_environment(params)
    assert params.pop("distributed") is None
    run.mkdir()
    return TrainModel.from_params(params=params, serialization_dir=str(run), local_rank=0)


@functools.cache
def shipped(name):
    """A shipped config, evaluated without any variable of the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in list(os.environ):
            patch.delenv(variable)
        return Params.from_file(CONFIGS / name).as_dict(quiet=True)


def evaluate(path, text):
    path.write_text(text)
    return Params.from_file(path).as_dict(quiet=True)


@pytest.mark.parametrize("name", SHIPPED)
def test_evaluates_without_an_environment(name):
    assert {"dataset_reader", "train_data_path", "model", "trainer"} <= shipped(name).keys()


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n[:-8] in CONSTRUCTED else [pytest.mark.slow]) for n in FINE_TUNING]
)
def test_is_constructed(name, small):
    loop = construct(name, small)
    assert isinstance(loop.trainer, GradientDescentTrainer)
    assert len(loop.trainer.data_loader) > 1
    if shipped(name).get("validation_data_path") is not None:
        assert len(loop.trainer._validation_data_loader) > 0
    loss = loop.model(**next(iter(loop.trainer.data_loader)))["loss"]
    loss.backward()
    assert loss.item() > 0
    parameters = loop.model.named_parameters()
    assert not [name for name, p in parameters if p.requires_grad and p.grad is None]


# Yamada et al., EMNLP 2020, appendix, and the original's code.
PAPER = {
    # learning rate, effective batch, epochs, seed, which epoch is kept
    "ner/conll": (1e-5, 8, 5, 15, "last"),
    "entity_typing/open_entity": (1e-5, 4, 3, 12, "best"),
    "relation_classification/tacred": (1e-5, 32, 5, 42, "best"),
    "cloze_qa/record": (1e-5, 32, 2, 4, "best"),
    "reading_comprehension/squad": (1.5e-5, 48, 2, 14, "last"),
}
EXPERIMENTS = [
    f"{base}{variant}.jsonnet"
    for base in PAPER
    for variant in ("", "_original_attention", "_roberta", "_no_entities")
    if variant != "_no_entities" or base in ("ner/conll", "reading_comprehension/squad")
]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_hyperparameters_of_the_paper(name):
    base = next(base for base in PAPER if name.startswith(base))
    rate, effective, epochs, seed, kept = PAPER[base]
    config = shipped(name)
    trainer, loader, embedder = config["trainer"], config["data_loader"], config["model"]["embedder"]
    assert trainer["optimizer"]["lr"] == rate and trainer["num_epochs"] == epochs
    assert loader["batch_size"] == effective and effective % loader["loss_batch_size"] == 0
    assert config["validation_data_loader"] == {"type": "luke", "batch_size": 512, "max_tokens": None}
    assert [config[f"{kind}_seed"] for kind in ("random", "numpy", "pytorch")] == [seed] * 3
    assert (trainer["type"], trainer["keep"], trainer["callbacks"]) == ("luke", kept, [])
    assert config["datasets_for_vocab_creation"] == ["train"]
    start = "roberta-large" if "_roberta" in name else "studio-ousia/luke-large"
    assert embedder["model_name"] == config["dataset_reader"]["tokenizer"]["model_name"] == start
    assert embedder["entity_aware_attention"] == ("_original_attention" not in name)
    assert (embedder.get("entities") == []) == ("_roberta" in name or "_no_entities" in name)


class TestConll:
    def test_what_the_environment_sets(self, monkeypatch):
        config = shipped("ner/conll.jsonnet")
        files = [config[f"{split}_data_path"] for split in ("train", "validation", "test")]
        assert files == [f"data/conll2003/eng.{name}" for name in ("train", "testa", "testb")]
        assert config["evaluate_on_test"] is True
        monkeypatch.setenv("LUKE_MODEL", "some/where/it's")
        monkeypatch.setenv("LUKE_DATA", "/else/where")
        config = Params.from_file(CONFIGS / "ner/conll.jsonnet").as_dict(quiet=True)
        assert config["dataset_reader"]["tokenizer"]["model_name"] == "some/where/it's"
        assert config["model"]["embedder"]["model_name"] == "some/where/it's"
        assert config["train_data_path"] == "/else/where/conll2003/eng.train"

    def test_objects(self, small):
        loop = construct("ner/conll.jsonnet", small)
        trainer, model, chunker = loop.trainer, loop.model, loop.trainer.data_loader.reader.chunker
        assert (chunker.max_length, chunker.max_entities, chunker.max_span_length) == (512, 128, 16)
        assert chunker.use_document and model.flat
        assert model.embedder.entities == ["[PAD]", "[MASK]"]
        assert model.dropout.p == model.embedder.luke.config.hidden_dropout_prob > 0
        assert model.vocab.get_vocab_size("labels") == 5
        assert trainer.data_loader._shuffle and not trainer._validation_data_loader._shuffle
        assert trainer.data_loader.takes_loss_weights
        assert not trainer._grad_norm and not trainer._grad_clipping
        assert trainer._metric_tracker.tracked_metrics == [(1.0, "f1")]
        assert not trainer._metric_tracker._patience
        assert not trainer._keep_best

        decay_of = {}
        for group in trainer.optimizer.param_groups:
            options = [group[name] for name in ("initial_lr", "betas", "eps", "correct_bias")]
            assert options == [1e-5, (0.9, 0.98), 1e-6, False]
            decay_of.update((id(parameter), group["weight_decay"]) for parameter in group["params"])
        decays = {name: decay_of.pop(id(p)) for name, p in model.named_parameters() if p.requires_grad}
        assert not decay_of
        for name, decay in decays.items():
            assert decay == (0 if "bias" in name or "LayerNorm.weight" in name else 0.01)

        schedule = trainer._learning_rate_scheduler
        assert isinstance(schedule, LinearWithWarmupRatio)
        updates = 5 * len(trainer.data_loader)
        rates = []
        for update in range(1, updates + 1):
            schedule.step_batch(update)
            rates.append(trainer.optimizer.param_groups[0]["lr"])
        warmup = int(0.06 * updates)
        assert warmup >= 1 and rates.index(max(rates)) == warmup and max(rates) == pytest.approx(1e-5)
        assert rates[0] == 0 and 0 < rates[-1] == pytest.approx(1e-5 / (updates - warmup))


class TestLibrary:
    """The knobs of `lib/`, which users turn."""

    def ner(self, path, knobs=""):
        text = f"(import '{LIBRARY}/ner.libsonnet') + {{ train_data:: 'train.conll', {knobs} }}"
        return evaluate(path / "mine.jsonnet", text)

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [1, 2, 3, 8])
    def test_effective_batch_is_the_same_on_any_devices(self, tmp_path, number):
        devices = list(range(number)) if number > 1 else None
        config = self.ner(tmp_path, f"devices:: {json.dumps(devices)}")
        assert config["data_loader"] == self.ner(tmp_path)["data_loader"]
        assert (config["data_loader"]["batch_size"], config["data_loader"]["loss_batch_size"]) == (8, 2)
        assert config["distributed"] == ({"cuda_devices": devices} if devices else None)

    @pytest.mark.parametrize(
        "knobs, message",
        [
            ("devices:: std.range(0, 15)", "effective_batch_size 8 is smaller than the number of devices"),
            ("keep:: 'lst'", 'keep is lst: set "best" or "last"'),
        ],
    )
    def test_impossible_knobs_say_what_to_do(self, tmp_path, knobs, message):
        with pytest.raises(ConfigurationError, match=f"(?s)mine.jsonnet.*{message}|{message}.*mine.jsonnet"):
            self.ner(tmp_path, knobs)

    @pytest.mark.parametrize(
        "name, mistake, message",
        [
            ("lib/fine_tuning.libsonnet", "num_epoch:: 3", 'num_epoch:: is no knob, .* mean "num_epochs"'),
            ("ner/conll_no_entities.jsonnet", "use_entity_sate:: true", 'mean "use_entity_state"'),
            ("pretraining/mluke_base_stage2.jsonnet", "langauges:: []", 'did you mean "languages"'),
            ("ner/conll.jsonnet", "num_epoch: 3", 'num_epoch: is no field .* did you mean "num_epochs"'),
            ("pretraining/demo_stage1.jsonnet", "num_step: 3", 'did you mean "num_steps"'),
            ("ner/conll.jsonnet", "qqq:: 1", "the knobs are callbacks, .*, warmup_ratio .* is a local"),
            ("ner/conll.jsonnet", "trainer+:: { num_epochs: 3 }", r"trainer:: is hidden .* trainer\+:"),
            ("pretraining/demo_stage1.jsonnet", "model+: { entities:: false }", "model.entities is hidden"),
            ("ner/demo.jsonnet", "callbacks:: [{ type:: 'x' }]", r"trainer.callbacks.0.type is hidden"),
        ],
    )
    def test_what_nobody_reads_is_an_error(self, tmp_path, name, mistake, message):
        with pytest.raises(ConfigurationError, match=message):
            evaluate(tmp_path / "mine.jsonnet", f"(import '{CONFIGS / name}') + {{ {mistake} }}")

    def test_a_config_may_have_what_allennlp_reads_and_knobs_of_its_own(self, tmp_path):
        text = f"""
            local knobs = import '{LIBRARY}/knobs.libsonnet';
            local rate = 1e-4;
            knobs(import '{CONFIGS}/ner/conll.jsonnet', {{
              patience:: 2,
              trainer+: {{ patience: $.patience }},
              evaluation: {{ type: 'simple' }},
              test_data_path:: null,
              validation_dataset_reader: $.reader,
            }}) + {{ patience:: 3, learning_rate:: rate, num_epochs: 4 }}
        """
        config = evaluate(tmp_path / "mine.jsonnet", text)
        assert config["trainer"]["patience"] == 3 and config["trainer"]["num_epochs"] == 4
        assert config["trainer"]["optimizer"]["lr"] == 1e-4
        assert config["evaluation"] == {"type": "simple"}
        assert "num_epochs" not in config and "test_data_path" not in config
        with pytest.raises(ConfigurationError, match='did you mean "patience"'):
            evaluate(tmp_path / "mine.jsonnet", text.replace("patience:: 3", "patiense:: 3"))

    @pytest.mark.parametrize("knob", ["learning_rate", "num_epochs", "seed", "loss_batch_size", "train_data"])
    def test_a_task_must_set_its_knobs(self, tmp_path, knob):
        given = {
            "learning_rate": "1e-5",
            "num_epochs": "3",
            "effective_batch_size": "8",
            "loss_batch_size": "4",
        }
        given.update(seed="1", validation_metric="'+f1'", reader="{}", train_data="'x'")
        knobs = ", ".join(f"{name}:: {value}" for name, value in given.items() if name != knob)
        with pytest.raises(ConfigurationError, match=f"{knob}: set "):
            evaluate(tmp_path / "task.jsonnet", f"(import '{LIBRARY}/fine_tuning.libsonnet') + {{ {knobs} }}")

    def test_knobs_reach_their_objects(self, tmp_path):
        config = self.ner(
            tmp_path,
            "use_entity_state:: false, entity_aware_attention:: false, context:: 'sentence', flat:: false, "
            "reader_options:: { word_column: 1 }, embedder_options:: { gradient_checkpointing: true }, "
            "callbacks:: [{ type: 'track_epoch_callback' }]",
        )
        model, embedder, reader = config["model"], config["model"]["embedder"], config["dataset_reader"]
        assert (model["use_entity_state"], model["use_word_states"], model["flat"]) == (False, True, False)
        assert (embedder["entity_aware_attention"], embedder["gradient_checkpointing"]) == (False, True)
        assert (reader["context"], reader["word_column"]) == ("sentence", 1)
        callbacks = [{"type": "track_epoch_callback"}]
        assert (config["trainer"]["callbacks"], config["trainer"]["keep"]) == (callbacks, "last")
        assert config["validation_data_path"] is None and config["evaluate_on_test"] is False
        # There is nothing to choose the best by.
        assert self.ner(tmp_path, "keep:: 'best'")["trainer"]["keep"] == "last"
        assert self.ner(tmp_path, "keep:: 'best', validation_data:: 'x'")["trainer"]["keep"] == "best"
