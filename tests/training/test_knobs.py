"""What `--overrides` says of the knobs of a Jsonnet file."""

import json
import shlex
from pathlib import Path
from typing import Any, Dict

import pytest
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

import luke_allennlp.components  # noqa: F401

CONFIGS = Path(__file__).parents[2] / "training_configs"

# Another value for each knob that a config of the libraries has.
VALUES: Dict[str, Dict[str, Any]] = {
    "fine-tuning": {
        "revision": "v9",
        "model_name": "models/it's",
        "learning_rate": 0.5,
        "num_epochs": 77,
        "effective_batch_size": 96,
        "loss_batch_size": 3,
        "max_tokens": 99,
        "num_workers": 2,
        "checkpoint_steps": 9,
        "checkpoint_minutes": 10,
        "shard_optimizer": True,
        "evaluation_batch_size": 11,
        "evaluation_max_tokens": 111,
        "devices": [0, 2],
        "seed": 99,
        "warmup_ratio": 0.5,
        "validation_metric": "-loss",
        "keep": "last",
        "precision": "bf16",
        "callbacks": [{"type": "track_epoch_callback"}],
        "lean": True,
        "start_from": "runs/old/model.tar.gz",
        "tensorboard": True,
        "wandb": {"project": "p", "group": "g"},
        "train_data": "a",
        "validation_data": "b",
        "test_data": "c",
        "reader_options": {"max_length": 17},
        "embedder_options": {"hidden_dropout": 0},
        "entity_aware_attention": False,
    },
    "ner/conll": {
        "span_attention": "independent",
        "context": "sentence",
        "use_entity_state": False,
        "use_word_states": False,
        "flat": False,
        "paper_compatible": False,
        "data": "elsewhere",
    },
    "entity_typing/open_entity": {"use_entity_state": False, "use_word_states": True, "data": "elsewhere"},
    "relation_classification/tacred": {
        "use_entity_state": False,
        "use_word_states": True,
        "classifier_bias": True,
        "negative_label": "",
        "semeval": True,
        "data": "elsewhere",
    },
    "cloze_qa/record": {"use_entity_state": False, "use_word_states": True, "data": "elsewhere"},
    "reading_comprehension/squad": {
        "version": "2.0",
        "use_entities": False,
        "squad": "here",
        "links": "there",
        "link_redirects": "r",
        "model_redirects": "s",
        "min_link_probability": 0.3,
        "linker": {"type": "none"},
        "model_options": {"answer_text": "detokenized"},
        "data": "elsewhere",
    },
    "pretraining/luke_base_stage1": {
        "model_name": "models/luke",
        "data": "elsewhere",
        "dataset": "d",
        "datasets": ["e"],
        "sampling_exponent": 0.7,
        "entities": False,
        "train_only_new": False,
        "whole_words": False,
        "learning_rate": 0.5,
        "num_steps": 77,
        "warmup_steps": 7,
        "global_batch_size": 5,
        "max_tokens": 6,
        "devices": [0, 2],
        "nodes": 3,
        "precision": "bf16",
        "shard_optimizer": True,
        "num_workers": 0,
        "validate": False,
        "validation_steps": 8,
        "checkpoint_steps": 9,
        "checkpoint_minutes": 10,
        "seed": 99,
        "callbacks": [{"type": "track_epoch_callback"}],
        "tensorboard": True,
        "wandb": {"project": "p", "group": "g"},
        "revision": "v9",
        "reader_options": {"a": 1},
        "embedder_options": {"hidden_dropout": 0},
        "masking_options": {"b": 2},
    },
}
EXPERIMENTS = [name for name in VALUES if "/" in name]


def values_of(name: str) -> Dict[str, Any]:
    return VALUES[name] | ({} if name.startswith("pretraining") else VALUES["fine-tuning"])


def refusal(path: Path, overrides: Dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as raised:
        Params.from_file(path, json.dumps(overrides))
    return str(raised.value)


def suggested(message: str) -> Dict[str, Any]:
    """What the message says to set."""
    flag, value = shlex.split(message[message.index("-o ") :])
    assert flag == "-o"
    return json.loads(value)


def made(path: Path, knobs: Dict[str, Any], tmp_path: Path) -> Dict[str, Any]:
    """The config with the knobs set in a file."""
    file = tmp_path / "mine.jsonnet"
    body = ", ".join(f"{name}:: {json.dumps(value)}" for name, value in knobs.items())
    file.write_text(f"(import {json.dumps(str(path))}) + {{ {body} }}")
    return Params.from_file(file).as_dict(quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_setting_what_the_message_says_does_what_the_knobs_do(name: str, tmp_path: Path) -> None:
    path = CONFIGS / f"{name}.jsonnet"
    values = values_of(name)
    overrides = suggested(refusal(path, values))
    overridden = Params.from_file(path, json.dumps(overrides)).as_dict(quiet=True)
    assert overridden == made(path, values, tmp_path) != Params.from_file(path).as_dict(quiet=True)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_these_are_all_knobs(name: str) -> None:
    hidden = "local made = import %s; std.setDiff(std.objectFieldsAll(made), std.objectFields(made))"
    file = json.dumps(str(CONFIGS / f"{name}.jsonnet"))
    knobs = evaluate_snippet("", hidden % file, ext_vars={"ALLENNLP_ENVIRONMENT": "{}"})
    # The last two are the libraries' own, and the first two are made from others.
    assert (
        set(json.loads(knobs)) - {"reader", "checkpoint", "knob_names", "visible_names"}
        == values_of(name).keys()
    )


def test_a_config_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonnet"
    library = "luke_allennlp/training_configs/lib/ner.libsonnet"
    path.write_text(f"(import '{library}') + {{ train_data:: 'train.conll' }}")
    assert suggested(refusal(path, {"num_epochs": 3})) == {"trainer.num_epochs": 3}


class TestMessages:
    @pytest.mark.parametrize(
        "name, overrides, expected",
        [
            ("ner/conll", {"num_epochs": 3}, {"trainer.num_epochs": 3}),
            ("ner/conll_no_entities", {"learning_rate": 3}, {"trainer.optimizer.lr": 3}),
            ("ner/demo", {"reader_options.max_length": 50}, {"dataset_reader.max_length": 50}),
            ("ner/demo", {"reader_options": {"max_length": 50}}, {"dataset_reader.max_length": 50}),
            ("ner/crf_tagger", {"hidden_size": 8}, {"model.encoder.input_dim": 8}),
            ("ner/conll", {"devices": [0, 1]}, {"distributed": {"cuda_devices": [0, 1]}}),
            ("pretraining/demo_stage2", {"devices": [1]}, {"trainer.cuda_device": 1}),
            # Those that are right are not repeated.
            ("ner/conll", {"keep": "best", "trainer.num_epochs": 3}, {"trainer.keep": "best"}),
            # One letter is missing.
            ("ner/conll", {"num_epoch": 3}, {"trainer.num_epochs": 3}),
        ],
    )
    def test_say_what_to_set(self, name: str, overrides: Dict[str, Any], expected: Dict[str, Any]) -> None:
        message = refusal(CONFIGS / f"{name}.jsonnet", overrides)
        assert message.startswith("the overrides set ") and f"of {CONFIGS / name}.jsonnet, " in message
        assert suggested(message) == expected

    def test_an_impossible_value(self) -> None:
        message = refusal(CONFIGS / "ner/conll.jsonnet", {"keep": "all"})
        assert message.endswith('keep is all: set "best" or "last"')

    def test_the_value_that_it_has(self) -> None:
        message = refusal(CONFIGS / "ner/conll.jsonnet", {"num_epochs": 5})
        assert message.endswith("omit it, the config is the same")


def test_other_overrides_are_left_alone(tmp_path: Path) -> None:
    path = CONFIGS / "ner/conll.jsonnet"
    overrides = {"trainer.num_epochs": 3, "validation_dataset_reader": {"type": "x"}, "evaluation": {"a": 1}}
    config = Params.from_file(path, json.dumps(overrides)).as_dict(quiet=True)
    assert config["trainer"]["num_epochs"] == 3 and config["evaluation"] == {"a": 1}
    plain = tmp_path / "config.json"
    plain.write_text(json.dumps(config))
    # An archive's config has no knobs.
    assert Params.from_file(plain, {"num_epochs": 3})["num_epochs"] == 3
