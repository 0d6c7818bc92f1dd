"""A file that is given to the reader of another task."""

from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.reader import TaskReader
from luke_allennlp.tasks.base.task_forms import check_task
from luke_allennlp.tasks.cloze_qa import ClozeQaReader
from luke_allennlp.tasks.entity_typing import EntityTypingReader
from luke_allennlp.tasks.reading_comprehension import ReadingComprehensionReader
from luke_allennlp.tasks.relation_classification import RelationReader

READERS = {
    "luke_relation_classification": RelationReader,
    "luke_entity_typing": EntityTypingReader,
    "luke_cloze_qa": ClozeQaReader,
    "luke_reading_comprehension": ReadingComprehensionReader,
}
FILES = {
    "ner/documents.jsonl": "luke_ner",
    "ner/tokens.jsonl": "luke_ner",
    "data/tacred/dev.json": "luke_relation_classification",
    "data/relations/sentences.jsonl": "luke_relation_classification",
    "data/open_entity/dev.json": "luke_entity_typing",
    "data/open_entity/typed.jsonl": "luke_entity_typing",
    "data/ultra_fine/dev.jsonl": "luke_entity_typing",
    "data/record/dev.json": "luke_cloze_qa",
    "data/record/superglue_dev.jsonl": "luke_cloze_qa",
    "data/record/questions.jsonl": "luke_cloze_qa",
    "data/squad/dev-v2.0.json": "luke_reading_comprehension",
    "data/squad/questions.jsonl": "luke_reading_comprehension",
}


@pytest.fixture(scope="module")
def tokenizer(fixtures_dir: Path) -> WordTokenizer:
    markers = ["[HEAD]", "[TAIL]", "[ENTITY]", "[HIGHLIGHT]", "[PLACEHOLDER]"]
    return WordTokenizer(str(fixtures_dir / "tiny-luke"), markers)


@pytest.mark.parametrize("file, owner", FILES.items())
@pytest.mark.parametrize("task", READERS)
def test_records_of_another_task(
    tokenizer: WordTokenizer, fixtures_dir: Path, task: str, file: str, owner: str
) -> None:
    reader: TaskReader = READERS[task](tokenizer)
    examples = reader.read_examples(str(fixtures_dir / file))
    if owner == task:
        assert next(iter(examples)) is not None
        return
    with pytest.raises(ConfigurationError) as error:
        list(examples)
    message = error.value.message
    assert message.startswith(f"{fixtures_dir / file}")
    assert f"is data for the reader {owner!r}, as it has '" in message
    assert f"this is the reader {task!r}, which expects '" in message


@pytest.mark.parametrize("file", ["ner/train.conll", "data/kbp37/dev.txt"])
@pytest.mark.parametrize("task", READERS)
def test_text_files_of_another_task(
    tokenizer: WordTokenizer, fixtures_dir: Path, task: str, file: str
) -> None:
    reader: TaskReader = READERS[task](tokenizer)
    first = (fixtures_dir / file).read_text(encoding="utf-8").splitlines()[0]
    if task == "luke_relation_classification" and file.startswith("data/kbp37"):
        assert next(iter(reader.read_examples(str(fixtures_dir / file)))) is not None
        return
    with pytest.raises(ConfigurationError) as error:
        list(reader.read_examples(str(fixtures_dir / file)))
    assert repr(first) in error.value.message and "expected" in error.value.message


def test_nothing_is_said_of_unknown_records() -> None:
    for task in READERS:
        for record in ({}, {"text": "a"}, {"data": []}, {"data": [1]}, {"label": "x"}):
            check_task(record, task, "here")
    # Nor of one with the keys of two tasks, its own among them.
    check_task({"text": "a", "span": [0, 1], "entities": []}, "luke_entity_typing", "here")
    with pytest.raises(ConfigurationError, match="^here: is data for the reader 'luke_entity_typing', as it"):
        check_task({"text": "a", "span": [0, 1]}, "luke_relation_classification", "here")
