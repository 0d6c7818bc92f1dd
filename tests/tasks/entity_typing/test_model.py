"""The model: training and loading, transformers' on the same weights, ablations, metrics."""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Instance, Vocabulary
from allennlp.data.batch import Batch
from allennlp.models import Model
from allennlp.modules.token_embedders import PassThroughTokenEmbedder, PretrainedTransformerEmbedder
from allennlp.nn import InitializerApplicator
from torch.nn import functional as F
from transformers import LukeConfig, LukeForEntityClassification

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.entity_typing.examples import GENERAL_TYPES
from luke_allennlp.tasks.entity_typing.model import EntityTypingModel
from luke_allennlp.tasks.entity_typing.reader import EntityTypingReader
from luke_allennlp.token_embedders import LukeEmbedder

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

    @pytest.mark.parametrize("name", ["open_entity", "open_entity_original_attention"])
    def test_can_train_save_and_load(self, name: str) -> None:
        # The last layer's word states, which these two are for, have no part in the decision.
        last = "embedder.luke.encoder.layer.1.attention.self"
        unused = {f"{last}.{query}.{kind}" for query in ("query", "w2e_query") for kind in ("weight", "bias")}
        self.ensure_model_can_train_save_and_load(
            CONFIGS / f"{name}.jsonnet",
            gradients_to_ignore=unused if name == "open_entity" else None,
            overrides=self.overrides(),
        )

    @pytest.mark.parametrize("name", ["tiny-luke", "tiny-roberta"])
    def test_words_alone_can_train_save_and_load(
        self, fixtures_dir: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / name))
        config = CONFIGS / "open_entity_roberta.jsonnet"
        self.ensure_model_can_train_save_and_load(config, overrides=self.overrides())

    def test_batches_are_consistent(self, fixtures_dir: Path) -> None:
        data = fixtures_dir / "data" / "open_entity" / "train.json"
        self.set_up_model(CONFIGS / "open_entity.jsonnet", data, seed=5)
        self.ensure_batch_predictions_are_consistent()

    def test_batch_norm(self, fixtures_dir: Path) -> None:
        data = fixtures_dir / "data" / "open_entity" / "dev.json"
        self.set_up_model(CONFIGS / "open_entity.jsonnet", data)
        self.test_model_batch_norm_verification()


def vocabulary(labels: Optional[List[str]] = None, namespace: str = "labels") -> Vocabulary:
    vocab = Vocabulary()
    for label in LABELS if labels is None else labels:
        vocab.add_token_to_namespace(label, namespace)
    return vocab


def instances_of(directory: Path, name: str = "tiny-luke", **options: Any) -> List[Instance]:
    """The last mentions of the training part: of all sorts, one longer than 30 sub-words."""
    reader = EntityTypingReader(WordTokenizer(str(directory / name), ["[ENTITY]"]), **options)
    return list(reader.read(str(directory / "data" / "open_entity" / "train.json")))[-12:]


def batch_of(instances: List[Instance], vocab: Optional[Vocabulary] = None) -> Dict[str, Any]:
    batch = Batch(instances)
    batch.index_instances(vocab or vocabulary())
    return batch.as_tensor_dict()


def luke(directory: Path, name: str = "tiny-luke", **options: Any) -> LukeEmbedder:
    options = {"entities": ["[PAD]", "[MASK]"], "marker_tokens": {"[ENTITY]": "@"}, **options}
    return LukeEmbedder(str(directory / name), **options)


def randomise(model: Model, seed: int = 3) -> Model:
    """Weights far from those of a fresh model, so that nothing is close to zero by chance."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return model.eval()


@pytest.fixture
def model(fixtures_dir: Path) -> Model:
    return randomise(EntityTypingModel(vocabulary(), luke(fixtures_dir)))


def huggingface(model: EntityTypingModel) -> LukeForEntityClassification:
    config: LukeConfig = LukeConfig(**model.embedder.luke.config.to_dict())
    config.num_labels = len(LABELS)
    config._attn_implementation = "eager"
    theirs = LukeForEntityClassification(config).eval()
    state = {f"luke.{name}": value for name, value in model.embedder.luke.state_dict().items()}
    state["classifier.weight"], state["classifier.bias"] = model.classifier.weight, model.classifier.bias
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(".pooler." in name or name.endswith("position_ids") for name in missing)
    return theirs


@pytest.mark.parametrize("entity_aware", [True, False])
def test_equals_huggingface(fixtures_dir: Path, entity_aware: bool) -> None:
    model = randomise(
        EntityTypingModel(vocabulary(), luke(fixtures_dir, entity_aware_attention=entity_aware))
    )
    batch = batch_of(instances_of(fixtures_dir))
    words, entities = batch["words"]["tokens"], batch["entities"]
    assert not words["mask"].all()
    # Their form of spans: lists of 30 positions, filled up with -1. Shape: (batch, 1, 30)
    spans = entities["entity_spans"]
    positions = spans[..., :1] + torch.arange(30)
    positions = torch.where(positions <= spans[..., 1:], positions, -1)
    assert (positions >= 0).all(dim=-1).any()
    with torch.no_grad():
        ours = model(**batch)
        theirs = huggingface(model)(
            input_ids=words["token_ids"],
            attention_mask=words["mask"].long(),
            entity_ids=entities["entity_ids"],
            entity_attention_mask=entities["entity_mask"].long(),
            entity_position_ids=positions,
            labels=batch["labels"],
        )
    assert ours["logits"].std() > 0.1
    torch.testing.assert_close(ours["logits"], theirs.logits, atol=1e-5, rtol=1e-5)
    assert ours["loss"].item() == pytest.approx(theirs.loss.item(), rel=1e-5)


def test_loss_is_the_mean_over_all_cells(model: Model, fixtures_dir: Path) -> None:
    batch = batch_of(instances_of(fixtures_dir))
    output = model(**batch)
    probabilities = output["logits"].double().sigmoid()
    terms = [
        -(probability if label else 1 - probability).log().item()
        for row, labels in zip(probabilities, batch["labels"], strict=True)
        for probability, label in zip(row, labels, strict=True)
    ]
    assert len(terms) == 12 * 9 and not batch["labels"].any(dim=1).all()
    assert output["loss"].item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_loss_is_of_float32(model: Model, fixtures_dir: Path) -> None:
    batch = batch_of(instances_of(fixtures_dir))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model.train()(**batch)
    assert output["logits"].dtype == torch.bfloat16 and output["loss"].dtype == torch.float32


class TestPredictions:
    def test_are_the_types_above_zero(self, model: Model, fixtures_dir: Path) -> None:
        instances = instances_of(fixtures_dir)
        logits = model(**batch_of(instances))["logits"]
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

    def test_single_instances_equal_batches(self, model: Model, fixtures_dir: Path) -> None:
        instances = instances_of(fixtures_dir)
        for instance, together in zip(instances, model.forward_on_instances(instances), strict=True):
            alone = model.forward_on_instance(instance)
            assert alone["labels"] == together["labels"]
            assert alone["probabilities"] == pytest.approx(together["probabilities"], abs=1e-5)

    def test_zero_is_not_enough(self, model: Model, fixtures_dir: Path) -> None:
        with torch.no_grad():
            model.classifier.weight.zero_()
            model.classifier.bias.zero_()
        outputs = model.forward_on_instances(instances_of(fixtures_dir))
        assert all(output["labels"] == [] for output in outputs)

    def test_without_labels(self, model: Model, fixtures_dir: Path) -> None:
        batch = batch_of(instances_of(fixtures_dir))
        del batch["labels"]
        assert set(model(**batch)) == {"logits"}
        assert model.get_metrics(reset=True)["exact_match"] == 0.0


class TestAblations:
    def test_word_state_is_that_of_the_first_marker(self, fixtures_dir: Path) -> None:
        embedder = luke(fixtures_dir, entities=[])
        model = randomise(
            EntityTypingModel(vocabulary(), embedder, use_entity_state=False, use_word_states=True)
        )
        batch = batch_of(instances_of(fixtures_dir))
        tokens, spans = batch["words"]["tokens"], batch["entities"]["entity_spans"]
        marker = WordTokenizer(str(fixtures_dir / "tiny-luke"), ["[ENTITY]"]).marker_ids["[ENTITY]"]
        rows = torch.arange(len(spans))
        assert (tokens["token_ids"][rows, spans[:, 0, 0]] == marker).all()
        states = embedder.luke(tokens["token_ids"], tokens["mask"]).tokens[rows, spans[:, 0, 0]]
        torch.testing.assert_close(model(**batch)["logits"], model.classifier(states), atol=1e-5, rtol=1e-5)
        assert model.classifier.in_features == 64

    def test_both_states(self, fixtures_dir: Path) -> None:
        model = randomise(EntityTypingModel(vocabulary(), luke(fixtures_dir), use_word_states=True))
        batch = batch_of(instances_of(fixtures_dir))
        words, entities = model.embedder.encode(**batch["words"]["tokens"], **batch["entities"])
        firsts = batch["entities"]["entity_spans"][:, 0, 0]
        features = torch.cat([words[torch.arange(len(firsts)), firsts], entities[:, 0]], dim=-1)
        torch.testing.assert_close(model(**batch)["logits"], model.classifier(features), atol=1e-5, rtol=1e-5)
        assert model.classifier.in_features == 128

    @pytest.mark.parametrize("name", TINY)
    def test_every_parameter_that_is_trained_has_a_gradient(self, fixtures_dir: Path, name: str) -> None:
        markers = {"[ENTITY]": "."}  # the tiny BERT has no "@"
        embedder = luke(fixtures_dir, name, entities=[], marker_tokens=markers)
        words = EntityTypingModel(vocabulary(), embedder, use_entity_state=False, use_word_states=True)
        entity = EntityTypingModel(vocabulary(), luke(fixtures_dir, name, marker_tokens=markers))
        for model in (words, entity):
            model(**batch_of(instances_of(fixtures_dir, name)))["loss"].backward()
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
        batch = batch_of(instances_of(fixtures_dir, name, marker="@"))
        torch.testing.assert_close(ours(**batch)["logits"], theirs(**batch)["logits"], atol=1e-5, rtol=1e-5)


class TestOptions:
    def test_head(self, fixtures_dir: Path) -> None:
        embedder = luke(fixtures_dir)
        model = EntityTypingModel(vocabulary(), embedder)
        assert model.dropout.p == 0.1
        assert EntityTypingModel(vocabulary(), embedder, dropout=0.0).dropout.p == 0.0
        assert model.classifier.weight.shape == (9, 64) and not model.classifier.bias.any()
        assert model.classifier.weight.std().item() == pytest.approx(0.02, rel=0.15)
        initializer = InitializerApplicator.from_params(
            Params({"regexes": [["classifier.bias", {"type": "constant", "val": 7}]]})
        )
        assert (EntityTypingModel(vocabulary(), embedder, initializer=initializer).classifier.bias == 7).all()

    def test_any_namespace(self, fixtures_dir: Path) -> None:
        vocab = vocabulary(namespace="type_labels")
        model = EntityTypingModel(vocab, luke(fixtures_dir), label_namespace="type_labels").eval()
        instances = instances_of(fixtures_dir, label_namespace="type_labels")
        assert model(**batch_of(instances, vocab))["loss"].item() == pytest.approx(0.69, abs=0.1)
        assert list(model.forward_on_instances(instances)[0]["probabilities"]) == LABELS

    @pytest.mark.parametrize(
        "options, labels, namespace, message",
        [
            ({"use_entity_state": False}, LABELS, "labels", "both false; one of them must be true"),
            ({}, [], "labels", "'labels' is empty; build it from data .* 'luke_entity_typing'"),
            ({"label_namespace": "types"}, LABELS, "types", "'types' has AllenNLP's padding"),
        ],
    )
    def test_mistakes(
        self, fixtures_dir: Path, options: Dict[str, Any], labels: List[str], namespace: str, message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            EntityTypingModel(vocabulary(labels, namespace), luke(fixtures_dir), **options)

    def test_embedder_without_entities(self) -> None:
        with pytest.raises(ConfigurationError, match="PassThroughTokenEmbedder, which knows no entities"):
            EntityTypingModel(vocabulary(), PassThroughTokenEmbedder(64))


class TestMetrics:
    def test_none_in_training(self, model: Model, fixtures_dir: Path) -> None:
        model.train()(**batch_of(instances_of(fixtures_dir)))
        assert model.get_metrics(reset=True) == {}
        # What was trained on is not scored later.
        assert set(model.eval().get_metrics(reset=True).values()) == {0.0}

    def test_scores_are_those_of_the_predictions(self, model: Model, fixtures_dir: Path) -> None:
        instances = instances_of(fixtures_dir)
        for at in range(0, len(instances), 5):
            model(**batch_of(instances[at : at + 5]))
        correct = predicted = gold = exact = 0
        for instance in instances:
            found = set(model.forward_on_instance(instance)["labels"])
            expected = set(instance["labels"].labels)
            correct += len(found & expected)
            predicted += len(found)
            gold += len(expected)
            exact += found == expected
        # Each once, though those of `forward_on_instance` came again.
        scores = model.get_metrics(reset=True)
        assert correct > 0
        assert scores["precision"] == pytest.approx(correct / predicted)
        assert scores["recall"] == pytest.approx(correct / gold)
        assert scores["f1"] == pytest.approx(2 * correct / (predicted + gold))
        assert scores["exact_match"] == pytest.approx(exact / 12)
        assert set(model.get_metrics().values()) == {0.0}

    def test_loss_of_a_perfect_model(self, model: Model, fixtures_dir: Path) -> None:
        batch = batch_of(instances_of(fixtures_dir))
        wanted = (batch["labels"] * 2 - 1) * 20.0
        model.classifier.forward = lambda _: wanted
        output = model(**batch)
        assert output["loss"].item() < 1e-6
        assert model.get_metrics(reset=True) == {
            name: 1.0
            for name in ("precision recall f1 macro_precision macro_recall macro_f1 exact_match".split())
        }
        assert F.binary_cross_entropy_with_logits(-wanted, batch["labels"].float()) > 10


def test_default_predictor(model: Model) -> None:
    assert model.default_predictor == "luke_entity_typing"
