"""Seeds of one config, and what differs between runs."""

import pytest

from luke_allennlp.report.comparison import agreement, config_differences, groups_of, mean_score
from luke_allennlp.report.judged import Mark
from luke_allennlp.report.run_files import read_runs
from tests.report.runs import example, write_run

ZOE = Mark(0, 3, "PER")


def test_runs_that_differ_in_seeds_alone_are_a_group(tmp_path):
    other = {"model": {"type": "luke_ner"}, "trainer": {"seed": 1, "num_epochs": 3}}
    directories = [
        write_run(tmp_path / "a", seed=1),
        write_run(tmp_path / "b", config=other),
        write_run(tmp_path / "c", seed=2),
    ]
    runs = read_runs([str(path) for path in directories])
    for run in runs:
        run.config.pop("validation_data_path", None)
    assert groups_of(runs) == [[0, 2], [1]]
    differences = {difference.path: difference.values for difference in config_differences(runs)}
    assert differences["trainer.seed"] == ["1", "1", "2"]
    assert differences["trainer.num_epochs"] == ["-", "3", "-"]
    assert "model.type" not in differences


def test_mean_and_sample_deviation():
    assert mean_score([0.5, None, 0.7])[1:] == (pytest.approx(0.6), pytest.approx(0.02**0.5))
    assert mean_score([0.5])[1:] == (0.5, None)
    assert mean_score([None])[1:] == (None, None)


def test_predictions_of_two_runs():
    right, sure, missed = [(ZOE, 0.9)], [(Mark(4, 7, "LOC"), 0.8)], []
    texts = [f"Zoe met {number}" for number in range(5)]
    first = [
        example(text, [ZOE], found)
        for text, found in zip(texts, [right, right, sure, missed, right], strict=True)
    ]
    second = [
        example(text, [ZOE], found)
        for text, found in zip(texts[:4], [[(ZOE, 0.6)], missed, right, sure], strict=True)
    ]
    found = agreement(first, second)
    assert found[:5] == (1, 1, 1, 1, 1)
    # Those that one has right come first. How sure a run was makes no difference.
    assert [pair.first.text for pair in found.differing] == [texts[2], texts[1], texts[3]]


def test_repeated_examples_are_compared_in_order():
    first = [example("Zoe", [ZOE], []), example("Zoe", [ZOE], [(ZOE, 0.9)])]
    assert agreement(first, first).differing == []
