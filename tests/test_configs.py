"""Every shipped config evaluates, is constructed on small data, and says what the paper says."""

import functools
import os
import shutil
from pathlib import Path

import pytest
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.plugins import import_plugins
from allennlp.common.util import prepare_environment
from allennlp.training import Checkpointer, GradientDescentTrainer

import luke_allennlp  # noqa: F401
from luke_allennlp.tasks.ner.model import NerModel
from luke_allennlp.tasks.ner.reader import NerReader
from luke_allennlp.training import KeepLastCallback, LinearWithWarmupRatio
from luke_allennlp.training.preflight import preflight

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "training_configs"
LIBRARY = CONFIGS / "lib"
SHIPPED = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*.jsonnet"))
# Those of pretraining count in steps, on data of their own: tests/pretraining/test_configs.py makes them.
FINE_TUNING = [name for name in SHIPPED if not name.startswith("pretraining/")]
# One of each task is constructed in the fast suite.
CONSTRUCTED = {
    "ner/conll.jsonnet",
    "ner/crf_tagger.jsonnet",
    "entity_typing/open_entity.jsonnet",
    "relation_classification/tacred.jsonnet",
    "cloze_qa/record.jsonnet",
    "reading_comprehension/squad.jsonnet",
}

# What stands in for CoNLL-2003; of the other datasets there are small ones in fixtures/data.
CONLL = {
    "conll2003/eng.train": "ner/test.conll",
    "conll2003/eng.testa": "ner/dev.conll",
    "conll2003/eng.testb": "ner/dev.conll",
}


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """As the `allennlp` command has them: a config may name a model of allennlp-models."""
    import_plugins()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A place where all data is fixture data and the model is the tiny one; returns where a run can go."""
    (tmp_path / "data" / "conll2003").mkdir(parents=True)
    for name, fixture in CONLL.items():
        shutil.copyfile(ROOT / "fixtures" / fixture, tmp_path / "data" / name)
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


class TestAll:
    def test_there_are_some(self):
        assert "ner/conll.jsonnet" in SHIPPED and "ner/demo.jsonnet" in SHIPPED
        assert not any(name.startswith("lib/") for name in SHIPPED)

    @pytest.mark.parametrize("name", SHIPPED)
    def test_evaluates_without_an_environment(self, name):
        assert {"dataset_reader", "train_data_path", "model", "trainer"} <= shipped(name).keys()

    @pytest.mark.parametrize(
        "name",
        [pytest.param(name, marks=[] if name in CONSTRUCTED else [pytest.mark.slow]) for name in FINE_TUNING],
    )
    def test_is_constructed(self, name, small):
        loop = construct(name, small)
        assert isinstance(loop.trainer, GradientDescentTrainer)
        assert len(loop.trainer.data_loader) > 1
        if shipped(name).get("validation_data_path") is not None:
            assert len(loop.trainer._validation_data_loader) > 0
        batch = next(iter(loop.trainer.data_loader))
        loss = loop.model(**batch)["loss"]
        loss.backward()
        assert loss.item() > 0
        without = [
            name
            for name, parameter in loop.model.named_parameters()
            if parameter.requires_grad and parameter.grad is None
        ]
        assert not without


# Yamada et al., EMNLP 2020, appendix, and the original's code.
PAPER = {
    # learning rate, effective batch, epochs, evaluation batch, seed, which epoch is kept
    "ner/conll": (1e-5, 8, 5, 32, 15, "last"),
    "entity_typing/open_entity": (1e-5, 4, 3, 32, 12, "best"),
    "relation_classification/tacred": (1e-5, 32, 5, 128, 42, "best"),
    "cloze_qa/record": (1e-5, 32, 2, 32, 4, "best"),
    "reading_comprehension/squad": (1.5e-5, 48, 2, 32, 14, "last"),
}
EXPERIMENTS = [
    f"{base}{variant}.jsonnet"
    for base in PAPER
    for variant in ("", "_original_attention", "_roberta", "_no_entities")
    if f"{base}{variant}.jsonnet" in SHIPPED
]


class TestPaper:
    def test_all_experiments_are_there(self):
        assert set(EXPERIMENTS) == {
            *(
                f"{base}{variant}.jsonnet"
                for base in PAPER
                for variant in ("", "_original_attention", "_roberta")
            ),
            "ner/conll_no_entities.jsonnet",
            "reading_comprehension/squad_no_entities.jsonnet",
        }
        assert {
            "relation_classification/semeval2010_task8.jsonnet",
            "relation_classification/kbp37.jsonnet",
            "reading_comprehension/squad2.jsonnet",
        } <= set(SHIPPED)

    @pytest.mark.parametrize("name", EXPERIMENTS)
    def test_hyperparameters(self, name):
        base = next(base for base in PAPER if name.startswith(base))
        rate, effective, epochs, evaluation, seed, kept = PAPER[base]
        config = shipped(name)
        trainer = config["trainer"]
        assert trainer["optimizer"]["lr"] == rate and trainer["num_epochs"] == epochs
        loader = config["data_loader"]
        assert loader["batch_size"] * trainer["num_gradient_accumulation_steps"] == effective
        assert config["validation_data_loader"]["batch_size"] == evaluation
        assert [config[f"{kind}_seed"] for kind in ("random", "numpy", "pytorch")] == [seed] * 3
        assert (trainer["callbacks"] == [{"type": "keep_last"}]) == (kept == "last")
        assert config["datasets_for_vocab_creation"] == ["train"]

    @pytest.mark.parametrize("name", EXPERIMENTS)
    def test_variants(self, name):
        config = shipped(name)
        embedder = config["model"]["embedder"]
        assert embedder["model_name"] == config["dataset_reader"]["tokenizer"]["model_name"]
        assert embedder["model_name"] == (
            "roberta-large" if "_roberta" in name else "studio-ousia/luke-large"
        )
        assert embedder["entity_aware_attention"] == ("_original_attention" not in name)
        assert (embedder.get("entities") == []) == ("_roberta" in name or "_no_entities" in name)


class TestConll:
    def test_defaults_without_an_environment(self):
        config = shipped("ner/conll.jsonnet")
        assert config["dataset_reader"]["tokenizer"]["model_name"] == "studio-ousia/luke-large"
        assert config["model"]["embedder"]["model_name"] == "studio-ousia/luke-large"
        assert config["train_data_path"] == "data/conll2003/eng.train"
        assert config["validation_data_path"] == "data/conll2003/eng.testa"
        assert config["test_data_path"] == "data/conll2003/eng.testb"
        assert config["evaluate_on_test"] is True
        assert [config[f"{kind}_seed"] for kind in ("random", "numpy", "pytorch")] == [15] * 3

    def test_what_the_environment_sets(self, monkeypatch):
        monkeypatch.setenv("LUKE_MODEL", "some/where/it's")
        monkeypatch.setenv("LUKE_DATA", "/else/where")
        config = Params.from_file(CONFIGS / "ner/conll.jsonnet").as_dict(quiet=True)
        assert config["dataset_reader"]["tokenizer"]["model_name"] == "some/where/it's"
        assert config["model"]["embedder"]["model_name"] == "some/where/it's"
        assert config["train_data_path"] == "/else/where/conll2003/eng.train"

    def test_reader_and_model(self, small):
        loop = construct("ner/conll.jsonnet", small)
        reader, model = loop.trainer.data_loader.reader, loop.model
        assert isinstance(reader, NerReader) and isinstance(model, NerModel)
        chunker = reader.chunker
        assert (chunker.max_length, chunker.max_entities, chunker.max_span_length) == (512, 128, 16)
        assert chunker.use_document
        assert model.embedder.entities == ["[PAD]", "[MASK]"]
        assert model.embedder.luke.config.use_entity_aware_attention
        assert model.dropout.p == model.embedder.luke.config.hidden_dropout_prob > 0
        assert model.flat
        assert model.vocab.get_vocab_size("labels") == 5

    def test_optimizer_and_schedule(self, small):
        loop = construct("ner/conll.jsonnet", small)
        optimizer = loop.trainer.optimizer
        decay_of = {}
        for group in optimizer.param_groups:
            assert group["initial_lr"] == 1e-5
            assert tuple(group["betas"]) == (0.9, 0.98)
            assert group["eps"] == 1e-6
            assert group["correct_bias"] is False
            for parameter in group["params"]:
                assert id(parameter) not in decay_of
                decay_of[id(parameter)] = group["weight_decay"]
        trained = {name: p for name, p in loop.model.named_parameters() if p.requires_grad}
        assert {id(parameter) for parameter in trained.values()} == decay_of.keys()
        decays = {name: decay_of[id(parameter)] for name, parameter in trained.items()}
        free = {name for name, decay in decays.items() if decay == 0}
        assert free == {name for name in decays if "bias" in name or "LayerNorm.weight" in name}
        assert all(decay == 0.01 for name, decay in decays.items() if name not in free)
        # Both kinds are there, the head's and the entity side's too.
        assert {"classifier.bias", "embedder.luke.embeddings.LayerNorm.weight"} <= free
        assert {
            "classifier.weight",
            "embedder.luke.entity_embeddings.entity_embeddings.weight",
        } <= decays.keys() - free

        schedule = loop.trainer._learning_rate_scheduler
        assert isinstance(schedule, LinearWithWarmupRatio)
        updates = 5 * -(-len(loop.trainer.data_loader) // 4)
        rates = []
        for update in range(1, updates + 1):
            schedule.step_batch(update)
            rates.append(optimizer.param_groups[0]["lr"])
        warmup = int(0.06 * updates)
        assert warmup >= 1 and rates.index(max(rates)) == warmup and max(rates) == pytest.approx(1e-5)
        assert rates[0] == 0 and 0 < rates[-1] == pytest.approx(1e-5 / (updates - warmup))

    def test_trainer(self, small):
        loop = construct("ner/conll.jsonnet", small)
        trainer = loop.trainer
        assert loop.trainer.data_loader.batch_size * trainer._num_gradient_accumulation_steps == 8
        assert loop.trainer.data_loader.shuffle and not loop.trainer._validation_data_loader.shuffle
        assert trainer._num_epochs == 5
        assert not trainer._grad_norm and not trainer._grad_clipping
        assert trainer._metric_tracker.tracked_metrics == [(1.0, "f1")]
        assert not trainer._metric_tracker._patience
        assert any(isinstance(callback, KeepLastCallback) for callback in trainer._callbacks)
        assert isinstance(trainer._checkpointer, Checkpointer)


class TestLibrary:
    """The knobs of `lib/`, which users turn."""

    def ner(self, path, knobs=""):
        return evaluate(
            path / "mine.jsonnet",
            f"(import '{LIBRARY}/ner.libsonnet') + {{ train_data:: 'train.conll', {knobs} }}",
        )

    @pytest.mark.slow
    def test_effective_batch_is_the_same_on_any_devices(self, tmp_path):
        config = evaluate(
            tmp_path / "mine.jsonnet",
            f"""{{
              configs: [
                (import '{LIBRARY}/ner.libsonnet')
                + {{ train_data:: 'train.conll', devices:: devices, batch_size:: batch_size }}
                + {{ asked: [devices, batch_size] }}
                for devices in [null, [0, 1], std.range(0, 7)]
                for batch_size in [1, 16]
              ],
            }}""",
        )
        assert len(config["configs"]) == 6
        for one in config["configs"]:
            devices, batch_size = one["asked"]
            per_device = one["data_loader"]["batch_size"]
            accumulation = one["trainer"]["num_gradient_accumulation_steps"]
            number = len(devices or [0])
            assert per_device * accumulation * number == 8
            assert isinstance(accumulation, int)
            assert per_device == min(batch_size, 8 // number)
            assert one["distributed"] == ({"cuda_devices": devices} if number > 1 else None)

    @pytest.mark.parametrize(
        "knobs, message",
        [
            (
                "devices:: std.range(0, 15)",
                "effective_batch_size 8 is smaller than the number of devices, 16: use fewer devices",
            ),
            ("devices:: [0, 1, 2]", "effective_batch_size 8 is no multiple of batch_size 2 times 3 devices"),
            ("batch_size:: 3", "effective_batch_size 8 is no multiple of batch_size 3 times 1 devices"),
            ("keep:: 'lst'", 'keep is lst: set "best" or "last"'),
        ],
    )
    def test_impossible_knobs_say_what_to_do(self, tmp_path, knobs, message):
        with pytest.raises(ConfigurationError) as raised:
            self.ner(tmp_path, knobs)
        assert message in str(raised.value) and "mine.jsonnet" in str(raised.value)

    @pytest.mark.parametrize(
        "name, mistake, message",
        [
            ("lib/fine_tuning.libsonnet", "num_epoch:: 3", 'num_epoch:: is no knob, .* mean "num_epochs"'),
            ("ner/conll_no_entities.jsonnet", "use_entity_sate:: true", 'mean "use_entity_state"'),
            ("ner/crf_tagger.jsonnet", "hiden_size:: 8", 'did you mean "hidden_size"'),
            ("reading_comprehension/squad2.jsonnet", "use_entitys:: true", 'did you mean "use_entities"'),
            ("pretraining/mluke_base_stage2.jsonnet", "langauges:: []", 'did you mean "languages"'),
            ("pretraining/mluke_base_stage2.jsonnet", "num_epochs:: 1", "num_epochs:: is no knob"),
            ("ner/conll.jsonnet", "num_epoch: 3", 'num_epoch: is no field .* did you mean "num_epochs"'),
            ("pretraining/demo_stage1.jsonnet", "num_step: 3", 'did you mean "num_steps"'),
            ("ner/conll.jsonnet", "qqq:: 1", "the knobs are batch_size, .*, warmup_ratio .* is a local"),
            ("ner/conll.jsonnet", "trainer+:: { num_epochs: 3 }", r"trainer:: is hidden .* trainer\+:"),
            ("ner/conll.jsonnet", "trainer+: { num_epochs:: 3 }", "trainer.num_epochs is hidden"),
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

    @pytest.mark.parametrize("knob", ["learning_rate", "num_epochs", "seed", "batch_size", "train_data"])
    def test_a_task_must_set_its_knobs(self, tmp_path, knob):
        given = {"learning_rate": "1e-5", "num_epochs": "3", "effective_batch_size": "8", "batch_size": "4"}
        given.update(seed="1", validation_metric="'+f1'", reader="{}", train_data="'x'")
        knobs = ", ".join(f"{name}:: {value}" for name, value in given.items() if name != knob)
        with pytest.raises(ConfigurationError, match=f"{knob}: set "):
            evaluate(tmp_path / "task.jsonnet", f"(import '{LIBRARY}/fine_tuning.libsonnet') + {{ {knobs} }}")

    def test_ablations_and_options_reach_their_objects(self, tmp_path):
        config = self.ner(
            tmp_path,
            "use_entity_state:: false, entity_aware_attention:: false, context:: 'sentence', flat:: false, "
            "reader_options:: { word_column: 1 }, embedder_options:: { gradient_checkpointing: true }",
        )
        assert config["model"]["use_entity_state"] is False and config["model"]["use_word_states"] is True
        assert config["model"]["flat"] is False
        assert config["model"]["embedder"]["entity_aware_attention"] is False
        assert config["model"]["embedder"]["gradient_checkpointing"] is True
        assert config["dataset_reader"]["context"] == "sentence"
        assert config["dataset_reader"]["word_column"] == 1

    def test_no_validation_and_the_best_epoch(self, tmp_path):
        config = self.ner(tmp_path, "keep:: 'best', callbacks:: [{ type: 'track_epoch_callback' }]")
        assert config["trainer"]["callbacks"] == [{"type": "track_epoch_callback"}]
        assert config["validation_data_path"] is None and config["evaluate_on_test"] is False
        kept = self.ner(tmp_path, "callbacks:: [{ type: 'track_epoch_callback' }]")
        assert kept["trainer"]["callbacks"][-1] == {"type": "keep_last"}
