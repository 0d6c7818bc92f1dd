"""The reader and the training against the original system: its instances, its losses, its final weights."""

from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.common import Params
from allennlp.data import DatasetReader

import luke_allennlp.tasks.cloze_qa  # noqa: F401
from tests.golden_training import GoldenTraining
from tests.tasks.support import golden_lines

pytestmark = pytest.mark.shared

CUT = 4
"""The question whose placeholder the original cuts off."""


def our_instances(shared_dir: Path, root_dir: Path, **options: Any) -> List[Dict[str, Any]]:
    """As the shipped config reads them, but for the tokenizer's directory."""
    params = Params.from_file(str(root_dir / "training_configs" / "cloze_qa" / "record.jsonnet"))
    reader = params["dataset_reader"].as_dict()
    reader["tokenizer"]["model_name"] = str(shared_dir / "data" / "roberta_tokenizer")
    ours = []
    for instance in DatasetReader.from_params(Params({**reader, **options})).read(
        str(shared_dir / "golden" / "record_input.json")
    ):
        data = instance["metadata"].metadata
        placeholder, *spans = instance["entities"].spans.tolist()
        assert instance["entities"].ids.tolist() == [1] * (1 + len(spans))
        ours.append(
            {
                "question": data["key"],
                "id": data["id"],
                "window": data["window"],
                "word_ids": instance["words"].ids.tolist(),
                "placeholder": placeholder,
                "spans": spans,
                "candidates": [list(span) for span in data["candidates"]],
                "labels": [bool(label) for label in instance["labels"].tensor],
            }
        )
    return ours


def differences(theirs: Dict[str, Any], ours: Dict[str, Any]) -> List[str]:
    return [name for name, value in ours.items() if theirs[name] != value]


def test_instances(shared_dir: Path, root_dir: Path) -> None:
    golden = golden_lines(shared_dir, "record")
    ours = our_instances(shared_dir, root_dir)
    assert len(golden) == len(ours) == 25
    fixed = 0
    for theirs, mine in zip(golden, ours, strict=True):
        if theirs["question"] != CUT:
            assert differences(theirs, mine) == []
            continue
        # The query has the same length, so that all else stands where it stood.
        fixed += 1
        assert differences(theirs, mine) == ["word_ids", "placeholder"]
        assert "[PLACEHOLDER]" not in theirs["tokens"]
        (place, _), marker = mine["placeholder"], 50266
        assert [at for at, word in enumerate(mine["word_ids"]) if word == marker] == [place]
        assert place <= 90 and mine["word_ids"][91:] == theirs["word_ids"][91:]
    assert fixed == 11


def test_the_original_is_restored(shared_dir: Path, root_dir: Path) -> None:
    ours = our_instances(shared_dir, root_dir, cut_placeholder=True, duplicate_highlight_text=True)
    for theirs, mine in zip(golden_lines(shared_dir, "record"), ours, strict=True):
        assert differences(theirs, mine) == []


@pytest.mark.slow
def test_training(shared_dir: Path, root_dir: Path, tmp_path: Path) -> None:
    training = GoldenTraining(
        shared_dir,
        tmp_path,
        "cloze_qa",
        root_dir / "training_configs" / "cloze_qa" / "record.jsonnet",
        train_data_path=str(shared_dir / "golden" / "record_input.json"),
    )
    training.check_instances(
        [window for window in golden_lines(shared_dir, "record") if window["question"] != CUT]
    )
    training.check_training("scorer", "scorer", batches=18)
