"""Trainings that start from an archive."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.commands.train import TrainModel, train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models import load_archive

from luke_allennlp.training.preflight import preflight
from tests.conftest import FIXTURES, ROOT
from tests.tasks.support import make_archive

TABLE = "embeddings.word_embeddings.weight"
NER = "(import 'training_configs/ner/demo.jsonnet') + "
TYPING = "(import 'training_configs/entity_typing/open_entity.jsonnet') + "
PAIRS = "(import 'training_configs/relation_classification/tacred.jsonnet') + "
TEXT = """Edda B-PER
Rask I-PER
leads O
the O
choir B-GRP
of O
Marlow B-LOC
. O

"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("fixtures", "training_configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LUKE_DATA", "fixtures/data")
    monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "more.conll").write_text(TEXT * 4)
    return tmp_path


@pytest.fixture
def archive(place: Path) -> Any:
    """Of a task, with weights of its own."""

    def make(task: str) -> Path:
        (place / task).mkdir()
        return make_archive(task, place / task)

    return make


def params_of(text: str) -> Params:
    Path("config.jsonnet").write_text(text)
    params = Params.from_file("config.jsonnet")
    params.params["dataset_reader"]["max_instances"] = 60
    params.params["trainer"]["num_epochs"] = 1
    return params


def made(text: str) -> Any:
    """The model before the first step."""
    params = params_of(text)
    preflight(params.duplicate())
    for key in ("random_seed", "numpy_seed", "pytorch_seed", "distributed"):
        params.pop(key, None)
    Path("made").mkdir()
    return TrainModel.from_params(params=params, serialization_dir="made", local_rank=0).model


def test_rows_of_equal_labels(archive: Any, caplog: pytest.LogCaptureFixture) -> None:
    path = archive("luke_ner")
    before = load_archive(path).model
    with caplog.at_level(logging.INFO):
        model = made(NER + "{ start_from:: 'luke_ner', train_data:: 'more.conll', validation_data:: null }")
    old, new = (dict(item.vocab.get_token_to_index_vocabulary("labels")) for item in (before, model))
    assert "GRP" in new and "GRP" not in old
    for label in old.keys() & new.keys():
        assert torch.equal(model.classifier.weight[new[label]], before.classifier.weight[old[label]])
        assert model.classifier.bias[new[label]] == before.classifier.bias[old[label]]
    assert model.classifier.bias[new["GRP"]] == 0
    for name, value in before.embedder.named_parameters():
        assert torch.equal(dict(model.embedder.named_parameters())[name], value)
    assert "new, with fresh rows: GRP" in caplog.text and "gone: " in caplog.text


def test_another_task_takes_the_encoder(archive: Any, caplog: pytest.LogCaptureFixture) -> None:
    path = archive("luke_entity_typing")
    before = load_archive(path).model.embedder.luke.state_dict()
    with caplog.at_level(logging.INFO):
        model = made(PAIRS + f"{{ start_from:: '{path}' }}")
    assert "of the other task luke_entity_typing: its encoder is taken" in caplog.text
    after = model.embedder.luke.state_dict()
    markers = {"entity_embeddings.entity_embeddings.weight", TABLE}
    assert all(torch.equal(after[name], before[name]) for name in before if name not in markers)
    assert torch.equal(after[TABLE][:2000], before[TABLE][:2000]) and len(after[TABLE]) == 2002
    assert len(before[TABLE]) == 2001


def test_markers_and_repeated_entities_keep_their_rows(archive: Any) -> None:
    path = archive("luke_relation_classification")
    before = load_archive(path).model.embedder.luke.state_dict()
    after = made(PAIRS + f"{{ start_from:: '{path}' }}").embedder.luke.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.slow
def test_the_run_needs_neither_archive(archive: Any, place: Path) -> None:
    start = shutil.copytree(FIXTURES / "tiny-luke", place / "start")
    first = params_of(NER + f"{{ model_name:: '{start}' }}")
    train_model(first, "first")
    second = params_of(NER + "{ start_from:: 'first', train_data:: 'more.conll', validation_data:: null }")
    train_model(second.duplicate(), "second")
    second.params["trainer"]["num_epochs"] = 2
    train_model(second, "second", recover=True)
    for name in ("first", "start", "cache"):
        shutil.rmtree(name)
    archived = load_archive("second/model.tar.gz")
    assert "GRP" in archived.model.vocab.get_token_to_index_vocabulary("labels")


@pytest.mark.parametrize(
    "text, message",
    [
        (NER + "{ start_from:: 'luke_nr' }", "model.start_from is 'luke_nr', which does not exist"),
        (NER + "{ start_from:: 'fixtures' }", "model.start_from is 'fixtures', which has no model.tar.gz"),
        (
            NER + "{ start_from:: 'luke_ner', model+: { embedder+: { model_name: 'fixtures/tiny-bert' } } }",
            "model.start_from is 'luke_ner', and the embedder's model_name 'fixtures/tiny-bert'",
        ),
        (
            NER + "{ start_from:: 'luke_ner', "
            "dataset_reader+: { tokenizer+: { model_name: 'fixtures/tiny-bert' } } }",
            "dataset_reader.tokenizer.model_name is 'fixtures/tiny-bert' and model.embedder.model_name",
        ),
    ],
)
def test_mistakes(text: str, message: str, archive: Any) -> None:
    archive("luke_ner")
    with pytest.raises(ConfigurationError) as error:
        preflight(params_of(text))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_all_entities_of_an_archive_that_has_some(archive: Any) -> None:
    archive("luke_ner")
    squad = "(import 'training_configs/reading_comprehension/squad.jsonnet') + { start_from:: 'luke_ner' }"
    with pytest.raises(ConfigurationError, match="has 2 rows of its checkpoint's entities"):
        made(squad)


def test_from_archive_with_a_new_label_names_the_knob(archive: Any) -> None:
    path = archive("luke_ner")
    config = NER + "{ train_data:: 'more.conll', validation_data:: null, "
    with pytest.raises(ConfigurationError, match="not trained with: GRP.*start_from:: 'ARCHIVE'"):
        made(config + f"model: {{ type: 'from_archive', archive_file: '{path}' }} }}")


def test_a_checkpoint_is_no_archive(place: Path) -> None:
    values = json.loads((FIXTURES / "tiny-luke" / "config.json").read_text())
    assert values["model_type"] == "luke"
    with pytest.raises(ConfigurationError, match="which has no model.tar.gz"):
        preflight(params_of(NER + "{ start_from:: 'fixtures/tiny-luke' }"))
