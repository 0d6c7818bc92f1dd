"""Tasks that run in processes of this machine, or as jobs of Slurm."""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from functools import partial
from pathlib import Path
from typing import Dict, List, Mapping

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm

from luke_allennlp.wikipedia.executors import (
    Executor,
    Stage,
    add_executor_arguments,
    executor_from_args,
)
from luke_allennlp.wikipedia.guarded_pool import Limits, guarded_map
from luke_allennlp.wikipedia.jobs import begin
from tests.wikipedia.kills import run_in_group, wait_for_group
from tests.wikipedia.made_dumps import articles, write_dump


def note(directory: Path, rank: int) -> Mapping[str, int]:
    """A task that can be seen to have run, and how often, in which process."""
    with open(directory / f"note {rank}", "a") as file:
        file.write(f"{os.getpid()}\n")
    return {"numbers": rank}


def noted(directory: Path) -> List[List[str]]:
    return [path.read_text().split() for path in sorted(directory.glob("note *"))]


@pytest.mark.parametrize("workers", [1, 3])
def test_every_task_is_done_once(tmp_path: Path, workers: int, capfd: pytest.CaptureFixture[str]) -> None:
    stages = [Stage("count", partial(note, tmp_path), 5)]
    for _ in range(2):
        assert Executor(workers=workers).run(stages, tmp_path / "logs")
    done = noted(tmp_path)
    assert [len(processes) for processes in done] == [1] * 5 and [str(os.getpid())] not in done
    captured = capfd.readouterr()
    assert captured.out == ""
    # Nothing on the terminal but the bar.
    assert all(not line or line.startswith("count: ") for line in re.split(r"[\r\n]", captured.err))
    assert "5/5" in captured.err and "10 numbers" in captured.err
    statistics = json.loads((tmp_path / "logs/count/stats/00003.json").read_text())
    assert statistics[0]["stats"]["numbers"]["total"] == 3


def test_what_failed_is_done_again(tmp_path: Path) -> None:
    def work(rank: int) -> Mapping[str, int]:
        if rank == 1 and not (tmp_path / "mended").exists():
            raise KeyError("broken")
        return note(tmp_path, rank)

    stages = [Stage("work", work, 3)]
    with pytest.raises(ConfigurationError) as error:
        Executor().run(stages, tmp_path / "logs")
    log = tmp_path / "logs/work/logs/task_00001.log"
    assert f"Task 1 of 'work' failed with KeyError: 'broken' ({log} says more)" in str(error.value)
    assert "Traceback" in log.read_text()
    (tmp_path / "mended").touch()
    assert Executor().run(stages, tmp_path / "logs")
    assert [len(processes) for processes in noted(tmp_path)] == [1, 1, 1]


def test_a_killed_worker_is_noticed(tmp_path: Path) -> None:
    stages = [Stage("work", lambda rank: os.kill(os.getpid(), signal.SIGKILL), 2)]
    with pytest.raises(ConfigurationError, match="A process of 'work' was killed.*memory"):
        Executor(workers=2).run(stages, tmp_path / "logs")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_command(tmp_path: Path, number: int) -> None:
    def sleep(item: int) -> None:
        (tmp_path / f"started {item}").touch()
        time.sleep(60)

    def command() -> None:
        Tqdm.set_lock(threading.RLock())  # not shared with this process, since it is killed
        # A task, and in its process the child of a guarded call.
        work = lambda rank: list(guarded_map(sleep, [rank], Limits()))  # noqa: E731
        Executor(workers=2).run([Stage("work", work, 2)], tmp_path / "logs")

    process = run_in_group(command)
    while len(list(tmp_path.glob("started *"))) < 2:
        time.sleep(0.01)
    os.kill(process, number)
    os.waitpid(process, 0)
    wait_for_group(process)


def test_a_job_goes_on_with_the_same_plan_only(tmp_path: Path) -> None:
    directory = tmp_path / "job"
    begin(directory, {"a": (1, 2), "b": 3})

    def work(rank: int) -> None:
        begin(directory, {"b": 3, "a": [1, 2]})
        with pytest.raises(ConfigurationError, match="job: another process is working there"):
            begin(directory, {"a": 2}, force=True)

    assert Executor().run([Stage("work", work, 1)], directory / "logs")
    with pytest.raises(ConfigurationError, match="begun with other b, c;.*--force"):
        begin(directory, {"a": [1, 2], "c": 3})
    assert (directory / "logs").exists()
    begin(directory, {"c": 3}, force=True)
    assert [path.name for path in directory.iterdir()] == ["plan.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["job"]


def test_arguments() -> None:
    parser = argparse.ArgumentParser()
    add_executor_arguments(parser)

    def executor(arguments: str) -> Executor:
        return executor_from_args(parser.parse_args(arguments.split()))

    assert executor("") == Executor()
    slurm = "--executor slurm --slurm-partition cpu --slurm-time 1:00 --memory-gb 8 --workers 9"
    assert executor(slurm) == Executor("slurm", 9, "1:00", "cpu", 8)
    with pytest.raises(ConfigurationError, match="--workers is 0; expected 1 or more."):
        executor("--workers 0")
    with pytest.raises(ConfigurationError, match="give --slurm-partition NAME"):
        executor("--executor slurm")


SBATCH = """#!/bin/bash
jobs=$(dirname "$0")/../jobs
mkdir -p "$jobs"
number=$(($(ls "$jobs" | wc -l) + 1))
{ echo "# ${@:1:$#-1}"; cat "${@: -1}"; } > "$jobs/$(printf %03d $number)"
echo "Submitted batch job $number"
"""
SRUN = """#!/bin/bash
while [[ "$1" == -* ]]; do if [[ "$1" == -n ]]; then shift; fi; shift; done
exec "$@"
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Slurm's commands, which keep what is submitted; gives where."""
    (tmp_path / "bin").mkdir()
    for name, content in (("sbatch", SBATCH), ("srun", SRUN), ("scontrol", "#!/bin/bash\necho node\n")):
        (tmp_path / "bin" / name).write_text(content)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "jobs"


def submitted(jobs: Path) -> List[str]:
    """Without those that only sum datatrove's statistics up."""
    return [text for path in sorted(jobs.iterdir()) if "launch_pickled" in (text := path.read_text())]


def test_jobs_of_slurm_wait_for_each_other(
    tmp_path: Path, slurm: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stages = [Stage("first", print, 7), Stage("second", print, 1), Stage("third", print, 1)]
    executor = Executor("slurm", 3, "1:00:00", "cpu", 6)
    assert not executor.run(stages, tmp_path / "logs")
    assert capfd.readouterr() == ("", "")
    scripts = submitted(slurm)
    assert len(scripts) == 3
    for script, stage, array in zip(scripts, stages, ("0-6%3", "0-0%3", "0-0%3"), strict=True):
        name = stage.name
        for option in (f"job-name=luke-{name}", f"array={array}", "partition=cpu", "mem-per-cpu=6G"):
            assert f"#SBATCH --{option}\n" in script
        assert f"launch_pickled_pipeline {tmp_path}/logs/{name}/executor.pik" in script
    dependencies = [re.search("--dependency=afterok:(.*)", script.splitlines()[0]) for script in scripts]
    # In between come those that sum up.
    assert [match and match[1] for match in dependencies] == [None, "1", "3"]
    # What is done is not submitted again.
    for name in ("first", "second"):
        (tmp_path / "logs" / name / "completions").mkdir()
        for rank in (0, 1, 2, 4, 5, 6):
            (tmp_path / "logs" / name / "completions" / f"{rank:05d}").touch()
    shutil.rmtree(slurm)
    assert not executor.run(stages, tmp_path / "logs")
    assert len(submitted(slurm)) == 2
    assert json.loads((tmp_path / "logs/first/ranks_to_run.json").read_text()) == [3]


def test_there_is_no_slurm(tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executor, stages = Executor("slurm", partition="cpu"), [Stage("work", print, 1)]
    (slurm.parent / "bin" / "sbatch").write_text("#!/bin/bash\nexit 3\n")
    with pytest.raises(ConfigurationError, match="sbatch refused the job"):
        executor.run(stages, tmp_path / "logs")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="sbatch is not found"):
        executor.run(stages, tmp_path / "logs")


@pytest.mark.slow
def test_what_slurm_runs(tmp_path: Path, slurm: Path, environment: Dict[str, str]) -> None:
    """The submitted scripts, each as a process of its own, give what local tasks do."""
    from luke_allennlp.wikipedia.extraction import extract

    dump = write_dump(tmp_path / "dump.xml", articles(10))
    assert extract([dump], str(tmp_path / "slurm"), executor=Executor("slurm", 2, partition="cpu")) is None
    assert extract([dump], str(tmp_path / "local")) is not None
    for script in submitted(slurm):
        tasks = int(re.search(r"--array=0-(\d+)", script)[1]) + 1  # type: ignore[index]
        for task in range(tasks):
            slurm_variables = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_NODELIST": "node"}
            variables = {**environment, **slurm_variables, "PATH": os.environ["PATH"]}
            subprocess.run(["bash", "-c", script], env=variables, timeout=300, check=True)
    for name in ("metadata.json", "pages/00000.parquet", "failures.jsonl", "plan.json"):
        assert (tmp_path / "slurm" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
