"""The reader and the training against the original system: its instances, its losses, its final weights."""

import gzip
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.reader import NerReader, sentences_of
from tests.golden_training import GoldenTraining

pytestmark = pytest.mark.shared

DOCUMENTS = (0, 1, 2, 3, 4, 5, 40, 77, 101)


def golden_instances(shared_dir: Path) -> List[Dict[str, Any]]:
    with gzip.open(shared_dir / "golden" / "ner_wikigold.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_instances(shared_dir: Path) -> None:
    reader = NerReader(WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer")))
    documents = reader.read_documents(str(shared_dir / "data" / "wikigold" / "wikigold.conll.txt"))
    ours = []
    for index in DOCUMENTS:
        before = 0  # words of the document before the sentence
        for example in sentences_of(documents[index]):
            for chunk in reader.items(example):
                instance = reader.text_to_instance(chunk, labeled=True)
                candidates = instance["metadata"].metadata["candidates"]
                ours.append(
                    {
                        "document": index,
                        "word_ids": instance["words"].ids.tolist(),
                        "spans": instance["entities"].spans.tolist(),
                        "words": (candidates + before).tolist(),
                        "labels": instance["labels"].human_readable_repr(),
                    }
                )
            before += len(example.sentence.words)
    golden = golden_instances(shared_dir)
    assert len(golden) == len(ours) == 456
    for theirs, mine in zip(golden, ours, strict=True):
        assert mine == theirs


@pytest.mark.slow
def test_training(shared_dir: Path, root_dir: Path, tmp_path: Path) -> None:
    training = GoldenTraining(
        shared_dir,
        tmp_path,
        "ner",
        root_dir / "training_configs" / "ner" / "conll.jsonnet",
        train_data_path=str(shared_dir / "data" / "wikigold" / "wikigold.conll.txt"),
    )
    training.check_instances(golden_instances(shared_dir))
    training.check_training("classifier", "classifier", batches=36)
