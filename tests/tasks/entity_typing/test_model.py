"""The model: training and loading, transformers' on the same weights, ablations, metrics."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common.testing import ModelTestCase
from allennlp.data import Instance, Vocabulary
from allennlp.models import Model
from allennlp.modules.token_embedders import PretrainedTransformerEmbedder
from transformers import LukeForEntityClassification

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.entity_typing.examples import GENERAL_TYPES
from luke_allennlp.tasks.entity_typing.model import EntityTypingModel
from luke_allennlp.tasks.entity_typing.reader import EntityTypingReader
from luke_allennlp.token_embedders import LukeEmbedder
from tests.tasks.support import batch_of, huggingface, huggingface_inputs, randomise, vocabulary_of

CONFIGS = Path(__file__).parents[3] / "training_configs" / "entity_typing"
LABELS = list(GENERAL_TYPES)
TINY = ["tiny-luke", "tiny-roberta", "tiny-bert"]


@pytest.fixture(autouse=True)
def environment(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the configs read."""
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
    monkeypatch.setenv("LUKE_DATA", str(fixtures_dir / "data"))


class TestExperiment(ModelTestCase):
    """AllenNLP's own checks of a model, on the shipped configs."""

    def overrides(self) -> str:
        short = {"trainer.num_epochs": 1, "dataset_reader.max_instances": 17, "evaluate_on_test": False}
        return json.dumps({"trainer.cuda_device": -1, "trainer.optimizer.lr": 1e-3, **short})

    def test_can_train_save_and_load(self) -> None:
        # The last layer's word states, which these two are for, have no part in the decision.
        last = "embedder.luke.encoder.layer.1.attention.self"
        unused = {f"{last}.{query}.{kind}" for query in ("query", "w2e_query") for kind in ("weight", "bias")}
        self.ensure_model_can_train_save_and_load(
            CONFIGS / "open_entity.jsonnet",
            gradients_to_ignore=unused,
            overrides=self.overrides(),
        )


def instances_of(directory: Path, name: str = "tiny-luke", **options: Any) -> List[Instance]:
    """The last mentions of the training part: of all sorts, one longer than 30 sub-words."""
    reader = EntityTypingReader(WordTokenizer(str(directory / name), ["[ENTITY]"]), **options)
    return list(reader.read(str(directory / "data" / "open_entity" / "train.json")))[-12:]


def vocabulary() -> Vocabulary:
    return vocabulary_of(LABELS)


def labeled_batch(directory: Path, name: str = "tiny-luke", **options: Any) -> Dict[str, Any]:
    return batch_of(instances_of(directory, name, **options), vocabulary())


def luke(directory: Path, name: str = "tiny-luke", **options: Any) -> LukeEmbedder:
    options = {"entities": ["[PAD]", "[MASK]"], "marker_tokens": {"[ENTITY]": "@"}, **options}
    return LukeEmbedder(str(directory / name), **options)


@pytest.fixture
def model(fixtures_dir: Path) -> Model:
    return randomise(EntityTypingModel(vocabulary(), luke(fixtures_dir)))


@pytest.mark.parametrize("entity_aware", [True, False])
def test_equals_huggingface(fixtures_dir: Path, entity_aware: bool) -> None:
    model = randomise(
        EntityTypingModel(vocabulary(), luke(fixtures_dir, entity_aware_attention=entity_aware))
    )
    batch = labeled_batch(fixtures_dir)
    assert not batch["words"]["tokens"]["mask"].all()
    spans = batch["entities"]["entity_spans"]
    assert (spans[..., 1] - spans[..., 0] == 29).any()
    head = {f"classifier.{name}": value for name, value in model.classifier.state_dict().items()}
    with torch.no_grad():
        ours = model(**batch)
        theirs = huggingface(LukeForEntityClassification, model.embedder, head, len(LABELS))(
            **huggingface_inputs(batch), labels=batch["labels"]
        )
    assert ours["logits"].std() > 0.1
    torch.testing.assert_close(ours["logits"], theirs.logits, atol=1e-5, rtol=1e-5)
    assert ours["loss"].item() == pytest.approx(theirs.loss.item(), rel=1e-5)


class TestPredictions:
    def test_are_the_types_above_zero(self, model: Model, fixtures_dir: Path) -> None:
        instances = instances_of(fixtures_dir)
        logits = model(**batch_of(instances, vocabulary()))["logits"]
        outputs = model.forward_on_instances(instances)
        number = 0
        for row, output in zip(logits.tolist(), outputs, strict=True):
            assert set(output) == {"labels", "probabilities"}
            ranked = sorted(zip(row, LABELS, strict=True), reverse=True)
            assert output["labels"] == [label for logit, label in ranked if logit > 0]
            assert list(output["probabilities"]) == LABELS
            for logit, label in ranked:
                expected = 1 / (1 + 2.718281828459045**-logit)
                assert output["probabilities"][label] == pytest.approx(expected, abs=1e-5)
            number += len(output["labels"])
            json.dumps(output)
        assert 10 < number < 98

    def test_zero_is_not_enough(self, model: Model, fixtures_dir: Path) -> None:
        with torch.no_grad():
            model.classifier.weight.zero_()
            model.classifier.bias.zero_()
        outputs = model.forward_on_instances(instances_of(fixtures_dir))
        assert all(output["labels"] == [] for output in outputs)


class TestAblations:
    def test_word_state_is_that_of_the_first_marker(self, fixtures_dir: Path) -> None:
        embedder = luke(fixtures_dir, entities=[])
        model = randomise(
            EntityTypingModel(vocabulary(), embedder, use_entity_state=False, use_word_states=True)
        )
        batch = labeled_batch(fixtures_dir)
        tokens, spans = batch["words"]["tokens"], batch["entities"]["entity_spans"]
        marker = WordTokenizer(str(fixtures_dir / "tiny-luke"), ["[ENTITY]"]).marker_ids["[ENTITY]"]
        rows = torch.arange(len(spans))
        assert (tokens["token_ids"][rows, spans[:, 0, 0]] == marker).all()
        states = embedder.luke(tokens["token_ids"], tokens["mask"]).tokens[rows, spans[:, 0, 0]]
        torch.testing.assert_close(model(**batch)["logits"], model.classifier(states), atol=1e-5, rtol=1e-5)
        assert model.classifier.in_features == 64

    @pytest.mark.parametrize("name", TINY)
    def test_every_parameter_that_is_trained_has_a_gradient(self, fixtures_dir: Path, name: str) -> None:
        markers = {"[ENTITY]": "."}  # the tiny BERT has no "@"
        embedder = luke(fixtures_dir, name, entities=[], marker_tokens=markers)
        words = EntityTypingModel(vocabulary(), embedder, use_entity_state=False, use_word_states=True)
        entity = EntityTypingModel(vocabulary(), luke(fixtures_dir, name, marker_tokens=markers))
        for model in (words, entity):
            model(**labeled_batch(fixtures_dir, name))["loss"].backward()
            for parameter_name, parameter in model.named_parameters():
                # A process of several would wait for gradients that never come.
                assert (parameter.grad is not None) == parameter.requires_grad, parameter_name

    def test_transformer_embedder_of_allennlp(self, fixtures_dir: Path) -> None:
        # It has no row for a marker of ours; a word of its own will do.
        name = "tiny-roberta"
        options: Dict[str, Any] = {"use_entity_state": False, "use_word_states": True}
        theirs = EntityTypingModel(
            vocabulary(), PretrainedTransformerEmbedder(str(fixtures_dir / name)), **options
        ).eval()
        ours = EntityTypingModel(
            vocabulary(), luke(fixtures_dir, name, entities=[], marker_tokens=None), **options
        ).eval()
        ours.classifier.load_state_dict(theirs.classifier.state_dict())
        batch = labeled_batch(fixtures_dir, name, marker="@")
        torch.testing.assert_close(ours(**batch)["logits"], theirs(**batch)["logits"], atol=1e-5, rtol=1e-5)
