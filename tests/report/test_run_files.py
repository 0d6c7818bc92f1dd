"""Runs are read as far as they are there."""

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.report.run_files import read_runs
from tests.report.runs import write_run


def test_a_whole_run(tmp_path):
    (run,) = read_runs([str(write_run(tmp_path / "run"))])
    assert run.name == "run"
    assert len(run.steps) == 60
    assert [line["step"] for line in run.validations] == [20, 40, 60]
    assert run.scores("best_validation_") == {"f1": 0.61}
    assert run.task == "luke_ner"
    assert run.notes == []


def test_an_unfinished_run_has_the_scores_of_its_last_epoch(tmp_path):
    directory = write_run(tmp_path / "run", metrics=None, archive=None)
    for epoch in (2, 10):
        (directory / f"metrics_epoch_{epoch}.json").write_text(f'{{"validation_f1": 0.{epoch}}}')
    (run,) = read_runs([str(directory)])
    assert run.metrics == {"validation_f1": 0.10}
    assert "those of metrics_epoch_10.json" in run.notes[0]
    assert run.archive is None


@pytest.mark.parametrize(
    "files, note",
    [
        ({"steps": None}, "no steps.jsonl"),
        ({"steps": []}, "no training step yet"),
        ({"environment": None}, "environment.json"),
        ({"metrics": None}, "has no scores yet"),
    ],
)
def test_what_is_missing_is_noted(tmp_path, files, note):
    (run,) = read_runs([str(write_run(tmp_path, **files))])
    assert any(note in found for found in run.notes), run.notes


def test_damaged_files_are_left_out(tmp_path):
    directory = write_run(tmp_path)
    (directory / "metrics.json").write_text('{"best_val')
    with (directory / "steps.jsonl").open("a") as file:
        file.write('{"step": 61, "lo\n[1]\n')
    (run,) = read_runs([str(directory)])
    assert len(run.steps) == 60
    notes = " ".join(run.notes)
    assert "2 lines of steps.jsonl are incomplete" in notes
    assert "metrics.json is not JSON" in notes


def test_names_tell_runs_apart(tmp_path):
    paths = [write_run(tmp_path / name) for name in ("a/ner", "b/ner")]
    assert [run.name for run in read_runs([str(path) for path in paths])] == ["a/ner", "b/ner"]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no such directory"):
        read_runs([str(tmp_path / "none")])
    with pytest.raises(ConfigurationError, match=r"has no config.json"):
        read_runs([str(tmp_path)])
    run = write_run(tmp_path / "run")
    with pytest.raises(ConfigurationError, match="give the directory of the run"):
        read_runs([str(run / "model.tar.gz")])
    with pytest.raises(ConfigurationError, match="given twice"):
        read_runs([str(run), str(tmp_path / "." / "run")])
