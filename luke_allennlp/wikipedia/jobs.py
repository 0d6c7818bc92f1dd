"""Work that makes one file or directory, and can be interrupted."""

import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import numpy
from allennlp.common.checks import ConfigurationError

from luke_allennlp import __version__
from luke_allennlp.common.files import file_sha256, written_whole
from luke_allennlp.wikipedia.executors import PLAN_FILE, Executor, Stage, begin
from luke_allennlp.wikipedia.pages import METADATA_FILE, ExtractedWikipedia

_SUFFIX = ".work"
_STAGES = "stages"


def work_directory(output: Path) -> Path:
    """Where a job keeps what it has done, until its output is there: beside that."""
    return output.with_name(output.name + _SUFFIX)


def run_job(
    output: Path,
    plan: Mapping[str, Any],
    stages: Callable[[Path], Sequence[Stage]],
    executor: Executor,
    force: bool = False,
) -> bool:
    """
    Runs a job's stages, or what is left of them. The last one writes the output, whole or not at all.

    # Parameters

    output : `Path`
        The file or directory to make.
    plan : `Mapping[str, Any]`
        As of `begin`; the version of this package is added.
    stages : `Callable[[Path], Sequence[Stage]]`
        Given the work directory, which is removed at the end.
    force : `bool`, optional (default = `False`)
        Whether to replace an output that is there, or a job of other options that was not finished.

    # Returns

    `bool`
        Whether all is done; if not, it is submitted to Slurm.

    # Raises

    `ConfigurationError`
        The output is there already, the job was begun with other options, or tasks of it failed.
    """
    work = work_directory(output)
    # A job that was killed when its output was just in place goes on all the same.
    if os.path.lexists(output) and not force and not (work / PLAN_FILE).exists():
        raise ConfigurationError(f"{output}: is there already; choose another path, or give --force.")
    output.parent.mkdir(parents=True, exist_ok=True)
    begin(work, {**plan, "luke-allennlp": __version__}, force)
    to_do = stages(work)
    if is_done(work, to_do[-1].name) and not os.path.lexists(output):
        # Somebody has removed it since: only the last stage is done again.
        shutil.rmtree(work / _STAGES / to_do[-1].name)
    if not run_stages(to_do, work, output, executor):
        return False
    shutil.rmtree(work)
    return True


def run_stages(stages: Sequence[Stage], work: Path, output: Path, executor: Executor) -> bool:
    """
    Runs the stages of a job, or what is left of them.

    # Parameters

    stages : `Sequence[Stage]`
        The last one has a single task, which writes the output.
    work : `Path`
        The job's work directory.

    # Returns

    `bool`
        Whether all is done; if not, it is submitted to Slurm.

    # Raises

    `ConfigurationError`
        The output is not there, as tasks failed: Ray's executor says nothing then.
    """
    if not executor.run(stages, work / _STAGES) and not is_done(work, stages[-1].name):
        return False
    if not os.path.lexists(output):
        raise ConfigurationError(
            f"{output}: is not written, as tasks failed ({work / _STAGES} has their logs); start the same "
            "command again to go on."
        )
    return True


def is_done(work: Path, stage: str) -> bool:
    """Whether a job's stage of a single task is done."""
    return (work / _STAGES / stage / "completions" / "00000").exists()


def submitted(output: Path) -> str:
    """What to say where `run_job` gave false."""
    return (
        f"Submitted: {output} is there when the jobs are done; the same command, started again then, removes "
        f"{work_directory(output)}."
    )


def pages_plan(pages: Sequence[ExtractedWikipedia]) -> List[Dict[str, str]]:
    """What a plan says of its input: the metadata of pages has the hashes of dumps and all options."""
    return [
        {
            "path": str(wiki.path),
            "metadata": file_sha256(wiki.path / METADATA_FILE),
        }
        for wiki in pages
    ]


def save_array(path: Path, values: numpy.ndarray) -> None:
    """
    Writes an array, whole or not at all.

    # Parameters

    path : `Path`
        With the suffix `.npy`.
    """
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        numpy.save(file, values)


def load_array(path: Path) -> numpy.ndarray:
    """What `save_array` wrote."""
    return numpy.load(path, allow_pickle=False)


def summed(keys: numpy.ndarray, counts: numpy.ndarray) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """
    # Parameters

    keys : `numpy.ndarray`
        In any order, repeated ones too. Shape: (rows,)
    counts : `numpy.ndarray`
        Shape: (rows,)

    # Returns

    `Tuple[numpy.ndarray, numpy.ndarray]`
        Each key once, ascending, and the sum of its counts.
    """
    order = numpy.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order].astype(numpy.int64)
    firsts = numpy.flatnonzero(numpy.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
    return keys[firsts], numpy.add.reduceat(counts, firsts) if len(firsts) else counts
