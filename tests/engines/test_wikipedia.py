"""Tasks on Slurm and Ray write what tasks in local processes do."""

from functools import partial
from pathlib import Path
from typing import Dict

import pytest

from tests.conftest import FIXTURES, Command
from tests.engines.conftest import Slurm

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DUMP = FIXTURES / "wikipedia/valdoriawiki-pages-articles-multistream.xml.bz2"
SLURM = ("--executor", "slurm", "--slurm-partition", "cpu", "--slurm-time", "0:10:00", "--memory-gb", "1")
RAY = ("--executor", "ray", "--memory-gb", "1")


def run(allennlp: Command, *arguments: str) -> None:
    finished = allennlp(*arguments, "--include-package", "luke_allennlp")
    assert finished.status == 0, finished.err


def extract(allennlp: Command, output: Path, *options: str) -> None:
    """In several parts."""
    arguments = ("wikipedia-extract", str(DUMP), "-o", str(output), "--part-size", "200K", "--workers", "2")
    run(allennlp, *arguments, *options)


def build_dataset(allennlp: Command, pages: Path, output: Path, *options: str) -> None:
    arguments = ("pretraining-dataset", str(pages), "-o", str(output))
    arguments += ("--tokenizer", str(FIXTURES / "tiny-roberta"), "--entity-vocab", str(vocabulary_of(pages)))
    arguments += ("--max-length", "128", "--held-out", "0.1", "--shards", "3", "--workers", "2")
    run(allennlp, *arguments, *options)


def vocabulary_of(pages: Path) -> Path:
    return pages.parent / "entity_vocab.jsonl"


def contents(directory: Path) -> Dict[str, bytes]:
    """All but the engine's own logs."""
    files = {path.relative_to(directory): path for path in directory.rglob("*") if path.is_file()}
    return {str(name): path.read_bytes() for name, path in files.items() if name.parts[0] != "logs"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, allennlp_process: Command) -> Path:
    """The directory of `pages` and `dataset` by local processes."""
    place = tmp_path_factory.mktemp("local")
    extract(allennlp_process, place / "pages")
    run(allennlp_process, "wikipedia-entity-vocab", str(place / "pages"), str(vocabulary_of(place / "pages")))
    build_dataset(allennlp_process, place / "pages", place / "dataset")
    return place


def check_same(found: Path, local: Path) -> None:
    expected = contents(local)
    assert any(name.endswith(".parquet") for name in expected) or any("train" in name for name in expected)
    assert contents(found) == expected


def test_slurm(tmp_path: Path, slurm: Slurm, local: Path, allennlp_process: Command) -> None:
    command = partial(allennlp_process, SLURM_CONF=slurm.conf)
    extract(command, tmp_path / "pages", *SLURM)
    slurm.wait_for_all(300)
    check_same(tmp_path / "pages", local / "pages")
    build_dataset(command, local / "pages", tmp_path / "dataset", *SLURM)
    slurm.wait_for_all(300)
    check_same(tmp_path / "dataset", local / "dataset")


@pytest.mark.usefixtures("ray")
def test_ray(tmp_path: Path, local: Path, allennlp_process: Command) -> None:
    extract(allennlp_process, tmp_path / "pages", *RAY)
    check_same(tmp_path / "pages", local / "pages")
    build_dataset(allennlp_process, local / "pages", tmp_path / "dataset", *RAY)
    check_same(tmp_path / "dataset", local / "dataset")
