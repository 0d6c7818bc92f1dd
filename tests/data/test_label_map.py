"""Labels under other names."""

import logging
from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.label_map import LabelMap


def test_renames_drops_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    label_map = LabelMap({"person": "PER", "misc": None, "thing": "THING"})
    with caplog.at_level(logging.INFO):
        found = [label_map(label) for label in ("person", "LOC", "misc", "person")]
        assert found == ["PER", "LOC", None, "PER"]
        label_map.log("train.json")
    assert "train.json: label_map: 2 'person' read as 'PER'; 1 'misc' dropped" in caplog.text
    assert "train.json: label_map names 1 labels that do not occur: 'thing'" in caplog.text
    caplog.clear()
    label_map.log("dev.json")
    assert "do not occur: 'person'; 'misc'; 'thing'" in caplog.text


def test_without_a_map_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    label_map = LabelMap()
    with caplog.at_level(logging.INFO):
        assert label_map("person") == "person"
        label_map.log("train.json")
    assert not caplog.records


@pytest.mark.parametrize("name", ["", "  ", 3])
def test_a_new_name_must_be_one(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="label_map has .* for 'person'"):
        LabelMap({"person": name})
