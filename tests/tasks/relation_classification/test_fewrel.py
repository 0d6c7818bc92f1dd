"""FewRel's JSON."""

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.tasks.relation_classification import RelationReader
from tests.tasks.support import make_reader

RECORD: Dict[str, Any] = {
    "P26": [
        {
            "tokens": ["Zoë", "Rask", " ", "married", "Ruvin", "."],
            "h": ["zoë rask", "Q1", [[0, 1]]],
            "t": ["r.", "Q2", [[4], [5]]],
        }
    ],
    "P17": [{"tokens": ["Vexford"], "h": ["x", "Q3", [[0]]], "t": ["x", "Q3", [[0]]]}],
}


def examples(path: Path, record: Dict[str, Any]) -> Any:
    reader = make_reader("luke_relation_classification")
    assert isinstance(reader, RelationReader)
    path.write_text(json.dumps(record), encoding="utf-8")
    return list(reader.read_examples(str(path)))


def test_examples(tmp_path: Path) -> None:
    first, second = examples(tmp_path / "val.json", RECORD)
    assert first.text[slice(*first.head)] == "Zoë Rask" and first.text[slice(*first.tail)] == "Ruvin"
    assert (first.label, first.index, second.label, second.index) == ("P26", 0, "P17", 1)
    assert second.where == f"{tmp_path / 'val.json'}, P17[0]"


@pytest.mark.parametrize(
    "head, message",
    [
        (["zoë", "Q1"], r"P26\[0\]: 'h' is \['zoë', 'Q1'\]; expected \[name, id, \["),
        (["zoë", "Q1", [[5, 6]]], r"'h' has the positions \[5, 6\]; expected 0 to 5"),
        (["zoë", "Q1", [["0"]]], "'h' is"),
    ],
)
def test_bad_positions(tmp_path: Path, head: Any, message: str) -> None:
    record = {"P26": [{**RECORD["P26"][0], "h": head}]}
    with pytest.raises(ConfigurationError, match=message):
        examples(tmp_path / "val.json", record)
