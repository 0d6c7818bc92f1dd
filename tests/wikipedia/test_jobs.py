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
from tests.wikipedia.made_pages import page, redirect, write_pages


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


def stages(output, work):
    return [
        Stage("collect", functools.partial(_collect, work), 2),
        Stage("write", functools.partial(_write, output, work), 1),
    ]


def run(output, executor):
    return run_job(output, {}, stages(output, work_directory(output)), executor)


def test_what_a_cluster_has_done_is_seen_at_the_next_start(tmp_path):
    output, cluster = tmp_path / "out.txt", Cluster(False, "write")
    assert not run(output, cluster)
    assert work_directory(output).exists()
    cluster.failing.clear()
    assert run(output, cluster)
    assert cluster.done == ["collect", "collect", "write"]
    assert os.listdir(tmp_path) == ["out.txt"] and output.read_text() == "01"


def test_an_output_that_was_removed_is_made_again(tmp_path):
    output, cluster = tmp_path / "out.txt", Cluster(False, "write")
    assert not run(output, cluster)
    cluster.failing.clear()
    work = work_directory(output)
    cluster.run(stages(output, work), work / "stages")
    output.unlink()
    assert run(output, Executor())
    assert os.listdir(tmp_path) == ["out.txt"] and output.read_text() == "01"


def test_a_job_of_another_version_does_not_go_on(tmp_path, monkeypatch):
    output, cluster = tmp_path / "out.txt", Cluster(False, "write")
    assert not run(output, cluster)
    monkeypatch.setattr("luke_allennlp.wikipedia.jobs.__version__", "0.0")
    with pytest.raises(ConfigurationError, match="begun with other luke-allennlp;"):
        run(output, cluster)


def test_tasks_may_begin_in_another_directory(tmp_path, monkeypatch):
    pages = [page("Harbour", "At [[the quay]], [[Bay|the bay]]."), page("Bay", "[[Harbour]]")]
    write_pages(tmp_path / "pages", [pages, [redirect("The quay", "Bay")]])
    (tmp_path / "white.txt").write_text("Bay\n")
    monkeypatch.chdir(tmp_path)
    cluster = Cluster(True)
    assert build_redirects("pages", "redirects", cluster)
    assert build_mention_database("pages", "mentions", executor=cluster)
    assert build_link_database("pages", "mentions", "links", cluster)
    assert len(LinkDatabase("links")) == 2
    assert build_vocabulary(["pages"], "v.tsv", VocabularyOptions(white_list="white.txt"), cluster)
    assert list(EntityVocabulary.from_file("v.tsv"))[3] == "Bay"
    assert sorted(os.listdir()) == ["links", "mentions", "pages", "redirects", "v.tsv", "white.txt"]
