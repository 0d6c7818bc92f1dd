import functools
import os

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.linking.link_database import LinkDatabase
from luke_allennlp.wikipedia.executors import Executor, Stage
from luke_allennlp.wikipedia.jobs import run_job, work_directory
from luke_allennlp.wikipedia.links import build_link_database
from luke_allennlp.wikipedia.mention_counts import build_mention_database
from luke_allennlp.wikipedia.redirects import build_redirects
from luke_allennlp.wikipedia.vocabulary import VocabularyOptions, build_vocabulary
from tests.wikipedia.made_pages import page, random_shards, redirect, write_pages


class Cluster:
    """Runs tasks in another directory, marks what is done as datatrove does, and is silent about failures."""

    def __init__(self, waits, *failing):
        self.waits = waits
        self.failing = set(failing)
        self.done = []

    def run(self, stages, directory):
        before = os.getcwd()
        os.chdir("/")
        try:
            for stage in stages:
                for task in range(stage.tasks):
                    marker = directory / stage.name / "completions" / f"{task:05d}"
                    if stage.name not in self.failing and not marker.exists():
                        stage.work(task)
                        marker.parent.mkdir(parents=True, exist_ok=True)
                        marker.touch()
                        self.done.append(stage.name)
        finally:
            os.chdir(before)
        return self.waits


def _collect(work, task):
    (work / f"{task}.txt").write_text(str(task))


def _write(output, work, task):
    output.write_text("".join((work / f"{number}.txt").read_text() for number in range(2)))


def stages(output):
    work = work_directory(output)
    return [
        Stage("collect", functools.partial(_collect, work), 2),
        Stage("write", functools.partial(_write, output, work), 1),
    ]


def run(output, executor):
    return run_job(output, {}, stages(output), executor)


@pytest.fixture
def begun(tmp_path):
    """An output, and the cluster that is to write it when it is started again."""
    output, cluster = tmp_path / "out.txt", Cluster(False, "write")
    assert not run(output, cluster)
    cluster.failing.clear()
    return output, cluster


def test_what_a_cluster_has_done_is_seen_at_the_next_start(begun):
    output, cluster = begun
    assert run(output, cluster)
    assert cluster.done == ["collect", "collect", "write"]
    assert os.listdir(output.parent) == ["out.txt"] and output.read_text() == "01"


def test_an_output_that_was_removed_is_made_again(begun):
    output, cluster = begun
    cluster.run(stages(output), work_directory(output) / "stages")
    output.unlink()
    assert run(output, Executor())
    assert os.listdir(output.parent) == ["out.txt"] and output.read_text() == "01"


def test_a_job_of_another_version_does_not_go_on(begun, monkeypatch):
    monkeypatch.setattr("luke_allennlp.wikipedia.jobs.__version__", "0.0")
    with pytest.raises(ConfigurationError, match="begun with other luke-allennlp;"):
        run(*begun)


def test_tasks_may_begin_in_another_directory(tmp_path, monkeypatch):
    pages = [page("Harbour", "At [[the quay]], [[Bay|the bay]]."), page("Bay", "[[Harbour]]")]
    write_pages(tmp_path / "pages", [pages, [redirect("The quay", "Bay")]])
    (tmp_path / "white.txt").write_text("Bay\n")
    monkeypatch.chdir(tmp_path)
    cluster = Cluster(True)
    assert build_redirects("pages", "redirects", cluster)
    assert build_redirects("pages", "redirects", cluster, force=True)
    assert build_mention_database("pages", "mentions", executor=cluster)
    assert build_link_database("pages", "mentions", "links", cluster)
    assert len(LinkDatabase("links")) == 2
    assert build_vocabulary(["pages"], "v.tsv", VocabularyOptions(white_list="white.txt"), cluster)
    assert list(EntityVocabulary.from_file("v.tsv"))[3] == "Bay"
    assert sorted(os.listdir()) == ["links", "mentions", "pages", "redirects", "v.tsv", "white.txt"]


@pytest.mark.usefixtures("here")
def test_the_same_bytes_for_any_number_of_workers_and_shards(tmp_path):
    pages = [made for shard in random_shards(5) for made in shard]
    for count, workers in ((1, 1), (5, 2)):
        size = -(-len(pages) // count)
        shards = [pages[start : start + size] for start in range(0, len(pages), size)]
        wiki, output = str(write_pages(tmp_path / f"pages{count}", shards)), tmp_path / str(count)
        executor = Executor(workers=workers)
        assert build_redirects(wiki, str(output / "redirects"), executor)
        assert build_mention_database(wiki, str(output / "mentions"), executor=executor)
        assert build_link_database(wiki, str(output / "mentions"), str(output / "links"), executor)
        assert build_vocabulary([wiki], str(output / "v.tsv"), executor=executor)
    made = [path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*") if path.is_file()]
    assert len(made) > 10
    for path in made:
        assert (tmp_path / "1" / path).read_bytes() == (tmp_path / "5" / path).read_bytes(), path
