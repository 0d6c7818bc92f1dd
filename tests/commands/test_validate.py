import json

import pytest

CONFIG = """// A config.
(import 'training_configs/lib/ner.libsonnet') + {
  train_data:: 'missing.conll',  // optimzer: not here
  validation_data:: 'missing.conll',
  model_name:: 'no/such-model',
  learning_rate:: -1e-5,
  validation_metric:: '+f2',
  trainer+: {
    optimzer: { type: 'adam' },
  },
  dataset_reader+: { type: 'luke_nre' },
  model+: {
    dropout: 'high',
    flatt: true,
  },
}
"""
# The path, the nearest name or what is expected, and the line.
MISTAKES = [
    ('trainer: no option "optimzer"', '"optimizer"', 9),
    ("trainer.optimizer.lr is -1e-05", "0 or more", 6),
    ("trainer.validation_metric", '"+f1"', 7),
    ("dataset_reader.type", '"luke_ner"', 11),
    ("model.dropout", "a number", 13),
    ('model: no option "flatt"', '"flat"', 14),
]


@pytest.fixture
def config(workplace):
    (workplace / "bad.jsonnet").write_text(CONFIG, encoding="utf-8")
    return "bad.jsonnet"


def test_all_mistakes_with_their_places(allennlp, config):
    finished = allennlp("validate", config, "training_configs/ner/conll.jsonnet")
    *lines, last = finished.out.splitlines()
    assert finished.status == 1 and last == f"{len(MISTAKES)} mistakes" and len(lines) == len(MISTAKES)
    for path, expected, number in MISTAKES:
        (line,) = [line for line in lines if line.startswith(f"{config}: {path}")]
        assert expected in line and line.endswith(f"({config}, line {number})")


def test_train_says_them_all_too(allennlp, config):
    finished = allennlp("train", config)
    errors = [line for line in finished.err.splitlines() if line.startswith("allennlp: error: ")]
    assert finished.status == 1 and len(errors) == len(MISTAKES)
    for path, *_ in MISTAKES:
        assert sum(line.startswith(f"allennlp: error: {path}") for line in errors) == 1


def test_no_mistakes_without_data_and_checkpoint(allennlp, workplace):
    finished = allennlp(
        "validate", "training_configs/ner/conll.jsonnet", "training_configs/cloze_qa/record.jsonnet"
    )
    assert finished.status == 0 and finished.out == "no mistakes\n"


@pytest.mark.parametrize(
    "fields, messages",
    [
        ("dataset_reader: null, model: null", ["dataset_reader: the config needs this", "model: the config"]),
        ("trainer: []", ["trainer: expected a Trainer object, found the list []"]),
        ("model: 3, train_data_path: 5", ["model: expected", "train_data_path: expected the path"]),
        ("validation_data_path: ['a']", ["validation_data_path: expected the path of a file"]),
        ("trainer+: { num_epochs: true }", ["trainer.num_epochs: expected an integer, found true"]),
        ("effective_batch_size:: 0", ["effective_batch_size is 0: set at least 1"]),
    ],
)
def test_values_of_another_kind(allennlp, workplace, fields, messages):
    text = f"(import 'training_configs/ner/conll.jsonnet') + {{ {fields} }}"
    (workplace / "bad.jsonnet").write_text(text, encoding="utf-8")
    finished = allennlp("validate", "bad.jsonnet")
    *lines, last = finished.out.splitlines()
    assert finished.status == 1 and last.startswith(f"{len(messages)} mistake")
    for message in messages:
        assert any(message in line for line in lines), lines


def test_overrides(allennlp):
    overrides = json.dumps({"trainer.num_epochs": 0, "trainer.patience": 0})
    out = allennlp("validate", "training_configs/ner/conll.jsonnet", "-o", overrides).out
    assert "trainer.num_epochs is 0" in out and "trainer.patience is 0" in out and "2 mistakes" in out
    # A knob cannot be overridden.
    out = allennlp("validate", "training_configs/ner/conll.jsonnet", "-o", '{"num_epochs": 3}').out
    assert "trainer.num_epochs" in out and "1 mistake\n" in out


@pytest.mark.parametrize(
    "name, text, parts",
    [
        ("syntax.jsonnet", "{\n  a: ,\n}", ["syntax.jsonnet:2:6"]),
        ("list.json", "[1]", ["should hold one object"]),
        (
            "knob.jsonnet",
            "(import 'training_configs/lib/ner.libsonnet') + {\n  lerning_rate:: 1,\n}",
            ['did you mean "learning_rate"', "(knob.jsonnet, line 2)"],
        ),
        ("plain.json", '{\n"model": "luke_ner",\n"trainr": {}}', ['"trainer"', "(plain.json, line 3)"]),
        ("absent.jsonnet", None, ["absent.jsonnet"]),
    ],
)
def test_what_is_no_config(allennlp, workplace, name, text, parts):
    if text is not None:
        (workplace / name).write_text(text, encoding="utf-8")
    finished = allennlp("validate", name)
    assert finished.status == 1 and finished.out.splitlines()[-1].endswith(("mistake", "mistakes"))
    for part in parts:
        assert part in finished.out
