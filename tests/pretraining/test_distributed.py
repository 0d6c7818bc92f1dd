"""Two processes make the updates of one, whatever becomes of their checkpoints."""

import datetime
import os
import shutil
import signal
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from allennlp.common.checks import ConfigurationError
from allennlp.training import TrainerCallback

from luke_allennlp.training.signals import TrainingInterrupted
from tests.pretraining.trainers import OPTIMIZER, make_dataset, make_trainer, weights

ZERO = {**OPTIMIZER, "type": "zero_adamw"}
KEEP_ALL = {"save_every_num_steps": 100, "keep_most_recent_by_count": None}


class Terminate(TrainerCallback):
    """As if one process alone was asked to end."""

    def on_batch(self, trainer: Any, *args: Any, **kwargs: Any) -> None:
        if trainer._total_batches_completed == 4 and dist.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def train(rank: int, place: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{place}/store", world_size=2, rank=rank)
    options: Dict[str, Any] = {
        "dropout": 0.0,
        "max_tokens": 80,
        "distributed": True,
        "world_size": 2,
        "local_rank": rank,
        "optimizer": ZERO,
        "checkpointer": KEEP_ALL,
        "train_only_new": True,
        "validation_metric": "-masked_entity_loss",
        # Machines need not share a disk.
        "run": Path(place) / f"run{rank}",
        "dataset": Path(place) / "dataset",
    }
    trainer = make_trainer(**options)
    trainer._callbacks.append(Terminate(""))
    try:
        trainer.train()
    except TrainingInterrupted:
        pass
    assert trainer._total_batches_completed == 4
    kept = sum(bool(state) for state in trainer.optimizer.optim.state.values())  # type: ignore[attr-defined]

    # Other weights at first.
    trainer = make_trainer(**options, seed=rank + 1)
    metrics = trainer.train()
    torch.save((kept, metrics, weights(trainer)), f"{place}/result{rank}")
    dist.barrier()
    dist.destroy_process_group()


class Damaged:
    """A data loader whose data cannot be read behind its first batch, or step."""

    def __init__(self, loader: Any) -> None:
        self.loader, self.steps_per_epoch = loader, loader.steps_per_epoch

    def __iter__(self) -> Iterator[Any]:
        yield next(iter(self.loader))
        raise ConfigurationError("validation/00000.arrow: damaged")

    def steps(self, epoch: int, start: int = 0) -> Iterator[Any]:
        yield next(self.loader.steps(epoch, start))
        raise OSError("train/00000.arrow: no such disk")


def fail(rank: int, place: str) -> None:
    torch.set_num_threads(1)
    timeout = datetime.timedelta(seconds=60)
    store = f"file://{place}/store"
    dist.init_process_group("gloo", init_method=store, world_size=2, rank=rank, timeout=timeout)
    messages = []
    for name in ("_source", "_validation_data_loader"):
        run = Path(place) / f"{name}{rank}"
        options: Dict[str, Any] = {"distributed": True, "world_size": 2, "local_rank": rank}
        trainer = make_trainer(Path(place) / "dataset", run, num_steps=2, **options)
        if rank == 1:
            setattr(trainer, name, Damaged(getattr(trainer, name)))
        with pytest.raises((ConfigurationError, OSError)) as caught:
            trainer.train()
        messages.append(str(caught.value))
    torch.save(messages, f"{place}/messages{rank}")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_an_error_in_one_process_ends_all(tmp_path: Path) -> None:
    make_dataset(tmp_path / "dataset")
    mp.spawn(fail, args=(str(tmp_path),), nprocs=2)
    own = ["train/00000.arrow: no such disk", "validation/00000.arrow: damaged"]
    assert torch.load(tmp_path / "messages1") == own
    assert torch.load(tmp_path / "messages0") == [
        f"Process 1 of 2 could not go on: OSError: {own[0]}",
        f"Process 1 of 2 could not go on: {own[1]}",
    ]


@pytest.mark.slow
def test_two_processes(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset")
    mp.spawn(train, args=(str(tmp_path),), nprocs=2)
    results = [torch.load(tmp_path / f"result{rank}", weights_only=False) for rank in (0, 1)]
    best = {"validation_metric": "-masked_entity_loss"}
    whole = make_trainer(dataset, tmp_path / "whole", dropout=0.0, train_only_new=True, **best)
    metrics = whole.train()
    trainable = [name for name, parameter in whole.model.named_parameters() if parameter.requires_grad]

    # Each process kept the averages of a part.
    assert results[0][0] + results[1][0] == len(trainable) and min(results[0][0], results[1][0]) > 0
    for _, found, found_weights in results:
        assert found["validation_masked_entity_loss"] == pytest.approx(
            metrics["validation_masked_entity_loss"], rel=1e-5
        )
        for name, value in weights(whole).items():
            torch.testing.assert_close(found_weights[name], value, rtol=0, atol=2e-5, msg=name)
    assert {path.name for path in (tmp_path / "run0").glob("*.th")} == {"best.th"}
    assert {path.name for path in (tmp_path / "run0/checkpoints").iterdir()} == {"step-4", "step-10"}
    assert not list((tmp_path / "run1").glob("*.th")) and not (tmp_path / "run1/checkpoints").exists()

    # One process goes on where the two were.
    shutil.rmtree(tmp_path / "run0/checkpoints/step-10")
    alone = make_trainer(dataset, tmp_path / "run0", dropout=0.0, train_only_new=True, seed=1, **best)
    alone._maybe_restore_checkpoint()
    assert alone._total_batches_completed == 4
    alone.train()
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(alone)[name], value, rtol=0, atol=2e-5, msg=name)
