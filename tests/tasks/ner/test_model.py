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
from allennlp.modules.token_embedders.token_embedder import TokenEmbedder
from allennlp.nn import InitializerApplicator
from transformers import LukeConfig, LukeForEntitySpanClassification

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.examples import Document, LabeledSpan, Sentence
from luke_allennlp.tasks.ner.model import NerModel
from luke_allennlp.tasks.ner.reader import NIL, NerReader, sentences_of
from luke_allennlp.token_embedders import LukeEmbedder

CONFIG = Path(__file__).with_name("experiment.jsonnet")
LABELS = [NIL, "LOC", "MISC", "ORG", "PER"]
TINY = ["tiny-luke", "tiny-roberta", "tiny-bert"]


@pytest.fixture(autouse=True)
def environment(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the experiment's config reads."""
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
    monkeypatch.setenv("LUKE_DATA", str(fixtures_dir))


class TestExperiment(ModelTestCase):
    """AllenNLP's own checks of a model."""

    def overrides(self, **options: Any) -> str:
        return json.dumps({"trainer.cuda_device": -1, **options})

    def test_can_train_save_and_load(self) -> None:
        self.ensure_model_can_train_save_and_load(CONFIG, overrides=self.overrides())

    @pytest.mark.slow
    def test_words_alone_can_train_save_and_load(
        self, fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-bert"))
        config = self.TEST_DIR / "words.jsonnet"
        config.write_text(f"(import '{CONFIG}') + {{ use_entity_state:: false }}")
        self.ensure_model_can_train_save_and_load(config, overrides=self.overrides())

    def test_batches_are_consistent(self, fixtures_dir: Path) -> None:
        self.set_up_model(CONFIG, fixtures_dir / "ner" / "dev.conll", seed=5)
        # Predictions are compared below: here they would have to be the same to the last bit.
        self.ensure_batch_predictions_are_consistent(keys_to_ignore=["predictions"])

    def test_batch_norm(self, fixtures_dir: Path) -> None:
        self.set_up_model(CONFIG, fixtures_dir / "ner" / "dev.conll")
        self.test_model_batch_norm_verification()


def vocabulary(labels: Optional[List[str]] = None) -> Vocabulary:
    vocab = Vocabulary()
    for label in LABELS if labels is None else labels:
        vocab.add_token_to_namespace(label, "labels")
    return vocab


def instances_of(directory: Path, name: str = "tiny-luke", count: int = 9, **options: Any) -> List[Instance]:
    """The first sentences of the corpus, of all sizes."""
    reader = NerReader(WordTokenizer(str(directory / name)), **{"max_length": 64, **options})
    return list(reader.read(str(directory / "ner" / "dev.conll")))[:count]


def batch_of(instances: List[Instance], vocab: Optional[Vocabulary] = None) -> Dict[str, Any]:
    batch = Batch(instances)
    batch.index_instances(vocab or vocabulary())
    return batch.as_tensor_dict()


def luke(directory: Path, name: str = "tiny-luke", **options: Any) -> LukeEmbedder:
    return LukeEmbedder(str(directory / name), **{"entities": ["[PAD]", "[MASK]"], **options})


def randomise(model: Model, seed: int = 3) -> Model:
    """Weights far from those of a fresh model, so that nothing is close to zero by chance."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return model.eval()


@pytest.fixture
def model(fixtures_dir: Path) -> Model:
    return randomise(NerModel(vocabulary(), luke(fixtures_dir)))


def huggingface(model: NerModel) -> LukeForEntitySpanClassification:
    config: LukeConfig = LukeConfig(**model.embedder.luke.config.to_dict())
    config.num_labels = len(LABELS)
    config._attn_implementation = "eager"
    theirs = LukeForEntitySpanClassification(config).eval()
    state = {f"luke.{name}": value for name, value in model.embedder.luke.state_dict().items()}
    state["classifier.weight"], state["classifier.bias"] = model.classifier.weight, model.classifier.bias
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(".pooler." in name or name.endswith("position_ids") for name in missing)
    return theirs


def position_ids(spans: torch.Tensor, length: int = 30) -> torch.Tensor:
    """Their form of spans: lists of positions, filled up with -1. Shape: (batch, entities, length)."""
    positions = spans[..., :1] + torch.arange(length)
    return torch.where((positions <= spans[..., 1:]) & (spans[..., :1] >= 0), positions, -1)


@pytest.mark.parametrize("entity_aware", [True, False])
def test_equals_huggingface(fixtures_dir: Path, entity_aware: bool) -> None:
    model = randomise(NerModel(vocabulary(), luke(fixtures_dir, entity_aware_attention=entity_aware)))
    batch = batch_of(instances_of(fixtures_dir))
    words, entities = batch["words"]["tokens"], batch["entities"]
    assert not words["mask"].all() and not entities["entity_mask"].all()
    with torch.no_grad():
        ours = model(**batch)
        theirs = huggingface(model)(
            input_ids=words["token_ids"],
            attention_mask=words["mask"].long(),
            entity_ids=entities["entity_ids"],
            entity_attention_mask=entities["entity_mask"].long(),
            entity_position_ids=position_ids(entities["entity_spans"]),
            entity_start_positions=entities["entity_spans"][..., 0].clamp(min=0),
            entity_end_positions=entities["entity_spans"][..., 1].clamp(min=0),
        )
    mask = entities["entity_mask"]
    assert ours["logits"][mask].std() > 0.1
    torch.testing.assert_close(ours["logits"][mask], theirs.logits[mask], atol=1e-5, rtol=1e-5)
    expected = torch.nn.functional.cross_entropy(theirs.logits[mask], batch["labels"][mask])
    assert ours["loss"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_batches_predict_what_single_instances_do(model: Model, fixtures_dir: Path) -> None:
    instances = instances_of(fixtures_dir)
    together = model.forward_on_instances(instances)
    found = 0
    for instance, output in zip(instances, together, strict=True):
        alone = model.forward_on_instance(instance)
        assert set(alone) == set(output) == {"predictions"}
        assert len(alone["predictions"]) == len(output["predictions"])
        for one, other in zip(alone["predictions"], output["predictions"], strict=True):
            assert one == {
                **other,
                "logit": pytest.approx(other["logit"], abs=1e-5),
                "score": pytest.approx(other["score"], abs=1e-5),
            }
            found += 1
    assert found > 20


def test_predictions_are_the_best_labels(model: Model, fixtures_dir: Path) -> None:
    batch = batch_of(instances_of(fixtures_dir))
    output = model(**batch)
    for row, data, predictions in zip(
        output["logits"], batch["metadata"], output["predictions"], strict=True
    ):
        expected = []
        for scores, (start, end) in zip(row, data["candidates"].tolist(), strict=False):
            best = int(scores.argmax())
            if LABELS[best] != NIL:
                expected.append(
                    {
                        "start": start,
                        "end": end,
                        "label": LABELS[best],
                        "logit": pytest.approx(scores[best].item(), rel=1e-6),
                        "score": pytest.approx(scores.softmax(-1)[best].item(), rel=1e-5),
                    }
                )
        assert predictions == expected
    # JSON can hold them.
    json.dumps(output["predictions"])


class TestAblations:
    def test_without_entity_state(self, fixtures_dir: Path) -> None:
        model = randomise(NerModel(vocabulary(), luke(fixtures_dir), use_entity_state=False))
        batch = batch_of(instances_of(fixtures_dir))
        mask = batch["entities"]["entity_mask"]
        logits = model(**batch)["logits"][mask]

        # No entity has a part in it: words alone through the encoder, the states at both ends.
        tokens, spans = batch["words"]["tokens"], batch["entities"]["entity_spans"]
        states = model.embedder.luke(tokens["token_ids"], tokens["mask"]).tokens
        rows = torch.arange(len(spans))[:, None]
        features = torch.cat([states[rows, spans[..., 0]], states[rows, spans[..., 1]]], dim=-1)
        torch.testing.assert_close(logits, model.classifier(features)[mask], atol=1e-5, rtol=1e-5)
        assert model.classifier.in_features == 128

    def test_without_word_states(self, fixtures_dir: Path) -> None:
        model = randomise(NerModel(vocabulary(), luke(fixtures_dir), use_word_states=False))
        batch = batch_of(instances_of(fixtures_dir))
        mask = batch["entities"]["entity_mask"]
        states = model.embedder.encode(**batch["words"]["tokens"], **batch["entities"]).entities
        torch.testing.assert_close(
            model(**batch)["logits"][mask], model.classifier(states)[mask], atol=1e-5, rtol=1e-5
        )
        assert model.classifier.in_features == 64

    @pytest.mark.parametrize("name", TINY)
    def test_words_of_every_checkpoint(self, fixtures_dir: Path, name: str) -> None:
        embedder = luke(fixtures_dir, name, entities=[])
        model = NerModel(vocabulary(), embedder, use_entity_state=False)
        batch = batch_of(instances_of(fixtures_dir, name))
        model(**batch)["loss"].backward()
        for parameter_name, parameter in model.named_parameters():
            # A process of several would wait for gradients that never come.
            assert (parameter.grad is not None) == parameter.requires_grad, parameter_name
        assert model.embedder.luke.embeddings.word_embeddings.weight.grad.abs().sum() > 0

    @pytest.mark.parametrize("name", ["tiny-roberta", "tiny-bert"])
    def test_entities_on_a_checkpoint_without(self, fixtures_dir: Path, name: str) -> None:
        model = NerModel(vocabulary(), luke(fixtures_dir, name))
        output = model(**batch_of(instances_of(fixtures_dir, name)))
        output["loss"].backward()
        assert model.embedder.luke.entity_embeddings.entity_embeddings.weight.grad[1].abs().sum() > 0

    def test_transformer_embedder_of_allennlp(self, fixtures_dir: Path) -> None:
        name = "tiny-roberta"
        theirs = NerModel(
            vocabulary(), PretrainedTransformerEmbedder(str(fixtures_dir / name)), use_entity_state=False
        ).eval()
        ours = NerModel(vocabulary(), luke(fixtures_dir, name, entities=[]), use_entity_state=False).eval()
        ours.classifier.load_state_dict(theirs.classifier.state_dict())
        batch = batch_of(instances_of(fixtures_dir, name))
        mask = batch["entities"]["entity_mask"]
        torch.testing.assert_close(
            ours(**batch)["logits"][mask], theirs(**batch)["logits"][mask], atol=1e-5, rtol=1e-5
        )
        assert theirs.dropout.p == 0.1
        theirs(**batch)["loss"].backward()


class TestOptions:
    def test_dropout_is_the_checkpoints(self, fixtures_dir: Path) -> None:
        assert NerModel(vocabulary(), luke(fixtures_dir)).dropout.p == 0.1
        assert NerModel(vocabulary(), luke(fixtures_dir, hidden_dropout=0.3)).dropout.p == 0.3
        assert NerModel(vocabulary(), luke(fixtures_dir), dropout=0.0).dropout.p == 0.0

    def test_initial_classifier(self, fixtures_dir: Path) -> None:
        embedder = luke(fixtures_dir)
        classifier = NerModel(vocabulary(), embedder).classifier
        assert classifier.weight.shape == (5, 3 * 64)
        assert classifier.weight.std().item() == pytest.approx(
            embedder.luke.config.initializer_range, rel=0.15
        )
        assert not classifier.bias.any()
        initializer = InitializerApplicator.from_params(
            Params({"regexes": [["classifier.bias", {"type": "constant", "val": 7}]]})
        )
        assert (NerModel(vocabulary(), embedder, initializer=initializer).classifier.bias == 7).all()

    def test_namespace_with_padding_is_refused(self, fixtures_dir: Path) -> None:
        vocab = Vocabulary()
        for label in ["PER", NIL]:
            vocab.add_token_to_namespace(label, "drugs")
        with pytest.raises(ConfigurationError, match="'drugs' has AllenNLP's padding and unknown tokens"):
            NerModel(vocab, luke(fixtures_dir), label_namespace="drugs")

    def test_without_entities_nothing_of_theirs_is_trained(self, fixtures_dir: Path) -> None:
        vocab = vocabulary()
        model = NerModel(vocab, luke(fixtures_dir), use_entity_state=False)
        model(**batch_of(instances_of(fixtures_dir), vocab))["loss"].backward()
        missed = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
        assert missed == []

    def test_any_labels_in_any_namespace(self, fixtures_dir: Path) -> None:
        vocab = Vocabulary()
        for label in ["PER", "dose", NIL]:
            vocab.add_token_to_namespace(label, "drug_labels")
        model = NerModel(vocab, luke(fixtures_dir), label_namespace="drug_labels").eval()
        with torch.no_grad():
            model.classifier.bias.copy_(torch.tensor([0.0, 50.0, 0.0]))
        instances = instances_of(fixtures_dir, label_namespace="drug_labels")
        outputs = model.forward_on_instances(instances)
        for instance, output in zip(instances, outputs, strict=True):
            assert len(output["predictions"]) == len(instance["entities"])
            assert {entity["label"] for entity in output["predictions"]} <= {"dose"}
        batch = batch_of(instances, vocab)
        # Labels that this vocabulary has not are left out of the loss.
        assert set(batch["labels"].unique().tolist()) == {-100, 0, 2}

    @pytest.mark.parametrize(
        ("embedder", "options", "labels", "message"),
        [
            (
                luke,
                {"use_entity_state": False, "use_word_states": False},
                LABELS,
                "use_entity_state and use_word_states are both false",
            ),
            (
                lambda _: PassThroughTokenEmbedder(64),
                {},
                LABELS,
                "PassThroughTokenEmbedder, which knows no entities; use one of type 'luke', or set",
            ),
            (luke, {}, ["O", "LOC"], "namespace 'labels' has no 'NIL'"),
            (
                luke,
                {"flat": False, "paper_compatible": True},
                LABELS,
                "set flat to true or paper_compatible to false",
            ),
        ],
    )
    def test_mistakes(
        self, fixtures_dir: Path, embedder: Any, options: Dict[str, Any], labels: List[str], message: str
    ) -> None:
        made: TokenEmbedder = embedder(fixtures_dir)
        with pytest.raises(ConfigurationError, match=message):
            NerModel(vocabulary(labels), made, **options)


class TestNumbers:
    @pytest.mark.parametrize("use_entity_state", [True, False])
    def test_batch_without_candidates(self, fixtures_dir: Path, use_entity_state: bool) -> None:
        reader = NerReader(WordTokenizer(str(fixtures_dir / "tiny-luke")))
        word = "xq" * 30
        document = Document("0", [Sentence([word], [LabeledSpan(0, 1, "LOC")]), Sentence([word] * 2, [])])
        chunks = [chunk for example in sentences_of(document) for chunk in reader.items(example)]
        instances = [reader.text_to_instance(chunk, labeled=True) for chunk in chunks]
        batch = batch_of(instances)
        assert not batch["entities"]["entity_mask"].any()
        rows = ["[PAD]", "[MASK]"] if use_entity_state else []
        embedder = luke(fixtures_dir, entities=rows)
        model = NerModel(vocabulary(), embedder, use_entity_state=use_entity_state)
        output = model(**batch)
        assert output["logits"].shape == (2, 0, 5)
        assert output["loss"].item() == 0.0
        output["loss"].backward()
        # None is missing: other processes would wait for it.
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None and not parameter.grad.any(), name
        model.eval()
        assert model(**batch)["predictions"] == [[], []]
        assert model.get_metrics(reset=True)["recall_LOC"] == 0.0

    def test_loss_is_the_mean_over_candidates(self, model: Model, fixtures_dir: Path) -> None:
        batch = batch_of(instances_of(fixtures_dir))
        output = model(**batch)
        mask = batch["entities"]["entity_mask"]
        log_probabilities = output["logits"][mask].log_softmax(-1)
        expected = -log_probabilities[torch.arange(len(log_probabilities)), batch["labels"][mask]].mean()
        assert output["loss"].item() == pytest.approx(expected.item(), rel=1e-5)

    def test_unknown_labels_count_in_no_loss(self, model: Model, fixtures_dir: Path) -> None:
        batch = batch_of(instances_of(fixtures_dir))
        batch["labels"][:, 1:] = -100
        expected = torch.nn.functional.cross_entropy(model(**batch)["logits"][:, 0], batch["labels"][:, 0])
        assert model(**batch)["loss"].item() == pytest.approx(expected.item(), rel=1e-5)

    def test_double(self, model: Model, fixtures_dir: Path) -> None:
        batch = batch_of(instances_of(fixtures_dir))
        single = model(**batch)
        double = model.double()(**batch)
        assert double["logits"].dtype == double["loss"].dtype == torch.float64
        mask = batch["entities"]["entity_mask"]
        torch.testing.assert_close(
            double["logits"][mask].float(), single["logits"][mask], atol=1e-5, rtol=1e-5
        )
        assert double["loss"].item() == pytest.approx(single["loss"].item(), rel=1e-5)

    def test_bfloat16_autocast(self, model: Model, fixtures_dir: Path) -> None:
        batch = batch_of(instances_of(fixtures_dir))
        single = model(**batch)["loss"]
        with torch.autocast("cpu", torch.bfloat16):
            output = model(**batch)
        assert output["loss"].dtype == torch.float32
        assert output["loss"].item() == pytest.approx(single.item(), rel=0.05)
        output["loss"].backward()

    def test_labels_change_nothing_but_the_loss(self, model: Model, fixtures_dir: Path) -> None:
        batch = batch_of(instances_of(fixtures_dir))
        with_labels = model(**batch)
        del batch["labels"]
        without = model(**batch)
        assert "loss" not in without
        assert without["predictions"] == with_labels["predictions"]
        del batch["metadata"]
        assert set(model(**batch)) == {"logits"}


class TestMetrics:
    @pytest.fixture
    def batches(self, fixtures_dir: Path) -> List[Dict[str, Any]]:
        # Chunks of a sentence fall into different batches.
        instances = instances_of(fixtures_dir, max_entities=20)
        return [batch_of(instances[at : at + 2]) for at in range(0, len(instances), 2)]

    def test_none_in_training(self, model: Model, batches: List[Dict[str, Any]]) -> None:
        model.train()
        for batch in batches:
            output = model(**batch)
            assert "predictions" not in output
            assert model.get_metrics() == model.get_metrics(reset=True) == {}
        # What was trained on is not scored later.
        assert model.eval().get_metrics(reset=True) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}

    def test_scores_are_those_of_the_decoded_predictions(self, fixtures_dir: Path) -> None:
        instances = instances_of(fixtures_dir, count=60, max_entities=20)
        for flat in (True, False):
            model = randomise(NerModel(vocabulary(), luke(fixtures_dir), flat=flat))
            predicted: Dict[Any, List[Dict[str, Any]]] = {}
            gold: Dict[Any, Any] = {}
            for at in range(0, len(instances), 2):
                batch = batch_of(instances[at : at + 2])
                for data, found in zip(batch["metadata"], model(**batch)["predictions"], strict=True):
                    key = (data["document"], data["sentence"])
                    predicted.setdefault(key, []).extend(found)
                    gold[key] = set(data["gold"])
            correct = total = 0
            for key, entities in predicted.items():
                chosen: List[Dict[str, Any]] = []
                for entity in sorted(entities, key=lambda entity: -entity["logit"]):
                    free = all(e["end"] <= entity["start"] or entity["end"] <= e["start"] for e in chosen)
                    if free or not flat:
                        chosen.append(entity)
                total += len(chosen)
                correct += len({(e["start"], e["end"], e["label"]) for e in chosen} & gold[key])
            scores = model.get_metrics(reset=True)
            assert total > 20
            assert scores["precision"] == pytest.approx(correct / total)
            assert scores["recall"] == pytest.approx(correct / sum(map(len, gold.values())))
            assert not any(name.startswith("paper_") for name in scores)

    def test_paper_compatible_scores_come_at_the_end(
        self, fixtures_dir: Path, batches: List[Dict[str, Any]]
    ) -> None:
        model = NerModel(vocabulary(), luke(fixtures_dir), paper_compatible=True).eval()
        for batch in batches:
            model(**batch)
            assert "paper_f1" not in model.get_metrics()
        assert {"f1", "paper_precision", "paper_recall", "paper_f1"} <= set(model.get_metrics(reset=True))


def test_default_predictor(model: Model) -> None:
    assert model.default_predictor == "luke_ner"
