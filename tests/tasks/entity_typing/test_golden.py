"""The reader and the training against the original system: its instances, its losses, its final weights."""

from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.data import Instance

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.entity_typing.reader import EntityTypingReader
from tests.golden_training import GoldenTraining
from tests.tasks.support import golden_lines

pytestmark = pytest.mark.shared


def compared(instance: Instance) -> Dict[str, Any]:
    """What the golden file says of an instance, but for its tokens."""
    return {
        "word_ids": instance["words"].ids.tolist(),
        "spans": instance["entities"].spans.tolist(),
        "labels": sorted(instance["labels"].labels),
    }


def test_instances(shared_dir: Path) -> None:
    tokenizer = WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer"), marker_tokens=["[ENTITY]"])
    path = str(shared_dir / "golden" / "entity_typing_input.json")
    golden = golden_lines(shared_dir, "entity_typing")
    instances = list(EntityTypingReader(tokenizer).read(path))
    assert len(golden) == len(instances) == 10
    for theirs, instance in zip(golden, instances, strict=True):
        assert compared(instance) == {name: theirs[name] for name in ("word_ids", "spans", "labels")}
        assert instance["entities"].ids.tolist() == [1]

    # All of them fit, so none is cut; the two options make a difference where they should.
    whole = EntityTypingReader(tokenizer, max_mention_length=None, normalize_brackets=False)
    differ = [
        [name for name, value in compared(instance).items() if value != theirs[name]]
        for theirs, instance in zip(golden, whole.read(path), strict=True)
    ]
    assert [found for found in differ if found] == [["word_ids"], ["word_ids", "spans"], ["spans"]]


@pytest.mark.slow
def test_training(shared_dir: Path, root_dir: Path, tmp_path: Path) -> None:
    training = GoldenTraining(
        shared_dir,
        tmp_path,
        "entity_typing",
        root_dir / "training_configs" / "entity_typing" / "open_entity.jsonnet",
        train_data_path=str(shared_dir / "golden" / "entity_typing_input.json"),
    )
    training.check_instances(golden_lines(shared_dir, "entity_typing"))
    training.check_training("classifier", "typing", batches=12)
