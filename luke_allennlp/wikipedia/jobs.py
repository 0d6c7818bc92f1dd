"""Jobs that write one file or directory, and can be interrupted and resumed."""

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
    """Where a job keeps what it has done until its output exists: beside the output."""
    return output.with_name(output.name + _SUFFIX)


def run_job(
    output: Path,
    plan: Mapping[str, Any],
    stages: Callable[[Path], Sequence[Stage]],
    executor: Executor,
    force: bool = False,
) -> bool:
    """
    Runs a job's stages, or what is left of them. The last stage writes the output, a file or directory,
    atomically. Returns whether all is done; if not, it was submitted to Slurm.

    # Parameters

    plan : `Mapping[str, Any]`
        As for `begin`; the version of this package is added.
    stages : `Callable[[Path], Sequence[Stage]]`
        Called with the work directory, which is removed at the end.
    force : `bool`, optional (default = `False`)
        Whether to replace an existing output, or an unfinished job of other options.

    # Raises

    `ConfigurationError`
        The output exists, the job was begun with other options, or tasks failed.
    """
    work = work_directory(output)
    # A job that was killed when its output was just in place is resumed all the same.
    if os.path.lexists(output) and not force and not (work / PLAN_FILE).exists():
        raise ConfigurationError(f"{output}: already exists; choose another path, or give --force.")
    output.parent.mkdir(parents=True, exist_ok=True)
    begin(work, {**plan, "luke-allennlp": __version__}, force)
    to_do = stages(work)
    if is_done(work, to_do[-1].name) and not os.path.lexists(output):
        # It was removed since: only the last stage is repeated.
        shutil.rmtree(work / _STAGES / to_do[-1].name)
    if not run_stages(to_do, work, output, executor):
        return False
    shutil.rmtree(work)
    return True


def run_stages(stages: Sequence[Stage], work: Path, output: Path, executor: Executor) -> bool:
    """
    As `run_job`, of stages whose last one has a single task, which writes the output. Ray's executor is
    silent when tasks fail; here it is an error.
    """
    if not executor.run(stages, work / _STAGES) and not is_done(work, stages[-1].name):
        return False
    if not os.path.lexists(output):
        raise ConfigurationError(
            f"{output}: is not written, as tasks failed ({work / _STAGES} has their logs); start the same "
            "command again to resume."
        )
    return True


def is_done(work: Path, stage: str) -> bool:
    """Whether a job's stage of a single task is done."""
    return (work / _STAGES / stage / "completions" / "00000").exists()


def submitted(output: Path) -> str:
    """The message where `run_job` returned false."""
    return (
        f"Submitted: {output} is there when the jobs are done; the same command, started again then, removes "
        f"{work_directory(output)}."
    )


def pages_plan(pages: Sequence[ExtractedWikipedia]) -> List[Dict[str, str]]:
    """What a plan says of its input: the metadata of pages contains the hashes of dumps and all options."""
    return [
        {
            "path": str(wiki.path),
            "metadata": file_sha256(wiki.path / METADATA_FILE),
        }
        for wiki in pages
    ]


def save_array(path: Path, values: numpy.ndarray) -> None:
    """Writes an array (`.npy`) atomically."""
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        numpy.save(file, values)


def load_array(path: Path) -> numpy.ndarray:
    """What `save_array` wrote."""
    return numpy.load(path, allow_pickle=False)


def summed(keys: numpy.ndarray, counts: numpy.ndarray) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """
    Each key once, ascending, with the sum of its counts.

    # Parameters

    keys, counts : `numpy.ndarray`
        Keys in any order, repeated ones too, and their counts. Shape of both: (rows,)
    """
    order = numpy.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order].astype(numpy.int64)
    firsts = numpy.flatnonzero(numpy.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
    return keys[firsts], numpy.add.reduceat(counts, firsts) if len(firsts) else counts
