"""NER with independent spans: sentences share windows, and predictions depend on no other sentence."""

import json
import logging
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance, Vocabulary
from allennlp.models import load_archive
from allennlp.predictors import Predictor

from luke_allennlp.exchange import export_checkpoint
from luke_allennlp.tasks.ner.reader import Chunker
from luke_allennlp.training.config_check import check_config
from luke_allennlp.training.span_attention_check import check_shared_windows
from tests.tasks.support import FIXTURES, batch_of, config_of, make_model, make_reader, randomise

INDEPENDENT = {"span_attention": "independent"}


def read(**options: Any) -> List[Instance]:
    options = {"max_length": 160, **options}
    return list(make_reader("luke_ner", **options).read(FIXTURES / "ner" / "train.conll"))


def by_sentence(instances: List[Instance]) -> Dict[Any, List[Any]]:
    found: Dict[Any, List[Any]] = {}
    for instance in instances:
        metadata = instance["metadata"].metadata
        key = metadata["document_index"], metadata["sentence"]
        found.setdefault(key, []).extend(metadata["candidates"].tolist())
    return found


def test_windows_are_shared() -> None:
    own, shared = read(), read(shared_windows=True)
    assert by_sentence(own) == by_sentence(shared)
    windows = [{instance["words"].ids.tobytes() for instance in instances} for instances in (own, shared)]
    assert len(windows[1]) < len(windows[0])
    for instance in shared:
        assert len(instance["words"]) <= 160
    # The candidates are at the same words.
    for one, other in zip(own, shared, strict=True):
        for (start, end), (first, last) in zip(one["entities"].spans, other["entities"].spans, strict=True):
            assert one["words"].ids[start : end + 1].tolist() == other["words"].ids[first : last + 1].tolist()


def test_groups_of_sentences() -> None:
    chunker = Chunker(0, 2, max_length=22, max_span_length=4)  # 20 tokens and the special ones
    assert chunker.groups([(0, 8), (8, 20)]) == [(0, 20)] * 2
    # Half a window each: 10 tokens.
    sentences = [(0, 4), (4, 9), (9, 12), (12, 27), (27, 28), (28, 60)]
    expected = [(0, 9), (0, 9), (9, 12), (12, 27), (27, 28), (28, 60)]
    assert chunker.groups(sentences) == expected
    token_ids = np.arange(100, 160)
    (chunk,) = chunker.chunks(token_ids, np.array([9, 10, 12]), group=(9, 12))
    assert chunk.token_ids.tolist() == [0, *range(101, 121), 2]
    # One longer than a window is split as ever.
    bounds = np.arange(28, 61)
    pairs = zip(chunker.chunks(token_ids, bounds, (28, 60)), chunker.chunks(token_ids, bounds), strict=True)
    assert all(np.array_equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))
    assert Chunker(0, 2, use_document=False).groups(sentences) == sentences
    assert chunker.groups([]) == []


@pytest.mark.parametrize("entities", [True, False])
def test_predictions_do_not_depend_on_the_batch(entities: bool) -> None:
    instances = read(shared_windows=True)[:16]
    vocab = Vocabulary.from_instances(instances)
    options = {"embedder": INDEPENDENT} if entities else {"use_entity_state": False}
    model = randomise(make_model("luke_ner", vocab, **options))
    batch = batch_of(instances, vocab)
    texts, indices = batch["words"]["tokens"]["token_ids"], batch["words"]["tokens"]["text_indices"]
    assert len(texts) < len(indices) == len(instances)
    with torch.no_grad():
        together = model(**batch)["logits"]
        for number, instance in enumerate(instances):
            alone = model(**batch_of([instance], vocab))["logits"][0]
            torch.testing.assert_close(together[number, : len(alone)], alone, rtol=0, atol=2e-6)


def test_shared_windows_need_independent_spans() -> None:
    instances = read(shared_windows=True)[:4]
    vocab = Vocabulary.from_instances(instances)
    with pytest.raises(ConfigurationError, match='set it to "independent", or shared_windows to false'):
        make_model("luke_ner", vocab)(**batch_of(instances, vocab))
    config: Dict[str, Any] = config_of("luke_ner")
    config.update(train_data_path="a", data_loader={"batch_size": 1}, trainer={})
    config["dataset_reader"]["shared_windows"] = True
    with pytest.raises(ConfigurationError, match='model.embedder.span_attention is "full"'):
        check_shared_windows(check_config(Params(config)))
    config["model"]["embedder"].update(INDEPENDENT)
    check_shared_windows(check_config(Params(config)))
    config["model"]["embedder"]["span_attention"] = "separate"
    with pytest.raises(ConfigurationError, match="expected one of full, independent"):
        make_model("luke_ner", embedder={"span_attention": "separate"})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained through the knob of the configs."""
    directory = tmp_path_factory.mktemp("runs")
    root = FIXTURES.parent
    config = directory / "independent.jsonnet"
    config.write_text(
        f"(import '{root}/training_configs/lib/ner.libsonnet') + {{ span_attention:: 'independent', "
        f"model_name:: '{FIXTURES}/tiny-luke', train_data:: '{FIXTURES}/ner/dev.conll', "
        f"validation_data:: '{FIXTURES}/ner/dev.conll', learning_rate:: 3e-3, num_epochs:: 10, "
        "effective_batch_size:: 4, loss_batch_size:: null, reader_options:: { max_length: 96 }, "
        "embedder_options:: { hidden_dropout: 0, attention_dropout: 0 } }"
    )
    train_model(Params.from_file(config), str(directory / "run"))
    return directory / "run"


def test_the_commands(run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = json.loads((run / "config.json").read_text())
    assert config["dataset_reader"]["shared_windows"]
    assert config["model"]["embedder"]["span_attention"] == "independent"
    data = str(FIXTURES / "ner" / "dev.conll")
    with caplog.at_level(logging.WARNING):
        scores = [evaluate_from_archive(run / "model.tar.gz", data, batch_size=size) for size in (1, 64)]
    assert "span_attention" not in caplog.text
    trained = json.loads((run / "metrics.json").read_text())
    assert scores[0]["f1"] == scores[1]["f1"] == trained["best_validation_f1"] > 0.5

    predictor = Predictor.from_archive(load_archive(run / "model.tar.gz"))
    document = predictor._dataset_reader._reader.read_documents(data)[3]  # type: ignore[attr-defined]
    record = {"sentences": [sentence.words for sentence in document.sentences]}
    found = {(entity["text"], entity["label"]) for entity in predictor.predict_json(record)["entities"]}
    assert ("Norlund", "LOC") in found
    with pytest.raises(ConfigurationError, match="LUKE cannot compute"):
        export_checkpoint(str(run), str(tmp_path / "out"))


@pytest.mark.slow  # the compiler takes a minute
def test_compiled(run: Path) -> None:
    data = str(FIXTURES / "ner" / "dev.conll")
    plain, compiled = (
        evaluate_from_archive(run / "model.tar.gz", data, cmd_overrides=json.dumps(overrides))
        for overrides in ({}, {"model.embedder.compile": True})
    )
    assert compiled == pytest.approx(plain, rel=1e-4)
    assert compiled["f1"] > 0.5


def test_the_other_attention_is_warned_about(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    overrides = {"model.embedder.span_attention": "full", "dataset_reader.shared_windows": False}
    with caplog.at_level(logging.WARNING):
        load_archive(run / "model.tar.gz", overrides=json.dumps(overrides))
    (message,) = [record.message for record in caplog.records if "span_attention" in record.message]
    assert message.startswith('model.embedder.span_attention is "full", and the model was trained with "ind')
