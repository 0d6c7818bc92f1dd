"""The page has all that the run has, says what is missing, and loads nothing."""

import re

import pytest

from luke_allennlp.report.judged import Mark
from luke_allennlp.report.page import Options, make_page, shown_score
from luke_allennlp.report.paper import measured, paper_score
from luke_allennlp.report.run_files import read_runs
from tests.report.pages import SECTIONS, Parsed, page_of
from tests.report.runs import example, made_predictions, predictions_of, write_run

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"


def test_a_run(tmp_path, monkeypatch):
    page = page_of(monkeypatch, [write_run(tmp_path / "run")], [made_predictions()], max_mistakes=12)
    parsed = Parsed(page)
    assert parsed.sections == SECTIONS
    # Loss, learning rate, scores, throughput; calibration; two histograms and two bar charts.
    assert parsed.count("svg") == 4 + 1 + 4
    assert all(attributes["aria-label"] for tag, attributes in parsed.tags if tag == "svg")
    assert page.count('<div class="example">') == 12
    assert "H100 (80 GB)" in parsed.text
    assert "0:01:02" in parsed.text
    assert "0.6100" in parsed.text
    assert len(page) < 1e6


@pytest.mark.slow
def test_nothing_is_loaded_and_no_script_runs(tmp_path, monkeypatch):
    runs = [write_run(tmp_path / name, seed=seed) for seed, name in enumerate("ab")]
    parsed = Parsed(page_of(monkeypatch, runs, [made_predictions(1), made_predictions(2)]))
    assert parsed.count("script") == parsed.count("link") == parsed.count("img") == 0
    identifiers = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for tag, attributes in parsed.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href"):
                assert value.startswith("#"), (tag, value)
                assert value[1:] in identifiers
            for target in re.findall(r"url\(([^)]*)\)", value or ""):
                assert target.startswith("#") and target[1:] in identifiers


def test_texts_labels_and_names_are_escaped(tmp_path, monkeypatch):
    text = f"Zoe {ATTACK} left"
    mark = Mark(4, 4 + len(ATTACK), ATTACK)
    config = {"model": {"type": ATTACK}, "validation_data_path": __file__}
    run = write_run(tmp_path / "a <b> & $x$", config=config, environment={ATTACK: ATTACK})
    found = predictions_of([example(text, [mark], [(mark._replace(label="PER"), 0.9)], where=ATTACK)])
    parsed = Parsed(page_of(monkeypatch, [run], [found]))
    assert parsed.count("script") == parsed.count("img") == 0
    assert parsed.text.count("alert(1)") >= 8
    assert "{{ 7 * 7 }}" in parsed.text
    assert "a <b> & $x$" in parsed.text


@pytest.mark.slow
def test_seeds_have_means_and_two_runs_differences(tmp_path, monkeypatch):
    config = {"model": {"type": "luke_ner"}, "validation_data_path": __file__}
    runs = [
        write_run(tmp_path / f"run{seed}", seed, config={**config, "random_seed": seed}) for seed in (1, 3)
    ]
    parsed = Parsed(page_of(monkeypatch, runs, [made_predictions(1), made_predictions(2)]))
    assert parsed.sections == [*SECTIONS[:2], "differences", *SECTIONS[2:]]
    assert "0.6200 ± 0.0141" in parsed.text
    assert "+0.0200" in parsed.text
    assert "random_seed" in parsed.text
    assert "only run1 right" in parsed.text
    assert "examples on which they differ" in parsed.text


@pytest.mark.parametrize(
    "files, options, note",
    [
        ({"archive": None, "metrics": None}, {}, "There is no model.tar.gz"),
        ({"steps": None}, {"predictions": False}, "There is no steps.jsonl"),
        ({"config": {"validation_data_path": "gone.conll"}}, {}, "gone.conll, is not there"),
        ({"config": {}}, {"split": "test"}, "names no test data"),
        (
            {"config": {"model": [], "trainer": 3}, "environment": {"gpus": 7}},
            {"data": "none"},
            "none, is not",
        ),
    ],
)
def test_what_is_missing_is_said(tmp_path, caplog, files, options, note):
    page = make_page([str(write_run(tmp_path / "run", **files))], Options(**options))
    parsed = Parsed(page)
    assert parsed.sections == SECTIONS
    assert note in parsed.text
    assert note in caplog.text


def test_an_archive_that_does_not_open_is_said(tmp_path, caplog):
    parsed = Parsed(make_page([str(write_run(tmp_path / "run", archive="no archive"))], Options()))
    assert "There are no predictions: " in parsed.text
    assert "There are no predictions: " in caplog.text


@pytest.mark.slow
def test_nothing_found_and_nothing_to_find(tmp_path, monkeypatch):
    found = predictions_of([example("nobody was there")])
    parsed = Parsed(page_of(monkeypatch, [write_run(tmp_path / "run")], [found]))
    assert "There is nothing to find in these examples" in parsed.text
    assert "there is nothing to calibrate" in parsed.text
    found = predictions_of([example("Zoe left", [Mark(0, 3, "PER")])])
    parsed = Parsed(page_of(monkeypatch, [write_run(tmp_path / "run")], [found], max_mistakes=0))
    assert "1 examples are wrong; none is shown" in parsed.text


def test_the_papers_row_of_a_shipped_config(tmp_path):
    command = ["allennlp", "train", "training_configs/ner/conll.jsonnet"]
    (run,) = read_runs([str(write_run(tmp_path / "any", environment={"command": command}))])
    found = paper_score(run)
    assert found.name == "ner/conll"
    assert "94.3" in found.score
    assert measured(run) == "validation f1 61.0; test f1 50.0"
    (run,) = read_runs([str(write_run(tmp_path / "runs/ner/conll", environment=None))])
    assert paper_score(run) == found
    (run,) = read_runs([str(write_run(tmp_path / "runs/ner/own", environment=None))])
    assert paper_score(run) is None


def test_scores_are_shown_with_four_digits_and_percentages_with_two():
    assert [shown_score(value) for value in (None, 0.12345, 1, 94.321, 1234.0)] == [
        "–",
        "0.1235",
        "1.0000",
        "94.32",
        "1,234.00",
    ]
