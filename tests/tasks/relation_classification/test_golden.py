"""The reader and the training against the original system: its instances, its losses, its final weights."""

from pathlib import Path

import pytest

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.relation_classification.reader import RelationReader
from tests.golden_training import GoldenTraining
from tests.tasks.support import golden_lines

pytestmark = pytest.mark.shared


def test_instances(shared_dir: Path) -> None:
    tokenizer = WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer"), ["[HEAD]", "[TAIL]"])
    instances = list(RelationReader(tokenizer).read(str(shared_dir / "golden" / "relation_input.json")))
    golden = golden_lines(shared_dir, "relation")
    assert len(golden) == len(instances) == 8
    for theirs, mine in zip(golden, instances, strict=True):
        assert mine["words"].ids.tolist() == theirs["word_ids"]
        assert mine["entities"].ids.tolist() == [1, 2]
        assert mine["entities"].spans.tolist() == theirs["spans"]
        assert mine["label"].label == theirs["label"]


@pytest.mark.slow
def test_training(shared_dir: Path, root_dir: Path, tmp_path: Path) -> None:
    training = GoldenTraining(
        shared_dir,
        tmp_path,
        "relation_classification",
        root_dir / "training_configs" / "relation_classification" / "tacred.jsonnet",
        train_data_path=str(shared_dir / "golden" / "relation_input.json"),
    )
    training.check_instances(golden_lines(shared_dir, "relation"))
    assert training.model.classifier.bias is None
    training.check_training("classifier", "classifier", batches=12)
