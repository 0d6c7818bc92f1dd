"""Readers and trainings against the original system: its instances, its losses, its final weights."""

import gzip
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.common import Params
from allennlp.data import DatasetReader, Instance

import luke_allennlp.components  # noqa: F401
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.reader import NerReader, sentences_of
from tests.conftest import ROOT
from tests.golden_training import GoldenTraining
from tests.tasks.support import golden_lines

pytestmark = pytest.mark.shared

CUT = 4
"""The question of ReCoRD whose placeholder the original cuts off."""

DATA = {"entity_typing": "entity_typing", "relation_classification": "relation", "cloze_qa": "record"}
CONFIGS = {**DATA, "entity_typing": "open_entity", "relation_classification": "tacred", "ner": "conll"}
DOCUMENTS = (0, 1, 2, 3, 4, 5, 40, 77, 101)
"""Those of WikiGold whose instances the golden file of NER has."""


def config_of(task: str) -> Path:
    return ROOT / "training_configs" / task / f"{CONFIGS[task]}.jsonnet"


def read(task: str, shared_dir: Path, **options: Any) -> List[Instance]:
    """As the shipped config reads them, but for the tokenizer's directory."""
    config = Params.from_file(str(config_of(task)))["dataset_reader"].as_dict()
    config["tokenizer"]["model_name"] = str(shared_dir / "data" / "roberta_tokenizer")
    reader = DatasetReader.from_params(Params({**config, **options}))
    return list(reader.read(str(shared_dir / "golden" / f"{DATA[task]}_input.json")))


def typing_compared(instance: Instance) -> Dict[str, Any]:
    """What the golden file says of an instance, but for its tokens."""
    return {
        "word_ids": instance["words"].ids.tolist(),
        "spans": instance["entities"].spans.tolist(),
        "labels": sorted(instance["labels"].labels),
    }


def test_entity_typing(shared_dir: Path) -> None:
    golden, instances = golden_lines(shared_dir, "entity_typing"), read("entity_typing", shared_dir)
    assert len(golden) == len(instances) == 10
    for theirs, instance in zip(golden, instances, strict=True):
        assert typing_compared(instance) == {name: theirs[name] for name in ("word_ids", "spans", "labels")}
        assert instance["entities"].ids.tolist() == [1]

    # All of them fit, so none is cut; the two options make a difference where they should.
    whole = read("entity_typing", shared_dir, max_mention_length=None, normalize_brackets=False)
    differ = [
        differences(theirs, typing_compared(instance)) for theirs, instance in zip(golden, whole, strict=True)
    ]
    assert [found for found in differ if found] == [["word_ids"], ["word_ids", "spans"], ["spans"]]


def test_relation_classification(shared_dir: Path) -> None:
    golden, instances = golden_lines(shared_dir, "relation"), read("relation_classification", shared_dir)
    assert len(golden) == len(instances) == 8
    for theirs, mine in zip(golden, instances, strict=True):
        assert mine["words"].ids.tolist() == theirs["word_ids"]
        assert mine["entities"].ids.tolist() == [1, 2]
        assert mine["entities"].spans.tolist() == theirs["spans"]
        assert mine["label"].label == theirs["label"]


def cloze_instances(shared_dir: Path, **options: Any) -> List[Dict[str, Any]]:
    ours = []
    for instance in read("cloze_qa", shared_dir, **options):
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


def test_cloze_qa(shared_dir: Path) -> None:
    golden, ours = golden_lines(shared_dir, "record"), cloze_instances(shared_dir)
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
    # The original is restored.
    ours = cloze_instances(shared_dir, cut_placeholder=True, duplicate_highlight_text=True)
    for theirs, mine in zip(golden, ours, strict=True):
        assert differences(theirs, mine) == []


def golden_sentences(shared_dir: Path) -> List[Dict[str, Any]]:
    with gzip.open(shared_dir / "golden" / "ner_wikigold.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_ner(shared_dir: Path) -> None:
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
    golden = golden_sentences(shared_dir)
    assert len(golden) == len(ours) == 456
    for theirs, mine in zip(golden, ours, strict=True):
        assert mine == theirs


@pytest.mark.slow
@pytest.mark.parametrize(
    "task, head, their_head, batches",
    [
        ("entity_typing", "classifier", "typing", 12),
        ("relation_classification", "classifier", "classifier", 12),
        ("cloze_qa", "scorer", "scorer", 18),
        ("ner", "classifier", "classifier", 36),
    ],
)
def test_training(
    shared_dir: Path, tmp_path: Path, task: str, head: str, their_head: str, batches: int
) -> None:
    if task == "ner":
        path, golden = shared_dir / "data/wikigold/wikigold.conll.txt", golden_sentences(shared_dir)
    else:
        path, golden = (
            shared_dir / "golden" / f"{DATA[task]}_input.json",
            golden_lines(shared_dir, DATA[task]),
        )
    training = GoldenTraining(shared_dir, tmp_path, task, config_of(task), train_data_path=str(path))
    training.check_instances([window for window in golden if window.get("question") != CUT])
    assert task != "relation_classification" or training.model.classifier.bias is None
    training.check_training(head, their_head, batches=batches)
