"""Configs as text."""

import json
from pathlib import Path
from typing import Any

import pytest
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.experiments.config_text import config_text, jsonnet
from luke_allennlp.experiments.proposal import Knob

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(1e-6, 10) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_values_are_what_they_were(value: Any) -> None:
    found = json.loads(evaluate_snippet("value", f"{{ value: {jsonnet(value)} }}"))["value"]
    assert found == pytest.approx(value) if isinstance(value, float) else found == value


@pytest.mark.parametrize(
    "value, text",
    [
        (1.5e-4, "1.5e-4"),
        (3e-5, "3e-5"),
        (0.5, "0.5"),
        ("it's", "'it\\'s'"),
        ({"word_column": 1, "then": None}, "{ word_column: 1, 'then': null }"),
    ],
)
def test_values_look_as_people_write_them(value: Any, text: str) -> None:
    assert jsonnet(value) == text


def test_a_config(tmp_path: Path) -> None:
    knobs = [
        Knob("train_data", "a b.conll"),
        Knob("learning_rate", 3e-5, "small"),
        Knob("reader_options", {"max_length": 96}, "so " * 40),
    ]
    text = config_text("ner", knobs, "A title.")
    assert text.startswith("// A title.\n(import 'luke_allennlp/training_configs/lib/ner.libsonnet') + {\n")
    assert "  learning_rate:: 3e-5,  // small\n" in text and "  // so so" in text
    path = tmp_path / "mine.jsonnet"
    path.write_text(text)
    config = Params.from_file(path)
    assert config["train_data_path"] == "a b.conll" and config["trainer"]["optimizer"]["lr"] == 3e-5
    assert config["dataset_reader"]["max_length"] == 96
