"""A file that is given to the reader of another task."""

from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

import luke_allennlp.components  # noqa: F401
from luke_allennlp.tasks.base.task_forms import check_task
from tests.tasks.support import TASKS, make_reader

FILES = {
    "ner/documents.jsonl": "luke_ner",
    "data/tacred/dev.json": "luke_relation_classification",
    "data/open_entity/dev.json": "luke_entity_typing",
    "data/ultra_fine/dev.jsonl": "luke_entity_typing",
    "data/record/dev.json": "luke_cloze_qa",
    "data/record/superglue_dev.jsonl": "luke_cloze_qa",
    "data/record/questions.jsonl": "luke_cloze_qa",
    "data/squad/dev-v2.0.json": "luke_reading_comprehension",
}
OTHERS = [task for task in TASKS if task != "luke_ner"]  # see `ner/forms` for what that one refuses


@pytest.mark.parametrize("file, owner", FILES.items())
@pytest.mark.parametrize("task", TASKS)
def test_records_of_another_task(fixtures_dir: Path, task: str, file: str, owner: str) -> None:
    examples = make_reader(task).read_examples(str(fixtures_dir / file))
    if owner == task:
        assert next(iter(examples)) is not None
        return
    with pytest.raises(ConfigurationError) as error:
        list(examples)
    message = error.value.message
    assert message.startswith(f"{fixtures_dir / file}")
    assert f"is data for the reader {owner!r}, as it has '" in message
    assert task == "luke_ner" or f"this is the reader {task!r}, which expects '" in message


@pytest.mark.parametrize("task", OTHERS)
def test_text_files_of_another_task(fixtures_dir: Path, task: str) -> None:
    path = fixtures_dir / "ner/train.conll"
    first = path.read_text(encoding="utf-8").splitlines()[0]
    with pytest.raises(ConfigurationError) as error:
        list(make_reader(task).read_examples(str(path)))
    assert repr(first) in error.value.message and "expected" in error.value.message


def test_nothing_is_said_of_unknown_records() -> None:
    for task in TASKS:
        for record in ({}, {"text": "a"}, {"data": []}, {"data": [1]}, {"label": "x"}):
            check_task(record, task, "here")
    # Nor of one with the keys of two tasks, its own among them.
    check_task({"text": "a", "span": [0, 1], "entities": []}, "luke_entity_typing", "here")
    with pytest.raises(ConfigurationError, match="^here: is data for the reader 'luke_entity_typing', as it"):
        check_task({"text": "a", "span": [0, 1]}, "luke_relation_classification", "here")
