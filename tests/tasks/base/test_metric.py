"""Scores over whole examples: parts, repetitions, resets, several processes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given
from hypothesis import strategies as st
from overrides import overrides

from luke_allennlp.tasks.base.metric import LabelScores, TaskMetric, f1_scores
from luke_allennlp.tasks.cloze_qa.metric import ClozePrediction, ClozeQaMetric
from luke_allennlp.tasks.entity_typing.metric import EntityTypingMetric, TypingPrediction
from luke_allennlp.tasks.ner.examples import LabeledSpan
from luke_allennlp.tasks.ner.metric import NerMetric, SentencePrediction
from luke_allennlp.tasks.relation_classification.metric import RelationMetric, RelationPrediction


class Part(NamedTuple):
    """A guess, how sure it is, and what is right."""

    guess: str
    sureness: float
    right: str


class SurestGuess(TaskMetric[Part]):
    """The share of examples whose surest guess is right."""

    @overrides
    def merge(self, first: Part, second: Part) -> Part:
        return max(first, second, key=lambda part: (part.sureness, part.guess))

    @overrides
    def tally(self, example: Part) -> Mapping[Any, float]:
        return {"all": 1, "right": example.guess == example.right, "sureness": example.sureness}

    @overrides
    def scores(self, sums: Mapping[Any, float]) -> Dict[str, float]:
        return {
            "accuracy": sums["right"] / sums["all"] if sums["all"] else 0.0,
            "sureness": sums["sureness"],
            "examples": sums["all"],
        }

    @overrides
    def final_scores(self, examples: List[Part]) -> Dict[str, float]:
        return {"length": float(len("".join(example.guess for example in examples)))}


PARTS: List[Tuple[Tuple[int, str], Part]] = [
    ((0, "a"), Part("x", 0.1, "y")),
    ((0, "a"), Part("y", 0.7, "y")),
    ((0, "a"), Part("x", 0.3, "y")),
    ((1, "b"), Part("x", 0.2, "x")),
    ((1, "b"), Part("zz", 0.9, "x")),
    ((2, "c"), Part("x", 0.4, "x")),
]
SCORES = {"accuracy": pytest.approx(2 / 3), "sureness": pytest.approx(2.0), "examples": 3}


def test_parts_are_merged_across_batches() -> None:
    metric = SurestGuess()
    accuracies = []
    for part in PARTS:
        metric([part])
        accuracies.append(metric.get_metric()["accuracy"])
    # What a later part overrules counts no more.
    assert accuracies == pytest.approx([0.0, 1.0, 1.0, 1.0, 0.5, 2 / 3])
    assert metric.get_metric(reset=True) == {**SCORES, "length": 4.0}


@given(
    order=st.permutations(range(len(PARTS))), again=st.lists(st.sampled_from(PARTS)), size=st.integers(1, 7)
)
def test_neither_order_nor_repetition_matters(
    order: List[int], again: List[Tuple[Tuple[int, str], Part]], size: int
) -> None:
    parts = [PARTS[index] for index in order] + again
    metric = SurestGuess()
    for at in range(0, len(parts), size):
        metric(iter(parts[at : at + size]))
    assert metric.get_metric() == SCORES
    reference = SurestGuess()
    reference(PARTS)
    # To the last bit.
    assert metric.get_metric(reset=True) == reference.get_metric(reset=True)


def test_without_merge_the_first_stays() -> None:
    class First(SurestGuess):
        merge = TaskMetric.merge

    for parts, expected in ((PARTS, 2 / 3), (PARTS[::-1], 1 / 3)):
        metric = First()
        metric(parts)
        assert metric.get_metric(reset=True)["accuracy"] == pytest.approx(expected)


def test_reset() -> None:
    metric = SurestGuess()
    nothing = {"accuracy": 0.0, "sureness": 0, "examples": 0}
    assert metric.get_metric() == nothing
    assert metric.get_metric(reset=True) == {**nothing, "length": 0.0}
    for reset in (metric.reset, lambda: metric.get_metric(reset=True)):
        metric(PARTS)
        assert metric.get_metric() == metric.get_metric() == SCORES
        reset()
        assert metric.get_metric() == nothing


def score_share(rank: int, processes: int, place: str) -> None:
    """One process of several: it sees every so many parts, and one that another process sees, too."""
    dist.init_process_group("gloo", init_method=f"file://{place}/meeting", rank=rank, world_size=processes)
    metric = SurestGuess()
    found = []
    # Twice: what was scored must not come again. In the second round one process has nothing.
    for parts in ([*PARTS[rank::processes], PARTS[1]], PARTS if rank else []):
        metric(parts)
        alone = metric.get_metric()
        found.append({"alone": alone, "together": metric.get_metric(reset=True)})
    Path(place, f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def test_processes_put_their_examples_together(tmp_path: Path) -> None:
    mp.start_processes(score_share, args=(2, str(tmp_path)), nprocs=2, start_method="fork")
    metric = SurestGuess()
    metric(PARTS)
    expected = metric.get_metric(reset=True)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    for rounds in (first, second):
        assert [found["together"] for found in rounds] == [expected, expected]
    assert first[0]["alone"] != expected and second[0]["alone"] != first[0]["alone"]
    assert first[1]["alone"]["examples"] == 0


def test_f1_scores() -> None:
    assert f1_scores(2, 4, 8) == pytest.approx({"precision": 0.5, "recall": 0.25, "f1": 1 / 3})
    for counts in ((0, 0, 3), (0, 3, 0), (0, 0, 0)):
        assert f1_scores(*counts) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_table_by_label() -> None:
    """The labels of the last reset, the most frequent first, without the negative one."""
    ner = NerMetric()
    sentence = SentencePrediction(0, "d", 0, 9, 1, gold=[], predictions={0: []})
    gold = [LabeledSpan(0, 1, "PER"), LabeledSpan(2, 3, "LOC"), LabeledSpan(4, 5, "LOC")]
    found = {0: [(0, 1, "PER", 1.0), (2, 3, "ORG", 1.0), (4, 5, "LOC", 1.0)]}
    ner([(0, replace(sentence, gold=gold, predictions=found))])
    assert ner.table() == []
    ner.get_metric(reset=True)
    expected = [
        LabelScores("LOC", 1.0, 0.5, pytest.approx(2 / 3), 2, 1),  # type: ignore[arg-type]
        LabelScores("PER", 1.0, 1.0, 1.0, 1, 1),
        LabelScores("ORG", 0.0, 0.0, 0.0, 0, 1),
    ]
    assert ner.table() == expected
    typing = EntityTypingMetric()
    typing(
        [
            (0, TypingPrediction(frozenset("ab"), frozenset("bc"))),
            (1, TypingPrediction(frozenset("a"), frozenset())),
        ]
    )
    typing.get_metric(reset=True)
    assert [(row.label, row.f1, row.support, row.predicted) for row in typing.table()] == (
        [("a", 0.0, 2, 0), ("b", 1.0, 1, 1), ("c", 0.0, 0, 1)]
    )
    relations = RelationMetric(negative_label="none")
    pairs = [("x", "x"), ("x", "none"), ("none", "y"), ("none", "none")]
    relations((number, RelationPrediction(*pair)) for number, pair in enumerate(pairs))
    relations.get_metric(reset=True)
    assert [(row.label, row.recall, row.support, row.predicted) for row in relations.table()] == (
        [("x", 0.5, 2, 1), ("y", 0.0, 0, 1)]
    )
    # A reset without examples.
    relations.get_metric(reset=True)
    assert relations.table() == []
    answers = ClozeQaMetric()
    answers([(0, ClozePrediction("a", 1.0, 0, ("a",)))])
    assert answers.get_metric(reset=True)["em"] == 100.0 and answers.table() == []
