"""Instances in steps: which, in what order, and how much each counts; batches for evaluation."""

import threading
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.reader import NerReader
from luke_allennlp.training import step_loader
from luke_allennlp.training.step_loader import StepDataLoader
from luke_allennlp.training.steps import Step


@pytest.fixture(scope="module")
def reader(fixtures_dir: Path) -> NerReader:
    return NerReader(WordTokenizer(str(fixtures_dir / "tiny-luke")), max_length=96, max_instances=22)


@pytest.fixture
def make(reader: NerReader, fixtures_dir: Path) -> Any:
    def make(**options: Any) -> StepDataLoader:
        loader = StepDataLoader(reader, str(fixtures_dir / "ner" / "train.conll"), **options)
        loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
        return loader

    return make


def sentences(step: Step) -> List[Any]:
    return [data["sentence"] for batch in step.batches for data in batch["metadata"]]  # type: ignore


def total(step: Step) -> float:
    """What the weights of all predictions sum up to."""
    return sum(
        float((weights * batch["entities"]["entity_mask"].sum(1)).sum())  # type: ignore
        for batch, weights in zip(step.batches, step.weights, strict=True)
    )


def test_an_epoch_has_every_instance_once(make: Any) -> None:
    loader = make(batch_size=8, max_tokens=100, shuffle=True)
    steps = list(loader.steps(0))
    assert [len(sentences(step)) for step in steps] == [8, 8, 6] and len(loader) == 3
    metadata = [data for step in steps for batch in step.batches for data in batch["metadata"]]
    places = [(data["document_index"], data["sentence"], data["chunk"]) for data in metadata]
    assert len(set(places)) == 22
    assert all(total(step) == pytest.approx(1) for step in steps)
    assert all(len(step.batches) > 1 for step in steps)


def test_the_order_depends_on_seed_and_epoch_alone(make: Any) -> None:
    loader = make(batch_size=8, shuffle=True)
    first = [sentences(step) for step in loader.steps(1)]
    torch.manual_seed(3)
    assert [sentences(step) for step in loader.steps(1, 1)] == first[1:]
    assert [sentences(step) for step in make(batch_size=8, shuffle=True, num_workers=2).steps(1)] == first
    assert [sentences(step) for step in loader.steps(0)] != first
    assert [sentences(step) for step in make(batch_size=8, shuffle=True, seed=1).steps(1)] != first


def test_steps_before_are_not_built(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = make(batch_size=2)
    built: List[int] = []
    build = loader.build

    def count(chosen: np.ndarray, *rest: int) -> Any:
        built.append(len(chosen))
        return build(chosen, *rest)

    monkeypatch.setattr(loader, "build", count)
    next(loader.steps(0, 9))
    assert built == [2]


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_share_a_step(
    make: Any, pack: bool, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = make(batch_size=7, loss_batch_size=3, max_tokens=120, pack=pack)
    whole = [sorted(sentences(step)) for step in loader.steps(0)]
    found: List[List[Step]] = []
    for rank in range(processes):
        monkeypatch.setattr(step_loader, "rank_and_world_size", lambda rank=rank: (rank, processes))
        found.append(list(loader.steps(0)))
    for number, steps in enumerate(zip(*found, strict=True)):
        assert len({len(step.batches) for step in steps}) == 1
        assert sum(map(total, steps)) == pytest.approx(1)
        counted = [
            data["sentence"]
            for step in steps
            for batch, weights in zip(step.batches, step.weights, strict=True)
            for data, weight in zip(batch["metadata"], weights, strict=True)  # type: ignore
            if weight
        ]
        assert sorted(counted) == whole[number]


def test_a_loss_of_groups(make: Any) -> None:
    """Each group has the same part of the loss, shared out evenly over its predictions."""
    loader = make(batch_size=6, loss_batch_size=2, pack=False)
    step = next(loader.steps(0))
    assert [len(batch["metadata"]) for batch in step.batches] == [2, 2, 2]
    for batch, weights in zip(step.batches, step.weights, strict=True):
        number = int(batch["entities"]["entity_mask"].sum())
        assert weights.tolist() == pytest.approx([1 / 3 / number] * 2)


def test_a_model_that_takes_no_weights(make: Any) -> None:
    loader = make(batch_size=8, max_tokens=100)
    loader.takes_loss_weights = False
    step = next(loader.steps(0))
    assert step.weights == pytest.approx([len(batch["metadata"]) / 8 for batch in step.batches])


def test_micro_batches_keep_to_the_limit(make: Any) -> None:
    loader = make(batch_size=22, max_tokens=150)
    for batch in next(loader.steps(0)).batches:
        words, entities = batch["words"]["tokens"]["mask"], batch["entities"]["entity_mask"]
        assert len(words) == 1 or len(words) * (words.size(1) + entities.size(1)) <= 150


class TestEvaluation:
    """Batches for evaluation: `__iter__` and `numbered_batches`."""

    def test_batches(self, make: Any) -> None:
        loader = make(batch_size=5, shuffle=True, max_tokens=200)
        lengths = np.array([len(instance["words"]) for instance in loader.iter_instances()])
        entities = np.array([len(instance["entities"]) for instance in loader.iter_instances()])
        batches = list(loader.numbered_batches())
        order = np.concatenate([numbers for numbers, _ in batches])
        assert sorted(order.tolist()) == list(range(22))
        assert (np.diff(lengths[order]) <= 0).all()
        for numbers, batch in batches:
            assert "loss_weights" not in batch and len(numbers) <= 5
            assert len(numbers) == 1 or (lengths + entities)[numbers].sum() <= 200
            found = batch["words"]["tokens"]["mask"].sum(1)  # type: ignore[index]
            assert found.tolist() == lengths[numbers].tolist()
        # Plain iteration keeps the order of the file.
        found = torch.cat([batch["words"]["tokens"]["mask"].sum(1) for batch in loader])  # type: ignore[index]
        assert found.tolist() == lengths.tolist()

    @pytest.mark.parametrize("processes", [2, 3, 30])
    def test_processes_share_the_instances(
        self, make: Any, processes: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loader, found = make(batch_size=5), []
        for rank in range(processes):
            monkeypatch.setattr(step_loader, "rank_and_world_size", lambda rank=rank: (rank, processes))
            shares = [numbers for numbers, _ in loader.numbered_batches()]
            found += sorted(np.concatenate([[], *shares]).tolist())
        assert found == list(range(22))

    def test_a_device(self, make: Any) -> None:
        loader = make()
        loader.set_target_device(torch.device("meta"))
        assert next(iter(loader))["words"]["tokens"]["mask"].device.type == "meta"
        _, batch = next(loader.numbered_batches())
        assert batch["words"]["tokens"]["mask"].device.type == "cpu"

    def test_a_gpu(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        pinned: List[torch.Tensor] = []
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self) or self)
        loader = make(batch_size=22)
        loader.set_target_device(torch.device("cuda"))
        _, batch = next(loader.numbered_batches())
        assert len(pinned) == 7
        assert len(loader.evaluation_batches()) == 1

    def test_the_thread(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is one batch ahead, ends with the iteration, and its errors are raised in their place."""
        loader, made = make(batch_size=2), []
        collate = loader._collate

        def watched(numbers: np.ndarray) -> Any:
            made.append(threading.current_thread())
            if len(made) == 4:
                raise ConfigurationError("the fourth")
            return collate(numbers)

        monkeypatch.setattr(loader, "_collate", watched)
        batches = loader.numbered_batches()
        next(batches)
        assert threading.main_thread() not in made and made[0].is_alive()
        batches.close()
        assert len(made) == 2 and not made[0].is_alive()
        made.clear()
        given = []
        with pytest.raises(ConfigurationError, match="the fourth"):
            for numbers, _ in loader.numbered_batches():
                given.append(numbers)
        assert len(given) == 3 and not made[0].is_alive()


@pytest.mark.parametrize("name", ["batch_size", "max_tokens", "loss_batch_size", "num_workers", "seed"])
def test_options(make: Any, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"data_loader.{name} is -1; expected"):
        make(**{name: -1})


def test_no_instances(reader: NerReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NerReader, "_read", lambda *_: iter(()))
    with pytest.raises(ConfigurationError, match="no instances were read from it"):
        StepDataLoader(reader, str(tmp_path / "empty.conll"))
