"""What a report computes is what `allennlp evaluate` prints."""

import json
import shutil

import pytest
import torch
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models.archival import archive_model

from luke_allennlp.report.judged import RIGHT
from luke_allennlp.report.predictions import predict
from luke_allennlp.report.tables import label_scores, micro_scores, pairs_of
from tests.tasks.support import FIXTURES, TASKS, config_of, make_model, make_reader, randomise

LOADER = json.dumps({"validation_data_loader": {"type": "luke", "batch_size": 64}})


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    made = {}

    def archive(task):
        if task not in made:
            made[task] = archived(task, tmp_path_factory.mktemp(task))
        return made[task]

    return archive


def archived(task, directory):
    """A model that was not trained, but knows the labels of the data."""
    vocab = Vocabulary.from_instances(make_reader(task).read(data_of(task)))
    model = randomise(make_model(task, vocab))
    Params(config_of(task)).to_file(str(directory / "config.json"))
    vocab.save_to_files(str(directory / "vocabulary"))
    torch.save(model.state_dict(), directory / "best.th")
    archive_model(directory)
    return str(directory / "model.tar.gz")


def data_of(task):
    return str(FIXTURES / "data" / TASKS[task].data)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_scores_are_those_of_evaluate(task, archives, monkeypatch):
    monkeypatch.setattr("luke_allennlp.report.predictions._FIRST_GROUP", 3)
    found = predict(archives(task), data_of(task), cuda_device=-1)
    expected = evaluate_from_archive(archives(task), data_of(task), cmd_overrides=LOADER, cuda_device=-1)
    expected.pop("loss")
    assert found.scores == pytest.approx(expected)

    # And the tables have the same counts.
    pairs = pairs_of(found.examples)
    assert any(pair.predicted for pair in pairs)
    if found.judge.has_labels:
        total = micro_scores(pairs, found.judge.negative)
        assert total.f1 == pytest.approx(expected["f1"])
        assert found.judge.score(found.examples) == pytest.approx(expected["f1"])
        if task == "luke_ner":
            for row in label_scores(pairs):
                assert row[1:4] == pytest.approx(
                    [expected[f"{name}_{row.label}"] for name in ("precision", "recall", "f1")]
                )
    else:
        right = sum(pair.kind == RIGHT for pair in pairs)
        assert 100 * found.judge.score(found.examples) == pytest.approx(expected["f1"])
        assert 100 * right / len(pairs) == pytest.approx(expected["em"])


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_marks_are_places_of_the_text(task, archives):
    for example in predict(archives(task), data_of(task), cuda_device=-1).examples:
        assert example.where.startswith(str(FIXTURES))
        for mark in (*example.gold, *example.predicted):
            assert 0 <= mark.start <= mark.end <= len(example.text)


@pytest.mark.slow
def test_unlabelled_and_empty_data_is_refused(archives, tmp_path):
    unlabelled = tmp_path / "unlabelled.jsonl"
    unlabelled.write_text('{"text": "Zoe left."}\n')
    with pytest.raises(ConfigurationError, match="is without labels"):
        predict(archives("luke_ner"), str(unlabelled), -1)
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(ConfigurationError, match=r"empty\.jsonl"):
        predict(archives("luke_ner"), str(empty), -1)


@pytest.mark.slow
def test_an_option_of_the_reader_limits_the_instances(archives, tmp_path):
    directory = tmp_path / "limited"
    shutil.unpack_archive(archives("luke_ner"), directory)
    config = json.loads((directory / "config.json").read_text())
    config["dataset_reader"]["max_instances"] = 5
    (directory / "config.json").write_text(json.dumps(config))
    shutil.make_archive(str(tmp_path / "model"), "gztar", directory)
    archive = str(tmp_path / "model.tar.gz")
    expected = evaluate_from_archive(archive, data_of("luke_ner"), cmd_overrides=LOADER, cuda_device=-1)
    found = predict(archive, data_of("luke_ner"), -1)
    assert found.scores["f1"] == pytest.approx(expected["f1"])
    assert 0 < len(found.examples) <= 5
