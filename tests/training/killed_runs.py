"""
A run that is killed again and again, and resumed each time, ends as one that never was: `python -m
tests.training.killed_runs OPTIONS`, with options as JSON, from the directory of the repository.

A program of its own, since it forks: a child needs no time to import anything.
"""

import json
import os
import random
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import torch

from tests.conftest import FIXTURES, ROOT

SMALL = {
    "model.embedder.hidden_dropout": 0.1,
    "model.embedder.attention_dropout": 0.1,
    "trainer.num_epochs": 4,
    "trainer.checkpointer": {"save_every_num_steps": 2},
    "data_loader.batch_size": 8,
    "data_loader.max_tokens": 250,
}
TASKS: Dict[str, Dict[str, Any]] = {
    "ner/demo": {**SMALL, "dataset_reader.max_instances": 40},
    "relation_classification/tacred": {**SMALL, "dataset_reader.max_instances": 40, "model.dropout": 0.1},
    "reading_comprehension/squad": {
        **SMALL,
        "model.dropout": 0.1,
        **{
            f"{reader}.{name}": value
            for reader in ("dataset_reader", "validation_dataset_reader")
            for name, value in (("max_length", 112), ("stride", 40), ("max_instances", 40))
        },
    },
}


# Of each process, if there are several.
WORKERS = {f"out_worker{rank}.log" for rank in range(2)}


class Runs:
    def __init__(self, place: Path, task: str, workers: int, processes: int, seed: int) -> None:
        self.place, self.task, self.processes = place, task, processes
        self.overrides = {**TASKS[task], "data_loader.num_workers": workers}
        if task != "ner/demo":
            self.overrides["test_data_path"], self.overrides["evaluate_on_test"] = None, False
        self.random = random.Random(seed)

    def start(self, run: str, processes: int, **overrides: Any) -> List[int]:
        """The ids of the processes."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = {**self.overrides, **overrides}
        if processes == 1:
            options["trainer.cuda_device"] = -1
        arguments = [
            "allennlp",
            "train",
            f"training_configs/{self.task}.jsonnet",
            "-s",
            str(self.place / run),
        ]
        arguments += ["-o", json.dumps(options)]
        if (self.place / run / "config.json").exists():
            arguments.append("--recover")
        return [self._fork(arguments, rank, processes, port) for rank in range(processes)]

    def _fork(self, arguments: List[str], rank: int, processes: int, port: int) -> int:
        kill_in = self.kill_in
        if (process := os.fork()) != 0:
            return process
        status = 1
        try:
            log = os.open(self.place / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if processes > 1:
                os.environ.update(
                    TORCHELASTIC_RUN_ID="test",
                    MASTER_ADDR="127.0.0.1",
                    MASTER_PORT=str(port),
                    RANK=str(rank),
                    LOCAL_RANK=str(rank),
                    WORLD_SIZE=str(processes),
                    LOCAL_WORLD_SIZE=str(processes),
                    GROUP_RANK="0",
                )
            if kill_in and rank == 0:
                die_while_writing(kill_in)
            sys.argv = arguments
            from allennlp.commands import main

            main("allennlp")
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)

    kill_in = 0

    def finish(self, processes: List[int]) -> List[int]:
        return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]

    def kill(self, run: str, kills: int, by: signal.Signals, longest: float) -> Dict[str, int]:
        """
        Ends a run at random moments, of SIGKILL half of them while a checkpoint is written, of SIGTERM after
        a few steps. How often it ended with which codes.
        """
        ends: Dict[str, int] = {}
        for number in range(kills):
            self.kill_in = self.random.randint(1, 25) if by == signal.SIGKILL and number % 2 else 0
            processes = self.start(run, self.processes)
            if not self.kill_in:
                if by == signal.SIGTERM:
                    self.wait(run, processes)
                else:
                    time.sleep(self.random.uniform(0.1, longest))
                for process in processes:
                    os.kill(process, by)
            else:
                # The first process kills itself, and the others then cannot go on.
                first = self.finish(processes[:1])
                for process in processes[1:]:
                    os.kill(process, signal.SIGKILL)
                self.finish(processes[1:])
                processes, codes = [], first
            if processes:
                codes = self.finish(processes)
            ends[str(codes)] = ends.get(str(codes), 0) + 1
        self.kill_in = 0
        return ends

    def wait(self, run: str, processes: List[int]) -> None:
        """Until the run has made a few steps, or has ended."""
        log = self.place / run / "steps.jsonl"

        def size() -> int:
            return log.stat().st_size if log.exists() else 0

        wanted = size() + self.random.randint(100, 600)
        ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while size() < wanted and not os.waitid(os.P_PID, processes[0], ended):
            time.sleep(0.002)

    def check_same(self, run: str, whole: str, exact: bool = True) -> None:
        directories = [self.place / name for name in (run, whole)]
        found, expected = map(losses, directories)
        if exact:
            assert found == expected, "other losses"
            weights = [torch.load(path / "best.th", weights_only=True) for path in directories]
            assert weights[0].keys() == weights[1].keys()
            differing = [name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])]
            assert not differing, differing
        else:
            assert all(abs(a - b) <= 1e-5 * b for a, b in zip(found, expected, strict=True)), "other losses"
        names = [sorted(set(os.listdir(path)) - WORKERS) for path in directories]
        assert names[0] == names[1], names
        assert all(path.name.startswith("step-") for path in (directories[0] / "checkpoints").iterdir())


def losses(run: Path) -> List[float]:
    lines = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
    return [line.get("loss", line.get("validation_loss")) for line in lines]


def die_while_writing(kill_in: int) -> None:
    """This process kills itself at the n-th operation on a checkpoint."""
    from luke_allennlp.training import checkpoint_files

    left = [kill_in]

    def deadly(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    for module, name in (
        (checkpoint_files, "save_file"),
        (checkpoint_files, "sync"),
        (checkpoint_files, "file_sha256"),
        (checkpoint_files, "write_json"),
        (torch, "save"),
        (os, "replace"),
        (shutil, "rmtree"),
    ):
        setattr(module, name, deadly(getattr(module, name)))


def main(place: str, task: str, workers: int, processes: int, kills: int, terminations: int) -> None:
    torch.set_num_threads(1)
    os.environ.update(LUKE_MODEL=str(FIXTURES / "tiny-luke"), LUKE_DATA=str(FIXTURES / "data"))
    os.environ.pop("TORCHELASTIC_RUN_ID", None)
    os.chdir(ROOT)
    import luke_allennlp.components  # noqa: F401

    runs = Runs(Path(place), task, workers, processes, seed=workers + 10 * processes)
    started = time.monotonic()
    assert runs.finish(runs.start("whole", processes)) == [0] * processes
    longest = (time.monotonic() - started) / 2
    ends = {}
    for by, number in ((signal.SIGKILL, kills), (signal.SIGTERM, terminations)):
        ends[by.name] = runs.kill(by.name, number, by, longest)
        assert runs.finish(runs.start(by.name, processes)) == [0] * processes
        runs.check_same(by.name, "whole")
    if processes > 1:
        plain = {name: 0.0 for name in runs.overrides if name.endswith("dropout")}
        assert runs.finish(runs.start("one", 1, **plain)) == [0]
        processes_ = runs.start("two_to_one", processes, **plain)
        runs.wait("two_to_one", processes_)
        for process in processes_:
            os.kill(process, signal.SIGTERM)
        ends["two_to_one"] = {str(runs.finish(processes_)): 1}
        assert runs.finish(runs.start("two_to_one", 1, **plain)) == [0]
        runs.check_same("two_to_one", "one", exact=False)
    print(json.dumps(ends))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
