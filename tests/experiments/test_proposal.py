"""The rules by which knobs are set."""

from collections import Counter
from typing import Any, Dict

import pytest

from luke_allennlp.experiments.checkpoint_profile import CheckpointProfile
from luke_allennlp.experiments.data_profile import DataProfile, percentile
from luke_allennlp.experiments.proposal import propose, span_limit
from tests.conftest import FIXTURES

MINILM = CheckpointProfile("minilm", "bert", 384, 6, 512, False)
BERT = CheckpointProfile("bert", "bert", 768, 12, 512, False)
LUKE_BASE = CheckpointProfile("luke-base", "luke", 768, 12, 512, True)
LUKE_LARGE = CheckpointProfile("luke-large", "luke", 1024, 24, 512, True)


def data(**figures: Any) -> DataProfile:
    return DataProfile("train.conll", **{"examples": 1200, "sources": 1200, "inputs": 1500, **figures})


def values(task: str, checkpoint: CheckpointProfile, train: DataProfile, **options: Any) -> Dict[str, Any]:
    return {knob.name: knob.value for knob in propose(task, checkpoint, train, {}, **options)}


def test_a_small_checkpoint() -> None:
    found = values("ner", MINILM, data(span_lengths=[1, 2, 7]))
    assert found["learning_rate"] == 1.5e-4 and found["embedder_options"] == {"attention_dropout": 0}
    assert found["context"] == "sentence" and found["reader_options"] == {"max_span_length": 7}
    assert (found["effective_batch_size"], found["loss_batch_size"], found["keep"]) == (4, None, "best")


def test_spans_of_a_checkpoint_without_trained_entities_see_words_alone() -> None:
    assert values("ner", MINILM, data())["span_attention"] == "independent"
    assert "span_attention" not in values("ner", LUKE_BASE, data())
    assert "span_attention" not in values("relation_classification", MINILM, data())


@pytest.mark.parametrize("checkpoint, rate", [(BERT, 5e-5), (LUKE_BASE, 3e-5), (LUKE_LARGE, 1e-5)])
def test_larger_checkpoints_learn_more_slowly(checkpoint: CheckpointProfile, rate: float) -> None:
    found = values("ner", checkpoint, data())
    assert found["learning_rate"] == rate and "embedder_options" not in found


@pytest.mark.parametrize("task", ["ner", "relation_classification", "entity_typing", "cloze_qa"])
@pytest.mark.parametrize("inputs", [10, 500, 2000, 100_000])
def test_enough_updates(task: str, inputs: int) -> None:
    found = values(task, BERT, data(inputs=inputs))
    updates = -(-inputs // found["effective_batch_size"]) * found["num_epochs"]
    assert updates >= 800 or found["num_epochs"] == 20
    assert 2 <= found["num_epochs"] <= 20


def test_context_needs_documents() -> None:
    found = values("ner", BERT, data(sources=30))
    assert found["context"] == "document" and found["reader_options"]["max_length"] == 256
    assert "max_length" not in values("ner", BERT, data(sources=30), has_gpu=True)["reader_options"]


def test_what_the_data_calls_for() -> None:
    nested = Counter({"nested or overlapping pairs of entities": 3})
    assert values("ner", BERT, data(counts=nested))["flat"] is False
    directed = Counter({"Cause-Effect(e1,e2)": 3, "Other": 1})
    assert values("relation_classification", BERT, data(labels=directed))["semeval"] is True
    assert "semeval" not in values("relation_classification", BERT, data(labels=Counter(P17=3)))
    unanswerable = values("reading_comprehension", BERT, data(counts=Counter({"unanswerable questions": 1})))
    assert unanswerable["version"] == "2.0" and unanswerable["use_entities"] is False


def test_span_limit() -> None:
    assert [span_limit(lengths) for lengths in ([], [1], [1, 9], [40])] == [16, 4, 9, 16]
    assert span_limit([2] * 996 + [12] * 4) == 4  # 99.5 % are covered
    assert span_limit([2] * 990 + [12] * 10) == 12


def test_percentile() -> None:
    assert [percentile([3, 1, 2, 4], percent) for percent in (0, 25, 50, 51, 100)] == [1, 1, 2, 3, 4]


@pytest.mark.parametrize("kind, size", [("luke", 64), ("bert", 32), ("roberta", 32)])
def test_checkpoints(kind: str, size: int) -> None:
    found = CheckpointProfile.read(str(FIXTURES / f"tiny-{kind}"))
    assert (found.kind, found.hidden_size, found.window) == (kind, size, 512)
    assert found.has_entities == (kind == "luke")
