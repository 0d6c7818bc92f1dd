"""What is found in data."""

import json
from pathlib import Path
from typing import Any, List

import pytest

from luke_allennlp.experiments.data_profile import DataProfile
from luke_allennlp.experiments.example_facts import unlimited
from luke_allennlp.experiments.profile_text import profile_text
from tests.tasks.support import TASKS, config_of, make_reader


def profile(name: str, path: Path, max_length: int = 512, **options: Any) -> DataProfile:
    config = {**config_of(name)["dataset_reader"], **options}
    reader = make_reader(name, **{key: value for key, value in unlimited(config).items() if key != "type"})
    return DataProfile.read(reader, str(path), max_length)


def write(path: Path, records: List[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", list(TASKS))
def test_fixtures(name: str, fixtures_dir: Path) -> None:
    found = profile(name, fixtures_dir / "data" / TASKS[name].data)
    assert 0 < found.sources <= found.examples == len(found.lengths) <= found.inputs
    assert set(TASKS[name].labels) - {"NIL"} <= found.labels.keys() or not TASKS[name].labels
    text = profile_text(found, "Training data", found)
    assert text.startswith("Training data: ") and f"{found.examples:,} {found.unit}" in text
    assert "(100.0%) are in the training data too" in text


def test_ner(tmp_path: Path) -> None:
    words = "Zoë Rask left Vexford for the long long way".split()
    train = write(
        tmp_path / "train.jsonl",
        [
            {"tokens": words, "entities": [[0, 2, "PER"], [0, 1, "GIVEN"], [3, 4, "LOC"]], "document": "a"},
            {"tokens": ["So", "."], "entities": [], "document": "a"},
            {"tokens": words, "entities": [[0, 9, "PER"]], "document": "b"},
        ],
    )
    found = profile("luke_ner", train, max_span_length=8)
    assert (found.examples, found.sources, found.unit) == (3, 2, "sentences")
    assert found.labels == {"PER": 2, "GIVEN": 1, "LOC": 1} and found.rare_labels() == ["PER", "GIVEN", "LOC"]
    assert found.counts["nested or overlapping pairs of entities"] == 1
    assert found.counts["sentences without an entity"] == 1
    ((why, what),) = found.faults.items()
    assert why == "entities longer than 8 tokens (max_span_length)" and "PER 'Zoë Rask left" in what[0]
    assert found.notes == ["is read as JSON with 'text', 'tokens' or 'sentences' and 'entities'"]
    dev = profile("luke_ner", write(tmp_path / "dev.jsonl", [{"tokens": ["a"], "entities": [[0, 1, "ORG"]]}]))
    text = " ".join(profile_text(dev, "Validation data", found).split())
    assert "labels that the training data lacks, which count as missed: ORG 1" in text


def test_entities_that_are_no_words(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"text": "Zoë left.", "entities": [[0, 2, "PER"], [0, 3, "PER"]]}])
    found = profile("luke_ner", path)
    assert found.faults["entities that do not start and end with words"] == ["PER 'Zo'"]
    assert found.warnings[0].startswith("1 entities do not start and end with words")


def test_long_texts(tmp_path: Path) -> None:
    text = "Zoë met Rask " + "and so on " * 100
    relation = {"text": text, "head": [0, 3], "tail": [8, 12], "label": "met"}
    found = profile("luke_relation_classification", write(tmp_path / "a.jsonl", [relation]), 64)
    assert found.lengths[0] > 300 and found.cut == 1 and found.inputs == 1
    assert "1 (100.0%) are cut around their mentions" in " ".join(profile_text(found, "A").split())
    question = {"question": "Who?", "context": text, "answers": [[0, 3]]}
    path = write(tmp_path / "b.jsonl", [question, {**question, "answers": [], "is_impossible": True}])
    found = profile("luke_reading_comprehension", path, 64)
    assert found.counts["unanswerable questions"] == 1 and (found.examples, found.sources) == (2, 1)
    (reader_items,) = {len(make_reader("luke_reading_comprehension").items(e)) for e in _examples(path)}
    assert found.inputs == 2 * reader_items and found.cut == 2


def _examples(path: Path) -> List[Any]:
    return list(make_reader("luke_reading_comprehension").read_examples(str(path)))
