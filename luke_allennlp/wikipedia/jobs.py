"""Jobs that can be interrupted and resumed."""

import json
import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy
from allennlp.common.checks import ConfigurationError

from luke_allennlp import __version__
from luke_allennlp.common.files import file_sha256, is_temporary, write_json, written_whole
from luke_allennlp.linking.mapped_directory import Format, check_target
from luke_allennlp.wikipedia.executors import LOCK, Executor, Stage, locked
from luke_allennlp.wikipedia.pages import METADATA_FILE, ExtractedWikipedia

PLAN_FILE = "plan.json"
_STAGES = "stages"


def work_directory(output: Path) -> Path:
    """Where a job keeps what it has done until its output exists: beside the output."""
    return output.with_name(f"{output.name}.work")


def begin(directory: Path, plan: Mapping[str, Any], force: bool = False) -> None:
    """
    Creates a job's directory, or checks that an unfinished job can be resumed there. The plan (inputs and
    options, for JSON) is all that the output depends on; with `force`, a job of another plan is removed. A
    `ConfigurationError` if the directory is of another plan or of no job, or a process is working there.
    """
    directory = Path(os.path.realpath(directory))
    path = directory / PLAN_FILE
    replaced = directory.with_name(f".{directory.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    plan = json.loads(json.dumps(plan))
    if path.exists():
        try:
            found = read_json(path)
        except ValueError:
            found = {}
        if found == plan:
            return
        if not force:
            differing = sorted(key for key in {*found, *plan} if found.get(key) != plan.get(key))
            raise ConfigurationError(
                f"{directory}: was begun with other {', '.join(differing) or 'options'}; repeat it with the "
                "same options to resume, choose another directory, or replace it with --force."
            )
        with ExitStack() as locks:
            for lock in sorted(directory.glob(f"*/{LOCK}")):
                locks.enter_context(locked(lock.parent))
            # Under another name first: half removed, it would be taken for a job to resume.
            os.rename(directory, replaced)
        # The locks are closed: NFS keeps files that are open.
        shutil.rmtree(replaced)
    elif os.path.lexists(directory) and (
        not directory.is_dir() or any(not is_temporary(item.name, PLAN_FILE) for item in directory.iterdir())
    ):
        raise ConfigurationError(f"{directory}: exists and is not of this command; choose another directory.")
    directory.mkdir(parents=True, exist_ok=True)
    write_json(path, plan)


def run_job(
    output: Path,
    plan: Mapping[str, Any],
    stages: Sequence[Stage],
    executor: Executor,
    force: bool = False,
    format_: Optional[Format] = None,
) -> bool:
    """
    Runs a job's stages, or what is left of them, in the work directory, which is removed at the end. The last
    stage writes the output, a file or directory, atomically. Returns whether all is done; if not, it was
    submitted to Slurm.

    The plan is that of `begin`; the version of this package is added. With `force`, an existing output is
    replaced, or an unfinished job of other options; a directory only if it is of this format. A
    `ConfigurationError` if the output exists, the job was begun with other options, or tasks failed.
    """
    work = work_directory(output)
    if format_ is not None and not work.exists():
        check_target(output, format_, force)
    # A job that was killed when its output was just in place is resumed all the same.
    if os.path.lexists(output) and not force and not (work / PLAN_FILE).exists():
        raise ConfigurationError(f"{output}: already exists; choose another path, or give --force.")
    output.parent.mkdir(parents=True, exist_ok=True)
    begin(work, {**plan, "luke-allennlp": __version__}, force)
    if is_done(work, stages[-1].name) and not os.path.lexists(output):
        # It was removed since: only the last stage is repeated.
        shutil.rmtree(work / _STAGES / stages[-1].name)
    if not run_stages(stages, work, output, executor):
        return False
    shutil.rmtree(work)
    return True


def run_stages(stages: Sequence[Stage], work: Path, output: Path, executor: Executor) -> bool:
    """
    As `run_job`, of stages whose last one has a single task, which writes the output. On Slurm, tasks of a
    former start may have failed.
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
    return [{"path": str(wiki.path), "metadata": file_sha256(wiki.path / METADATA_FILE)} for wiki in pages]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def save_array(path: Path, values: numpy.ndarray) -> None:
    """Writes an array (`.npy`) atomically; `numpy.load` reads it."""
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        numpy.save(file, values)


def summed(keys: numpy.ndarray, counts: numpy.ndarray) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """
    Each key once, ascending, with the sum of its counts; keys come in any order. Shape of both: (rows,)
    """
    order = numpy.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order].astype(numpy.int64)
    firsts = numpy.flatnonzero(numpy.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
    return keys[firsts], numpy.add.reduceat(counts, firsts) if len(firsts) else counts
