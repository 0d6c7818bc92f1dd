"""The model: training and loading, the formula on transformers' states, ablations, metrics."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common.testing import ModelTestCase
from allennlp.data import Instance, Vocabulary
from allennlp.models import Model
from transformers import LukeModel

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.cloze_qa.examples import questions_of
from luke_allennlp.tasks.cloze_qa.metric import ClozePrediction, ClozeQaMetric
from luke_allennlp.tasks.cloze_qa.model import ClozeQaModel
from luke_allennlp.tasks.cloze_qa.reader import MARKERS, ClozeQaReader
from luke_allennlp.token_embedders import LukeEmbedder
from tests.tasks.support import batch_of, huggingface, huggingface_inputs, randomise

CONFIG = Path(__file__).with_name("experiment.jsonnet")
SOURCES = ["(", ")", ","]


@pytest.fixture(autouse=True)
def environment(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the experiment's config reads, and fresh weights that are the same each time."""
    torch.manual_seed(1)
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
    monkeypatch.setenv("LUKE_DATA", str(fixtures_dir / "data"))


class TestExperiment(ModelTestCase):
    """AllenNLP's own checks of a model."""

    def overrides(self, **options: Any) -> str:
        return json.dumps({"trainer.cuda_device": -1, "dataset_reader.max_instances": 20, **options})

    def test_can_train_save_and_load(self) -> None:
        # The last layer's states of words are not used.
        unused = {
            f"embedder.luke.encoder.layer.1.attention.self.{query}.{name}"
            for query in ("query", "w2e_query")
            for name in ("weight", "bias")
        }
        self.ensure_model_can_train_save_and_load(
            CONFIG, gradients_to_ignore=unused, overrides=self.overrides()
        )


def make_reader(directory: Path, name: str = "tiny-luke", **options: Any) -> ClozeQaReader:
    options = {"max_length": 64, "stride": 16, "max_query_length": 24, **options}
    return ClozeQaReader(WordTokenizer(str(directory / name), list(MARKERS)), **options)


def instances_of(directory: Path, name: str = "tiny-luke", count: int = 9, **options: Any) -> List[Instance]:
    """The first windows, of all sizes, of several questions."""
    path = directory / "data" / "record" / "train.json"
    instances = list(make_reader(directory, name, **options).read(str(path)))
    return instances[: count - 2] + instances[-2:]


def luke(directory: Path, name: str = "tiny-luke", **options: Any) -> LukeEmbedder:
    markers = dict(zip(MARKERS, SOURCES, strict=True))
    return LukeEmbedder(
        str(directory / name), **{"entities": ["[PAD]", "[MASK]"], "marker_tokens": markers, **options}
    )


@pytest.fixture
def model(fixtures_dir: Path) -> Model:
    return randomise(ClozeQaModel(Vocabulary(), luke(fixtures_dir)))


@pytest.mark.parametrize("entity_aware", [True, False])
def test_equals_the_formula(fixtures_dir: Path, entity_aware: bool) -> None:
    embedder = luke(fixtures_dir, entity_aware_attention=entity_aware)
    model = randomise(ClozeQaModel(Vocabulary(), embedder))
    batch = batch_of(instances_of(fixtures_dir, max_length=100))
    words, entities = batch["words"]["tokens"], batch["entities"]
    mask = entities["entity_mask"][:, 1:]
    assert not words["mask"].all() and not mask.all()
    assert (entities["entity_spans"][..., 1] - entities["entity_spans"][..., 0]).max() == 29
    with torch.no_grad():
        ours = model(**batch)
        states = huggingface(LukeModel, embedder)(**huggingface_inputs(batch)).entity_last_hidden_state
        # The placeholder is the first entity; the weight's first half is its own, the second the candidate's.
        for_placeholder, for_candidate = model.scorer.weight[0].chunk(2)
        expected = states[:, :1] @ for_placeholder + states[:, 1:] @ for_candidate + model.scorer.bias
    assert ours["logits"][mask].std() > 0.1
    torch.testing.assert_close(ours["logits"][mask], expected[mask], atol=1e-5, rtol=1e-5)
    assert (ours["logits"][~mask] == torch.finfo(torch.float32).min).all()
    right = batch["labels"][mask]
    assert 0 < right.sum() < len(right)
    # Over all candidates of the batch alike.
    logits = expected[mask]
    loss = -(right * logits.sigmoid().log() + (1 - right) * (-logits).sigmoid().log()).sum() / mask.sum()
    assert ours["loss"].item() == pytest.approx(loss.item(), rel=1e-5)


def test_predictions(model: Model, fixtures_dir: Path) -> None:
    batch = batch_of(instances_of(fixtures_dir))
    output = model(**batch)
    for row, data, predictions in zip(
        output["logits"], batch["metadata"], output["predictions"], strict=True
    ):
        logits = row[: len(data["candidates"])]
        assert [(found["start"], found["end"]) for found in predictions] == data["candidates"]
        assert [found["text"] for found in predictions] == data["texts"]
        assert [found["logit"] for found in predictions] == pytest.approx(logits.tolist(), rel=1e-6)
        probabilities = [found["probability"] for found in predictions]
        assert probabilities == pytest.approx(logits.sigmoid().tolist(), rel=1e-5)
    # JSON can hold them.
    json.dumps(output["predictions"])


class TestAblations:
    @pytest.mark.parametrize("use_entity_state", [True, False])
    def test_word_states(self, fixtures_dir: Path, use_entity_state: bool) -> None:
        options = {"use_entity_state": use_entity_state, "use_word_states": True}
        model = randomise(ClozeQaModel(Vocabulary(), luke(fixtures_dir), **options))
        batch = batch_of(instances_of(fixtures_dir))
        entities = batch["entities"]
        mask = entities["entity_mask"][:, 1:]
        tokens = batch["words"]["tokens"]
        if use_entity_state:
            words, entity_states = model.embedder.encode(**tokens, **entities)
        else:
            # No entity has a part in it.
            words = model.embedder.luke(tokens["token_ids"], tokens["mask"]).tokens
        rows = torch.arange(len(words))[:, None]
        # The state of the first marker.
        features = words[rows, entities["entity_spans"][..., 0]]
        if use_entity_state:
            features = torch.cat([features, entity_states], dim=-1)
        pairs = torch.cat([features[:, :1].expand_as(features[:, 1:]), features[:, 1:]], dim=-1)
        assert model.scorer.in_features == pairs.size(-1) == (256 if use_entity_state else 128)
        torch.testing.assert_close(
            model(**batch)["logits"][mask], model.scorer(pairs)[..., 0][mask], atol=1e-5, rtol=1e-5
        )

    @pytest.mark.parametrize("name", ["tiny-roberta", "tiny-bert"])
    def test_words_alone_train_nothing_of_the_entities(self, fixtures_dir: Path, name: str) -> None:
        embedder = luke(fixtures_dir, name, entities=[])
        model = ClozeQaModel(Vocabulary(), embedder, use_entity_state=False, use_word_states=True)
        batch = batch_of(instances_of(fixtures_dir, name))
        assert bool(batch["words"]["tokens"]["type_ids"].any()) == (name == "tiny-bert")
        model(**batch)["loss"].backward()
        for parameter_name, parameter in model.named_parameters():
            assert ("entity" in parameter_name) <= (not parameter.requires_grad), parameter_name
            assert (parameter.grad is not None) == parameter.requires_grad, parameter_name

    def test_placeholder_beyond_the_words(self, fixtures_dir: Path) -> None:
        query = "It was " + "said " * 40 + "@placeholder"
        (example,) = questions_of({"passage": "Zoë", "query": query, "candidates": ["Zoë"]}, "x")
        reader = make_reader(fixtures_dir, cut_placeholder=True)
        (window,) = reader.items(example)
        assert window.placeholder >= len(window.input.ids)
        for options in ({}, {"use_word_states": True, "use_entity_state": False}):
            model = randomise(ClozeQaModel(Vocabulary(), luke(fixtures_dir), **options))
            (found,) = model.forward_on_instance(reader.text_to_instance(window))["predictions"]
            assert found["text"] == "Zoë"


class TestNumbers:
    @pytest.mark.parametrize("use_entity_state", [True, False])
    def test_batch_without_candidates(self, fixtures_dir: Path, use_entity_state: bool) -> None:
        record = {"passage": "Nobody came.", "query": "@placeholder?", "candidates": [], "answers": ["Zoë"]}
        reader = make_reader(fixtures_dir)
        (example,) = questions_of(record, "x")
        (instance,) = (reader.text_to_instance(window, labeled=True) for window in reader.items(example))
        batch = batch_of([instance, instance])
        rows = ["[PAD]", "[MASK]"] if use_entity_state else []
        model = ClozeQaModel(
            Vocabulary(),
            luke(fixtures_dir, entities=rows),
            use_entity_state=use_entity_state,
            use_word_states=not use_entity_state,
        )
        output = model(**batch)
        assert output["logits"].shape == (2, 0)
        assert output["loss"].item() == 0.0
        output["loss"].backward()
        # None is missing: other processes would wait for it.
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None and not parameter.grad.any(), name
        model.eval()
        assert model(**batch)["predictions"] == [[], []]
        assert model.get_metrics(reset=True) == {"em": 0.0, "f1": 0.0}


class TestMetrics:
    def test_best_window_of_a_question_decides(self, model: Model, fixtures_dir: Path) -> None:
        path = str(fixtures_dir / "data" / "record" / "train.json")
        instances = list(make_reader(fixtures_dir).read(path))
        assert max(instance["metadata"].metadata["num_windows"] for instance in instances) > 2
        best: Dict[int, Any] = {}
        for at in range(0, len(instances), 3):
            batch = batch_of(instances[at : at + 3])
            output = model(**batch)
            for data, row in zip(batch["metadata"], output["logits"], strict=True):
                for text, logit in zip(data["texts"], row.tolist(), strict=False):
                    if data["key"] not in best or logit > best[data["key"]][0]:
                        best[data["key"]] = (logit, text, data["answers"])
        expected = ClozeQaMetric()
        expected(
            (key, ClozePrediction(text, logit, 0, tuple(answers)))
            for key, (logit, text, answers) in best.items()
        )
        scores = model.get_metrics(reset=True)
        assert len(best) == 47 and 0 < scores["em"] < 100
        assert scores == pytest.approx(expected.get_metric(reset=True))
